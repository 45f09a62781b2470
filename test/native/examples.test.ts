// The plugins of examples/, each alone with a host made of nothing, as shipped and under sanitizers; and what others make of their recordings.
// test/integration/examples-*.test.ts has them in a real worker.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import type { Test } from 'tap';
import t from 'tap';

import { buildNative, type NativeFlavour } from '../../tools/build-native.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const all = ['relay', 'data-router', 'recorder', 'gain', 'level-to-data', 'speakers'];
const runs: readonly (readonly [NativeFlavour, readonly string[]])[] = [
	['release', all],
	['asan', all],
	// Those that have a thread of their own.
	['tsan', ['recorder', 'gain', 'level-to-data']],
];

// Compiling takes its time on a machine that does it for the first time.
t.setTimeout(600_000);

for (const [flavour, names] of runs) {
	const dir = await buildNative({
		flavour,
		targets: names.flatMap((name) => [`test/native/examples/test-${name}`, `examples/${name}/${name}.so`]),
	});

	for (const name of names) {
		const recordings = join(tempDir(), flavour);

		mkdirSync(recordings);
		await t.spawn(join(dir, `test/native/examples/test-${name}`), [recordings], {}, `${name} (${flavour})`);
		if (name === 'recorder' && flavour === 'release') {
			await t.test('tshark opens what was recorded', (t) => checkCapture(t, fileOf(recordings, 'router-', '.pcapng')));
			await t.test('ffmpeg plays what was recorded', (t) => checkAudio(t, fileOf(recordings, 'alice-', '.opus')));
		}
	}
}

function fileOf(dir: string, prefix: string, extension: string): string {
	return join(dir, readdirSync(dir).find((name) => name.startsWith(prefix) && name.endsWith(extension))!);
}

function run(command: string, args: readonly string[]): string {
	return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
}

/** As recorder.cpp has made it: 126 packets of Opus, 10 of VP8. */
async function checkCapture(t: Test, file: string): Promise<void> {
	const fields = ['udp.dstport', 'rtp.ssrc', 'rtp.p_type', '_ws.col.Protocol'].flatMap((field) => ['-e', field]);
	const lines = run('tshark', ['-r', file, '-Y', 'rtp', '-T', 'fields', ...fields]).trimEnd().split('\n');
	const countOf = (line: string): number => lines.filter((other) => other === line).length;

	t.equal(countOf('10005\t0x00000457\t100\tOPUS'), 126, 'Opus, and known as that by the SDP');
	t.equal(countOf('30006\t0x000008ae\t101\tVP8'), 10, 'VP8, though 101 is something else by default');
	t.equal(lines.length, 136);
	t.equal(run('tshark', ['-r', file, '-Y', '_ws.malformed']), '', 'no packet is malformed');
	t.equal(run('tshark', ['-r', file, '-d', 'udp.port==5004,rtp', '-Y', 'rtp']).trimEnd().split('\n').length, 136, 'also by the port');

	const first = Number(run('tshark', ['-r', file, '-c', '1', '-T', 'fields', '-e', 'frame.time_epoch']));

	t.ok(Math.abs(first - Date.now() / 1000) < 600, 'times are those of the wall clock');
}

/** 150 packets of 20 ms, of which 25 are filled in. */
async function checkAudio(t: Test, file: string): Promise<void> {
	const packets = run('ffprobe', ['-v', 'error', '-show_entries', 'packet=pts,duration,size', '-of', 'csv=p=0', file])
		.trimEnd()
		.split('\n')
		// Side data make lines of their own.
		.filter((line) => line !== '')
		.map((line) => line.split(',').map(Number));
	const firstPts = packets[0]![0]!;

	t.equal(packets.length, 150);
	t.ok(packets.every(([pts, duration], index) => pts === firstPts + index * 960 && duration === 960), 'nothing is missing, nothing overlaps');
	t.equal(packets.filter(([, , size]) => size === 1).length, 25, 'what was lost is concealed by who plays it');
	t.ok(packets.slice(50, 75).every(([, , size]) => size === 1), 'at its place');
	t.equal(run('ffprobe', ['-v', 'error', '-show_entries', 'stream_tags=TITLE', '-of', 'csv=p=0', file]).trimEnd(), 'alice');
	t.equal(spawnSync('ffmpeg', ['-nostdin', '-v', 'warning', '-i', file, '-f', 'null', '-'], { encoding: 'utf8' }).stderr, '', 'and it decodes without a word');
}
