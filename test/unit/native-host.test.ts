// The native host at its channel, driven by the library's own client: what it loads, what it refuses, what it says. How it serves workers is
// native-host-serving.test.ts.

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';

import t from 'tap';

import { ControlClient, FailureReply } from '../../src/control/control-client.ts';
import { ErrorCode, Placement } from '../../src/generated/control.js';
import { buildNative } from '../../tools/build-native.ts';
import { repoRoot } from '../../tools/lib/paths.ts';

// Compiling takes its time on a machine that does it for the first time.
t.setTimeout(600_000);

const buildDir = await buildNative();
const hostBin = join(buildDir, 'plugin-host/mediasoup-plugin-host-native');
const fixture = (name: string): string => join(buildDir, `plugin-host/test/plugins/${name}.so`);
const example = (name: string): string => join(buildDir, `examples/${name}/${name}.so`);

function startHost(t: { teardown(body: () => void): void }) {
	const child = spawn(hostBin, [], { stdio: ['ignore', 'inherit', 'pipe', 'pipe'] });
	const channel = child.stdio[3] as Socket;
	const client = new ControlClient({ socket: channel, peer: 'the host', timeoutMs: 10_000 });
	const load = (file: string, config: unknown = {}) =>
		client.request('LoadPlugin', {
			...{ pluginId: 'plugin-1', file, placement: Placement.Auto },
			config: typeof config === 'string' ? config : JSON.stringify(config),
		});

	t.teardown(() => child.kill('SIGKILL'));

	return { child, channel, client, load };
}

async function failureOf(request: Promise<unknown>): Promise<{ code: string; message: string }> {
	try {
		await request;
	} catch (error) {
		if (error instanceof FailureReply) {
			return { code: ErrorCode[error.failureCode] ?? '?', message: error.message };
		}
		throw error;
	}
	throw new Error('the request did not fail');
}

t.test('a plugin is loaded and introduces itself', async (t) => {
	const { client, load } = startHost(t);

	t.same(await load(fixture('accept-all')), { name: 'accept-all', version: '1.2.3', abiVersion: 3 });
	t.match(await failureOf(load(fixture('drop-all'))), { code: 'Exists', message: /has plugin plugin-1 already, from .*accept-all\.so/ });

	const { instances } = await client.request('GetHostStats', {});

	t.equal(instances.length, 1, 'the instance for the first worker is there already');
	t.match(instances[0], { workerPid: 0, packets: 0, verdicts: 0 });
});

t.test('what cannot be loaded is refused with the file, the reason and a remedy', async (t) => {
	const notAnObject = join(t.testdir({ 'plugin.so': 'not a shared object' }), 'plugin.so');
	const cases: readonly (readonly [file: string, code: string, message: RegExp])[] = [
		['/nowhere/plugin.so', 'PluginFile', /\/nowhere\/plugin\.so cannot be opened: No such file or directory; build the plugin, or correct the path/],
		['plugin.so', 'PluginFile', /"plugin\.so" is not an absolute path/],
		['', 'PluginFile', /"" is not an absolute path/],
		[repoRoot, 'PluginFile', /is not a regular file; give the path of the \.so itself/],
		[notAnObject, 'PluginFile', /plugin\.so: .*; it must be a shared object for this machine/],
		[fixture('no-entry'), 'PluginAbi', /no-entry\.so exports no mph_plugin_entry\(\)/],
		[fixture('wrong-abi'), 'PluginAbi', /wrong-abi\.so has ABI version 99, this host speaks version 3; rebuild the plugin/],
		[fixture('short-descriptor'), 'PluginAbi', /descriptor of 8 bytes, ABI version 3 has at least \d+/],
		[fixture('no-create'), 'PluginAbi', /without `create`/],
		[fixture('throws-in-create'), 'PluginCreate', /^plugin throws-in-create 1\.0\.0 could not be created: thrown on purpose$/],
		[fixture('fails-in-create'), 'PluginCreate', /create returned 7 and wrote no reason/],
	];
	const { load } = startHost(t);

	for (const [file, code, message] of cases) {
		t.match(await failureOf(load(file)), { code, message }, file);
	}
	t.match(await failureOf(load(fixture('fails-in-create'), { reason: 'no licence' })), { code: 'PluginCreate', message: /: no licence$/ });
	t.match(
		await failureOf(load(fixture('fails-in-create'), { reason: 'x'.repeat(5000) })),
		{ code: 'PluginCreate', message: /: x{1023}$/ },
		'a long reason is cut',
	);
	t.match(await load(fixture('accept-all')), { name: 'accept-all' }, 'the host is as good as new afterwards');
});

t.test('a plugin that crashes in create takes the host with it, and the request fails', async (t) => {
	const { child, load } = startHost(t);
	const exited = once(child, 'exit');

	await t.rejects(load(fixture('crash-on-nth'), { create: 1 }), { name: 'ConnectionEndedError' });
	t.same(await exited, [null, 'SIGABRT']);
});

t.test('requests that make no sense are refused', async (t) => {
	const { client, load } = startHost(t);
	const connect = (workerPid: number) => client.request('ConnectWorker', { workerPid, socketPath: '/nowhere.sock', token: '' });

	t.match(await failureOf(connect(1)), { code: 'NotFound', message: /send LoadPlugin first/ });
	t.match(await failureOf(client.request('GetStats', {})), { code: 'Malformed', message: 'a host does not take GetStats' });
	await load(fixture('accept-all'));
	t.match(await failureOf(connect(0)), { code: 'Malformed', message: /worker_pid is 0/ });
	t.match(await failureOf(connect(1)), { code: 'System', message: /cannot connect to worker 1 \(\/nowhere\.sock\): No such file or directory/ });
});

