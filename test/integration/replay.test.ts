// A real crash, from the packet that two hosts died of to the replay that dies of it again, without a worker.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import * as mediasoup from 'mediasoup';
import t, { type Test } from 'tap';

import { type PoisonReport, createPluginHost } from '../../src/index.ts';
import { readCrashCapture } from '../../src/pcapng.ts';
import type { ReplayResult } from '../../tools/cli/replay.ts';
import { repoRoot } from '../../tools/lib/paths.ts';
import { fixturePlugin } from '../helpers/binaries.ts';
import { mediaCodecs, openCall } from '../helpers/call.ts';
import { nextEvent } from '../helpers/events.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { until } from '../helpers/until.ts';

/** Dies of packet 31, whoever gets it. */
const poisonous = { n: 5, crashOn: 31 };

async function captureCrash(t: Test): Promise<string> {
	const pluginHost = await createPluginHost({ mediasoup, crashDir: tempDir() });

	t.teardown(() => pluginHost.close());

	const worker = await mediasoup.createWorker({ workerBin: pluginHost.workerBin });

	t.teardown(() => worker.close());

	const router = await worker.createRouter({ mediaCodecs });
	const plugin = await pluginHost.createPlugin({ file: fixturePlugin('sieve'), config: poisonous });
	const attachment = await plugin.attach({ router });
	const call = await openCall(router);

	t.teardown(() => call.close());

	const poison = nextEvent<PoisonReport>(plugin, 'poison');

	await call.sendRange(1, 30);
	await until('packets that were seen', async () => (await attachment.getStats()).observed === 30);
	await call.send(31);

	return (await poison).file!;
}

async function replay(...args: readonly string[]) {
	const child = spawn(join(repoRoot, 'tools/cli.ts'), ['replay', '--json', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
	const [stdout, stderr, [code, signal]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);

	return { stderr, code: code as number | null, signal: signal as NodeJS.Signals | null, result: lastLine(stdout) };
}

function lastLine(stdout: string): ReplayResult | undefined {
	const line = stdout.trimEnd().split('\n').at(-1)!;

	return line === '' ? undefined : (JSON.parse(line) as ReplayResult);
}

t.test('a crash is replayed from its capture', async (t) => {
	const crash = await captureCrash(t);
	const sieve = ['--crash', crash, '--plugin', fixturePlugin('sieve')];
	const { packets } = await readCrashCapture(crash);

	await t.test('packet by packet, until the plugin dies as it did', async (t) => {
		const { stderr, signal, result } = await replay(...sieve);
		const lines = stderr.split('\n').filter((line) => line.startsWith('packet '));

		t.equal(signal, 'SIGSEGV');
		t.same(result, { packets: packets.length, crashed: true, signal: 'SIGSEGV' });
		t.equal(lines.length, packets.length, 'a line for each packet, the deadly one included');
		t.match(lines.at(-1), /^packet (\d+) of \1: producer \d+, ssrc \d+, sequence number 31, \d+ bytes$/);
		t.match(stderr, /died by SIGSEGV with packet/);
	});

	await t.test('in one batch', async (t) => {
		t.match(await replay(...sieve, '--batch'), { signal: 'SIGSEGV', result: { packets: packets.length, crashed: true, signal: 'SIGSEGV' } });
	});

	await t.test('a plugin that is mended survives, and that is said', async (t) => {
		t.match(await replay(...sieve, '--config', '{"n":5}'), {
			...{ code: 0, signal: null, result: { packets: packets.length, crashed: false, signal: null } },
			stderr: /nothing crashed: the plugin has survived all \d+ packets/,
		});
	});

	await t.test('an exit counts as a crash, with its code', async (t) => {
		const exits = ['--crash', crash, '--plugin', fixturePlugin('crash-on-nth'), '--config'];

		t.match(await replay(...exits, '{"packet":3,"exit":1}'), { signal: null, code: 3, result: { packets: 3, crashed: true, signal: null } });
		t.match(await replay(...exits, '{"packet":2,"signal":6}'), { signal: 'SIGABRT', result: { packets: 2, crashed: true } });
	});

	await t.test('a plugin that cannot be loaded or created is no crash', async (t) => {
		t.match(await replay('--crash', crash, '--plugin', fixturePlugin('fails-in-create')), { code: 2, signal: null, result: undefined, stderr: /could not be created/ });
		t.match(await replay('--crash', crash, '--plugin', '/nowhere.so'), { code: 2, result: undefined, stderr: /\/nowhere\.so/ });
	});

	await t.test('under gdb', { skip: spawnSync('gdb', ['--version']).error ? 'gdb is not installed' : false }, async (t) => {
		const child = spawn(join(repoRoot, 'tools/cli.ts'), ['replay', '--gdb', ...sieve], { stdio: ['pipe', 'pipe', 'pipe'] });

		child.stdin.end('set debuginfod enabled off\nrun\nbacktrace\nquit\ny\n');

		const [stdout] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);

		t.match(stdout, /SIGSEGV[^]*on_packets/);
	});
});
