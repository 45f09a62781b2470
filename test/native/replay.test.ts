// Captures that no crash has made, given to a plugin as `mediasoup-plugin-host replay` does it. test/integration/replay.test.ts has a real crash.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import t from 'tap';

import { writeCrashCapture } from '../../src/pcapng.ts';
import { buildNative } from '../../tools/build-native.ts';
import { repoRoot } from '../../tools/lib/paths.ts';
import { fixturePlugin } from '../helpers/binaries.ts';
import { messageRecord, packetRecord } from '../helpers/records.ts';
import { tempDir } from '../helpers/temp-dir.ts';

// Compiling takes its time on a machine that does it for the first time.
t.setTimeout(600_000);

await buildNative({ targets: ['tools/replay/mediasoup-plugin-host-replay', 'plugin-host/test/plugins/witness.so', 'plugin-host/test/plugins/caller.so'] });

const identity = { pluginName: 'x', pluginVersion: '1', pluginFile: 'x.so', routerId: 'router-1', hostPid: 1, signal: null };

async function replay(plugin: string, config: object, ...args: readonly string[]) {
	const file = join(tempDir(), 'crash.pcapng');

	await writeCrashCapture(file, { ...identity, config, records: Buffer.concat([packetRecord(1), messageRecord('one'), messageRecord('two'), packetRecord(2)]) });

	const command = ['replay', '--json', '--crash', file, '--plugin', fixturePlugin(plugin), ...args];
	const child = spawn(join(repoRoot, 'tools/cli.ts'), command, { stdio: ['ignore', 'pipe', 'pipe'] });
	const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);

	return { stdout, stderr, code: code as number | null };
}

for (const [how, args] of [
	['one by one', []],
	['at once', ['--batch']],
] as const) {
	t.test(`messages come to on_data, among the packets, ${how}`, async (t) => {
		const file = join(tempDir(), 'witness');

		t.match(await replay('witness', { file, verdict: 2 }, ...args), { code: 0, stdout: '{"packets":4,"crashed":false,"signal":null}\n' });

		const heard = readFileSync(file, 'utf8')
			.trimEnd()
			.split('\n')
			.map((line) => JSON.parse(line) as object);

		t.match(heard, [
			{ event: 'router-opened' },
			{ event: 'attachment-added', attachment: 1 },
			{ event: 'attachment-added', attachment: 2 },
			{ event: 'producer-created', producer: 1, producerId: 'producer-1' },
			{ event: 'data-producer-created', producer: 3, producerId: 'data-producer-3' },
			{ event: 'packet', producer: 1 },
			{ event: 'message', producer: 3, ppid: 51, bytes: Buffer.from('one').toString('hex') },
			{ event: 'message', producer: 3, bytes: Buffer.from('two').toString('hex') },
			{ event: 'packet', producer: 1 },
		]);
	});
}

t.test('a line says which message it is, and what was said about it', async (t) => {
	const { stderr } = await replay('witness', { file: join(tempDir(), 'witness'), verdict: 3 });

	t.match(stderr, /^packet 2 of 4: a message of data producer 3, PPID 51, 3 bytes: take$/m);
});

t.test('what a plugin injects is taken, and nobody gets it', async (t) => {
	t.match(await replay('caller', { inject: 1 }), { code: 0, stderr: /^2 calls of the plugin were for a worker, which is not there$/m });
});
