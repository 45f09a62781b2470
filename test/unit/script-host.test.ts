// The process that runs scripts, with the real addon: how it loads them, what it prints, how its threads and itself end.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Test } from 'tap';
import t from 'tap';

import { Placement } from '../../src/generated/control.js';
import { hostCommandFor } from '../../src/host-command.ts';
import { HostProcess } from '../../src/host-process.ts';
import type { ScriptSettings } from '../../src/script-options.ts';
import { repoRoot } from '../../tools/lib/paths.ts';
import { fixturePlugin } from '../helpers/binaries.ts';
import { inTime } from '../helpers/events.ts';
import { until } from '../helpers/until.ts';

const settings: ScriptSettings = { execArgv: [], threadLimits: {}, dev: true };
const preamble = `import { definePlugin } from ${JSON.stringify(join(repoRoot, 'src/plugin/index.ts'))};\n`;

type Stage = { readonly host: HostProcess; readonly lines: string[] };

function start(t: Test, options: Partial<ScriptSettings> = {}): Stage {
	const command = hostCommandFor('script', undefined, { ...settings, ...options });
	const host = new HostProcess({ ...command, kind: 'script', pluginFile: 'plugin.ts', timeoutMs: 60_000 });
	const lines: string[] = [];

	host.on('log', (level, line, pluginId) => lines.push(`${level} ${pluginId}: ${line}`));
	t.teardown(() => host.kill());

	return { host, lines };
}

/** A plugin whose setup() does that. */
function plugin(t: Test, body: string): string {
	return join(t.testdir({ 'plugin.ts': `${preamble}export default definePlugin({ version: '2.0.0', setup({ log, config }) {\n${body}\nreturn {};\n} });` }), 'plugin.ts');
}

const load = (file: string, pluginId = 'plugin-1', config: unknown = {}) => ({ pluginId, file, config: JSON.stringify(config), placement: Placement.Auto });

t.test('a script is loaded, logs and prints, and the process ends in good order', async (t) => {
	const { host, lines } = start(t);
	const file = plugin(t, "log.warn(`got ${JSON.stringify(config)}`);\nconsole.log('to stdout');\nconsole.error('to stderr');");

	t.match(await host.loadPlugin(load(file, 'plugin-1', { n: 1 })), { name: 'plugin', version: '2.0.0', abiVersion: 3 });
	await until('its lines', () => lines.length >= 3);
	t.same([...lines].sort(), ['info : to stdout', 'warn : to stderr', 'warn plugin-1: got {"n":1}']);
	t.match(await host.getStats(), [{ pluginId: 'plugin-1', workerPid: 0 }]);
	host.shutdown(60_000);
	t.same(await inTime('its end', host.exited), { code: 0, signal: null });
});

t.test('scripts and shared objects share a process, and each is unloaded by itself', async (t) => {
	const { host } = start(t);

	await host.loadPlugin(load(plugin(t, ''), 'script'));
	t.match(await host.loadPlugin(load(fixturePlugin('accept-all'), 'native')), { name: String, abiVersion: 3 });
	t.same((await host.getStats()).map(({ pluginId }) => pluginId).sort(), ['native', 'script']);
	await host.unloadPlugin('script');
	t.same((await host.getStats()).map(({ pluginId }) => pluginId), ['native']);
});

for (const [title, body, message] of [
	['throws', "throw new RangeError('too far');", /plugin: setup\(\) threw at .*plugin\.ts:3:7: RangeError: too far/],
	['rejects', "return Promise.reject(new Error('later')) as never;", /plugin: setup\(\) threw at .*plugin\.ts:3:23: Error: later/],
	['returns what are no handlers', 'return { onPakcet() {} } as never;', /onPakcet/],
	['lets an exception escape', "setTimeout(() => { throw new Error('loose'); });\nreturn new Promise<never>(() => {});", /an exception that nobody caught, threw at .*plugin\.ts:3:26: Error: loose/],
	['forgets a promise', "void Promise.reject(new Error('forgotten'));\nreturn new Promise<never>(() => {});", /a promise that nobody awaits threw at .*plugin\.ts:3:21: Error: forgotten/],
	['calls process.exit()', 'process.exit(7);', /process\.exit\(7\)/],
] as const) {
	t.test(`a plugin whose setup() ${title} is refused with file and line, and the next one has a chance`, async (t) => {
		const { host } = start(t);

		await t.rejects(host.loadPlugin(load(plugin(t, body))), { code: 'MPH_ERR_PLUGIN_CREATE', message });
		t.match(await host.loadPlugin(load(fixturePlugin('accept-all'), 'next')), { abiVersion: 3 });
	});
}

t.test('a heap that is exhausted in setup() costs the thread, not the process', async (t) => {
	const { host, lines } = start(t, { threadLimits: { maxOldGenerationSizeMb: 16 } });
	const file = plugin(t, 'const all: unknown[] = [];\nfor (;;) all.push({ all });');

	await t.rejects(host.loadPlugin(load(file)), { code: 'MPH_ERR_PLUGIN_CREATE' });
	await until('why', () => lines.some((line) => /memory limit.*threadLimits/.test(line)));
	t.match(await host.loadPlugin(load(fixturePlugin('accept-all'), 'next')), { abiVersion: 3 });
});

t.test('what is printed right before the process dies is not lost', async (t) => {
	const { host, lines } = start(t);
	const file = plugin(t, "for (let i = 0; i < 100; i++) console.log(`line ${i}`);\nprocess.kill(process.pid, 'SIGKILL');\nfor (;;);");

	await t.rejects(host.loadPlugin(load(file)), { code: 'MPH_ERR_HOST_DIED' });
	await until('its last line', () => lines.includes('info : line 99'));
	t.equal(lines.length, 100);
});

t.test('options of Node and of its threads reach the process', async (t) => {
	const { host, lines } = start(t, { execArgv: ['--stack-trace-limit=3'], threadLimits: { stackSizeMb: 2 } });

	await host.loadPlugin(load(plugin(t, "log.info(process.execArgv.join());")));
	await until('its line', () => lines.length > 0);
	t.same(lines, ['info plugin-1: --stack-trace-limit=3']);
	t.match(readFileSync(`/proc/${host.pid}/cmdline`, 'utf8').split('\0'), [/node/, '--stack-trace-limit=3', /runner\/main\.ts$/, /"stackSizeMb":2/]);
});

t.test('without an addon that can be loaded the process says so and ends', async (t) => {
	const command = hostCommandFor('script', undefined, settings);
	const [runner] = command.args;
	const broken = new HostProcess({
		...{ bin: command.bin, args: [runner!, JSON.stringify({ ...settings, addon: '/nowhere/mph_host.node' })] },
		...{ kind: 'script', pluginFile: 'plugin.ts', timeoutMs: 60_000 },
	});

	await t.rejects(broken.loadPlugin(load('/x.ts')), { code: 'MPH_ERR_HOST_DIED', message: /exited with code 1.*the addon \/nowhere\/mph_host\.node cannot be loaded by Node.*mediasoup-plugin-host build/ });

	process.env['MPH_ADDON'] = '/nowhere/mph_host.node';
	t.teardown(() => delete process.env['MPH_ADDON']);
	t.throws(() => hostCommandFor('script', undefined, settings), { code: 'MPH_ERR_HOST_BIN', message: /\/nowhere\/mph_host\.node.*MPH_ADDON/ });
});
