import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import t from 'tap';

import { Placement } from '../../src/generated/control.js';
import type { HostProcessOptions } from '../../src/host-process.ts';
import { HostProcess } from '../../src/host-process.ts';
import { fixturePlugin, nativeHostBin } from '../helpers/binaries.ts';
import { inTime, nextEvent } from '../helpers/events.ts';
import { hostScript, isAlive, standInHost } from '../helpers/processes.ts';
import { until } from '../helpers/until.ts';

function start(t: Test, bin: string, options: Partial<HostProcessOptions> = {}): HostProcess {
	const host = new HostProcess({ bin, pluginFile: '/plugins/some.so', timeoutMs: 10_000, ...options });

	t.teardown(() => host.kill());

	return host;
}

const load = (file: string, config: unknown = {}) => ({
	pluginId: 'plugin-1',
	file,
	config: JSON.stringify(config),
	placement: Placement.Auto,
});

t.test('the native host loads a plugin and says what it is', async (t) => {
	const file = fixturePlugin('accept-all');
	const host = start(t, nativeHostBin, { pluginFile: file });

	t.match(await host.loadPlugin(load(file)), { name: String, abiVersion: 3 });
	t.match(await host.getStats(), [{ workerPid: 0, packets: 0 }]);
	host.shutdown(10_000);
	t.same(await inTime('its end', host.exited), { code: 0, signal: null });
});

t.test('what is wrong with a plugin file has a code and names the file', async (t) => {
	const noLibrary = join(t.testdir({ 'text.so': 'this is no shared object' }), 'text.so');

	for (const [file, name, code, message] of [
		[noLibrary, 'PluginLoadError', 'MPH_ERR_PLUGIN_FILE', /text\.so.*it must be a shared object/],
		[fixturePlugin('no-entry'), 'PluginLoadError', 'MPH_ERR_PLUGIN_ABI', /no-entry\.so exports no mph_plugin_entry\(\)/],
		[fixturePlugin('wrong-abi'), 'PluginLoadError', 'MPH_ERR_PLUGIN_ABI', /wrong-abi\.so has ABI version 99, this host speaks version 3/],
		[fixturePlugin('fails-in-create'), 'PluginCreateError', 'MPH_ERR_PLUGIN_CREATE', /could not be created.*\(.*fails-in-create\.so\)/],
		[fixturePlugin('throws-in-create'), 'PluginCreateError', 'MPH_ERR_PLUGIN_CREATE', /thrown on purpose \(.*throws-in-create\.so\)/],
	] as const) {
		await t.rejects(start(t, nativeHostBin, { pluginFile: file }).loadPlugin(load(file)), { name, code, message });
	}
});

t.test('what it prints and logs comes line by line', async (t) => {
	const lines: string[] = [];
	const host = start(t, hostScript('echo to stdout; echo to stderr >&2; exec sleep 1000'));

	host.on('log', (level, line) => lines.push(`${level}: ${line}`));
	await until('two lines', () => lines.length === 2);
	t.same(lines.sort(), ['info: to stdout', 'warn: to stderr']);
});

t.test('a host that ends at once rejects what waits, and says how it ended and what it printed last', async (t) => {
	const host = start(t, hostScript('echo cannot find my library >&2; exit 127'));

	await t.rejects(host.loadPlugin(load('/plugins/some.so')), {
		name: 'HostDiedError',
		code: 'MPH_ERR_HOST_DIED',
		message: /host \d+ of some\.so exited with code 127 before it answered LoadPlugin; it printed last: cannot find my library/,
	});
	t.same(host.exit, { code: 127, signal: null });
});

t.test('a host that is killed says by which signal', async (t) => {
	const host = start(t, standInHost);

	await host.loadPlugin(load('x.so'));

	const exit = nextEvent(host, 'exit');

	process.kill(host.pid!, 'SIGSEGV');
	t.same(await exit, { code: null, signal: 'SIGSEGV' });
	await t.rejects(host.loadPlugin(load('x.so')), { code: 'MPH_ERR_HOST_DIED', message: /was ended by SIGSEGV/ });
});

t.test('a host that closes its channel and lives on is killed', async (t) => {
	const host = start(t, hostScript('exec 3>&-; exec sleep 1000'));

	await t.rejects(host.loadPlugin(load('x.so')), { code: 'MPH_ERR_HOST_DIED' });
	t.match(host.exit, { signal: 'SIGKILL' });
});

t.test('a host that writes garbage is cut off', async (t) => {
	const host = start(t, hostScript('echo this is no control message, and it is long enough to be read as a length >&3; exec sleep 1000'));
	const lost = nextEvent(host, 'channelclose');

	await t.rejects(host.loadPlugin(load('x.so')), { code: 'MPH_ERR_PROTOCOL', message: /host \d+ of some\.so broke the control protocol/ });
	await lost;
});

t.test('a host that does not answer in time is no reason to wait forever', async (t) => {
	const host = start(t, hostScript('exec sleep 1000'), { timeoutMs: 50 });

	await t.rejects(host.loadPlugin(load('x.so')), { name: 'TimeoutError', code: 'MPH_ERR_TIMEOUT', message: /did not answer LoadPlugin within 50 ms/ });
});

t.test('a binary that cannot be run is a host that died', async (t) => {
	const file = join(t.testdir({}), 'not-executable');

	writeFileSync(file, '');

	const host = start(t, file);

	await t.rejects(host.loadPlugin(load('x.so')), { code: 'MPH_ERR_HOST_DIED', message: /could not be started \(spawn .*EACCES\)/ });
	t.equal(host.pid, undefined);
});

t.test('a host that does not end when it is told to is killed after its grace', async (t) => {
	const host = start(t, standInHost);

	await host.loadPlugin(load('x.so', { stubborn: true }));
	host.shutdown(20);
	t.same(await inTime('its end', host.exited), { code: null, signal: 'SIGKILL' });
	t.notOk(isAlive(host.pid!));
});
