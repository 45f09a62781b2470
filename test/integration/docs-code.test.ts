// What README.md and docs/writing-a-plugin.md show in TypeScript: all of it passes the compiler, by the names that the package exports; a plugin is loaded
// and gets packets and messages, an app is run.

import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';

import t from 'tap';

import { examplePlugin } from '../../tools/lib/example-plugin.ts';
import { repoRoot } from '../../tools/lib/paths.ts';
import { allDocBlocks } from '../helpers/doc-blocks.ts';
import { openMediaStage, sendMedia } from '../helpers/media.ts';
import { until } from '../helpers/until.ts';

const dir = t.testdir();
const modules = join(repoRoot, 'node_modules');
const include = 'node_modules/mediasoup-plugin-host/plugin-host/include';

/** In a piece of an app. */
const appGiven = [
	"declare const pluginHost: import('mediasoup-plugin-host').PluginHost;",
	"declare const router: import('mediasoup').types.Router;",
	'export {};',
	'',
].join('\n');

const blocks = [...allDocBlocks('ts'), ...allDocBlocks('js')].map((block, i) => {
	const kind = block.text.includes('export default definePlugin(') ? 'plugin' : block.text.includes("from 'mediasoup-plugin-host'") ? 'app' : 'piece';

	return { ...block, kind, path: join(dir, block.file ?? `block-${i}.${block.language}`) };
});

function run(command: string, args: readonly string[], cwd: string): { readonly failed: boolean; readonly said: string } {
	const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' });

	return { failed: status !== 0, said: `${stdout}${stderr}` };
}

/** The package as an app finds it that has installed it. */
function install(): void {
	const { failed, said } = run('npm', ['run', '-s', 'build'], repoRoot);

	if (failed) {
		throw new Error(`npm run build: ${said}`);
	}
	mkdirSync(join(dir, 'node_modules'));
	symlinkSync(repoRoot, join(dir, 'node_modules/mediasoup-plugin-host'));

	for (const name of ['mediasoup', 'zod', '@types']) {
		symlinkSync(join(modules, name), join(dir, 'node_modules', name));
	}
	copyFileSync(examplePlugin('throttle'), join(dir, 'throttle.so'));
	writeFileSync(join(dir, 'package.json'), '{ "type": "module" }');

	for (const { path, kind, given, text } of blocks) {
		mkdirSync(dirname(path), { recursive: true });
		writeFileSync(path, `${kind === 'piece' ? appGiven : ''}${given}${text}`);
	}
}

install();

t.test('all of it passes the compiler', async (t) => {
	const compilerOptions = { paths: {}, noUnusedLocals: false, noUnusedParameters: false, checkJs: true };

	t.ok(blocks.length >= 5, 'there are blocks');
	writeFileSync(join(dir, 'tsconfig.json'), JSON.stringify({ extends: join(repoRoot, 'tsconfig.json'), compilerOptions, include: ['**/*.ts', '**/*.js'], exclude: ['node_modules'] }));

	const { failed, said } = run(join(modules, '.bin/tsc'), ['-p', dir], dir);

	t.notOk(failed, `${blocks.map(({ where, path }) => `${path}: ${where}`).join('\n')}\n${said}`);
});

t.test('plugins are loaded, and decide on packets and messages', async (t) => {
	const stage = await openMediaStage(t);
	const { pluginHost, router } = stage;
	const plugins = blocks.filter(({ kind }) => kind === 'plugin');
	const source = allDocBlocks('c').find(({ file }) => file !== undefined)!;
	const [compile] = allDocBlocks('sh').filter(({ text }) => text.startsWith('cc '));
	const policies = { onTimeout: 'drop', onAbsent: 'drop', onOverflow: 'drop', onError: 'drop', deadlineMs: 10_000 } as const;
	const none = { timeoutDropped: 0, errorDropped: 0 };
	const { stop } = await sendMedia(stage, 'audio');
	const dataTransport = await router.createDirectTransport();
	const dataProducer = await dataTransport.produceData({ label: 'chat' });

	writeFileSync(join(dir, source.file!), source.text);
	t.ok(compile!.text.includes(include), 'the header is where an app has it');

	const { failed, said } = run('sh', ['-c', compile!.text], dir);

	t.notOk(failed, said);
	t.ok(plugins.length >= 3);

	for (const { where, path } of [...plugins, { where: source.where, path: join(dir, source.file!.replace(/c$/, 'so')) }]) {
		const plugin = await pluginHost.createPlugin({ file: path });
		const audio = await plugin.attach({ router, kinds: ['audio'], mode: 'filter', ...policies });
		const data = await plugin.attach({ router, kinds: [], dataProducers: true, mode: 'filter', ...policies });
		let said = '';

		plugin.observer.on('log', (_level, line) => (said += `${line}\n`));
		await until(`${where}: packets and messages`, async () => {
			const [packets, messages] = [await audio.getStats(), await data.getStats()];

			dataProducer.send('hello');

			return packets.accepted + packets.dropped + packets.taken + packets.replaced + packets.bypassed > 20 && messages.accepted + messages.replaced > 2;
		});
		t.match([await audio.getStats(), await data.getStats()], [none, none], where);
		t.equal((await plugin.getStats()).instances[0]!.counters['script.throws'] ?? 0, 0, where);
		t.equal(said, '', `${where} says nothing that it should not`);
		plugin.close();
	}
	await stop();
});

t.test('apps run', async (t) => {
	const apps = blocks.filter(({ kind }) => kind === 'app');

	t.ok(apps.length >= 2);

	for (const { where, path, file } of apps) {
		// One that says nothing of its own says that it came to its end.
		const runs = file === undefined ? `${path}.main.ts` : path;

		if (file === undefined) {
			writeFileSync(runs, `await import(${JSON.stringify(path)});\nconsole.log('came to its end');\n`);
		}

		const app = spawn(process.execPath, [runs], { cwd: dir, stdio: ['ignore', 'pipe', 'pipe'] });
		const lines: string[] = [];
		let isOver = false;

		t.teardown(() => app.kill('SIGKILL'));
		app.once('exit', () => (isOver = true));
		createInterface(app.stdout).on('line', (line) => lines.push(line));
		createInterface(app.stderr).on('line', (line) => lines.push(`stderr: ${line}`));
		await until(`${where}: what it says`, () => isOver || lines.some((line) => (file === undefined ? line === 'came to its end' : Number(/(\d+) heard$/.exec(line)?.[1]) >= 25)));
		t.notOk(isOver, `${where} goes on: ${lines.join('\n')}`);

		t.ok(lines.every((line) => /^(\d+ sent, \d+ heard|came to its end)$/.test(line)), `${where}: ${lines.join('\n')}`);

		if (file !== undefined) {
			const [sent, heard] = lines.at(-1)!.match(/\d+/g)!.map(Number);

			// About half, on a machine that lets no deadline pass.
			t.ok(heard! <= sent! * 0.75, `${where}: ${lines.at(-1)}`);
		}
		app.kill('SIGTERM');
		await until(`${where}: its end`, () => isOver);
	}
});

t.end();