t.test('what is no control message ends the host, which says why', async (t) => {
	const tooLong = Buffer.alloc(4);

	tooLong.writeUInt32LE(2 * 1024 * 1024 + 1);

	for (const [bytes, message] of [
		[Buffer.from([8, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]), /8 bytes that are no control message/],
		[tooLong, /a frame of 2097153 bytes/],
	] as const) {
		const { child, channel } = startHost(t);
		const exited = once(child, 'close');

		let printed = '';

		child.stderr!.on('data', (chunk: Buffer) => (printed += chunk.toString()));
		channel.write(bytes);
		t.same(await exited, [1, null]);
		t.match(printed, message);
	}
});

t.test('the host ends when it is told to, and when nobody is there to tell it', async (t) => {
	for (const end of ['Shutdown', 'end of the channel'] as const) {
		const { child, channel, client, load } = startHost(t);
		const exited = once(child, 'exit');

		await load(fixture('accept-all'));
		if (end === 'Shutdown') {
			client.send('Shutdown', {});
		} else {
			channel.destroy();
		}
		t.same(await exited, [0, null], end);
	}
});

t.test('started by hand, it says who is to start it', async (t) => {
	const { status, stderr } = spawnSync(hostBin, { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });

	t.equal(status, 1);
	t.match(stderr, /is started by the library mediasoup-plugin-host, not by hand/);
});

t.test('a plugin that talks too much does not drown the app', async (t) => {
	const { client, load } = startHost(t);
	const messages: string[] = [];

	client.on('message', (message) => message.type === 'Log' && messages.push(message.body.message));
	await load(fixture('talker'), { messages: 5000 });
	await client.request('GetHostStats', {});
	t.ok(messages.length >= 100 && messages.length < 1000, `${messages.length} of 5000 messages came`);
	t.equal(messages[0], 'message 0');
});

t.test('a plugin that makes a counter per anything does not grow without end', async (t) => {
	const { client, load } = startHost(t);

	await load(fixture('talker'), { counters: 5000 });

	const { counters } = (await client.request('GetHostStats', {})).instances[0]!;

	t.equal([...counters.keys()].filter((name) => !name.startsWith('host.')).length, 257);
	t.equal(counters.get('counter 0'), 1);
	t.equal(counters.get('otherCounters'), 5000 - 256);
});

t.test('throttle names the field and the value that it does not take', async (t) => {
	const cases: readonly (readonly [config: unknown, message: RegExp])[] = [
		['{', /parse error/],
		[5, /config must be an object like {"packetsPerSecond": 200}, not 5/],
		[{}, /config\.packetsPerSecond is missing/],
		[{ packetsPerSecond: 0 }, /config\.packetsPerSecond must be a number greater than 0, not 0/],
		[{ packetsPerSecond: '9' }, /config\.packetsPerSecond must be a number greater than 0, not "9"/],
		[{ packetsPerSecond: 9, burst: 0.5 }, /config\.burst must be a number of at least 1, not 0.5/],
		[{ packetsPerSecond: 9, brust: 3 }, /config\.brust is unknown; known are packetsPerSecond and burst/],
	];
	const { load } = startHost(t);

	for (const [config, message] of cases) {
		t.match(await failureOf(load(example('throttle'), config)), { code: 'PluginCreate', message }, JSON.stringify(config));
	}
	t.match(await load(example('throttle'), { packetsPerSecond: 200 }), { name: 'throttle', abiVersion: 3 });
});

t.test('mph_plugin.h compiles as C99 and C++17 without a warning', async (t) => {
	const include = join(repoRoot, 'plugin-host/include');
	const strict = ['-Wall', '-Wextra', '-pedantic', '-Werror', '-fsyntax-only', `-I${include}`];
	const source = '#include "mph_plugin.h"\n#include "mph_plugin.h"\n';
	const dir = t.testdir();

	for (const [compiler, standard, file] of [
		['cc', 'c99', 'header.c'],
		['c++', 'c++17', 'header.cpp'],
	] as const) {
		writeFileSync(join(dir, file), source);
		t.doesNotThrow(() => execFileSync(compiler, [`-std=${standard}`, ...strict, join(dir, file)], { stdio: 'pipe' }), standard);
	}
});

t.test('the examples compile by the command in their README', async (t) => {
	const hasReadme = (name: string): boolean => existsSync(join(repoRoot, 'examples', name, 'README.md'));
	const isScript = (name: string): boolean => readdirSync(join(repoRoot, 'examples', name)).some((file) => file.endsWith('.ts'));

	for (const name of readdirSync(join(repoRoot, 'examples')).filter((name) => hasReadme(name) && !isScript(name))) {
		const folder = join(repoRoot, 'examples', name);
		const readme = readFileSync(join(folder, 'README.md'), 'utf8');
		const command = /```sh\n(.*)\n```/.exec(readme)?.[1];

		t.ok(command, `${name} has a command`);
		execFileSync('sh', ['-c', command!.replace(/-o \S+/, `-o ${join(t.testdir(), `${name}.so`)}`)], { cwd: folder, stdio: 'pipe' });
	}
});
