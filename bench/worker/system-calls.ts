// Rows worker/syscalls-…: system calls of the worker per packet by strace -c, with gaps between packets, so that each has a turn of the event loop to
// itself: how many share one is a matter of timing, and would be counted otherwise. An observer whose host is awake should cost none.
//
// By hand: strace -c -f -p <worker pid>, send, then Ctrl-C.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Lane, type LaneOptions } from '../e2e/lane.ts';
import { type Context, type Row, withNote, withRatio } from '../lib/row.ts';

type Calls = ReadonlyMap<string, number>;

const names = ['worker/syscalls-plain', 'worker/syscalls-observe', 'worker/syscalls-observe-asleep'] as const;
const unit = 'calls/packet';
const packetsPerSecond = 500;
const rings = { packetRingSize: 4 * 1024 * 1024, verdictRingSize: 256 * 1024 };

export async function measureSystemCalls(context: Context): Promise<Row[]> {
	if (!hasStrace()) {
		return names.map((name) => ({ name, unit, note: 'strace is missing: apt-get install strace' }));
	}

	const packets = context.quick ? 250 : 1000;
	const plain = await countCalls({ mode: 'plain' }, packets);
	// So slow that it never comes to sleep: the packets come faster, and the ring has room for all.
	const awake = await countCalls({ mode: 'observe', rings, pluginConfig: { micros: 5000 } }, packets);
	const asleep = await countCalls({ mode: 'observe', rings }, packets);
	const [plainRow, ...others] = [plain, awake, asleep].map((calls, index): Row => ({ name: names[index]!, unit, value: sumOf(calls) / packets })) as [Row, ...Row[]];

	return [
		withNote(plainRow, describe(plain, packets)),
		...others.map((row, index) => withNote(withRatio(row, plainRow), `more than plain: ${describe(more([awake, asleep][index]!, plain), packets)}`)),
	].map((row) => withNote(row, row.name.endsWith('observe') ? 'host always awake' : undefined));
}

function hasStrace(): boolean {
	try {
		execFileSync('strace', ['--version'], { stdio: 'ignore' });

		return true;
	} catch {
		return false;
	}
}

async function countCalls(options: LaneOptions, packets: number): Promise<Calls> {
	const dir = mkdtempSync(join(tmpdir(), 'mph-strace-'));
	const lane = await Lane.open(options);

	try {
		const file = join(dir, 'calls');

		await lane.probe.paced(packetsPerSecond, 50);

		const strace = spawn('strace', ['-c', '-f', '-U', 'calls,name', '-o', file, '-p', String(lane.app.report.workerPid)], {
			stdio: ['ignore', 'ignore', 'pipe'],
		});

		await attached(strace);

		const { received } = await lane.probe.paced(packetsPerSecond, packets);
		const exited = once(strace, 'exit');

		strace.kill('SIGINT');
		await exited;

		if (received !== packets) {
			throw new Error(`only ${received} of ${packets} packets came back from the worker under strace`);
		}

		return parse(readFileSync(file, 'utf8'));
	} finally {
		await lane.close();
		rmSync(dir, { recursive: true, force: true });
	}
}

/** It says so for each thread. */
async function attached(strace: ChildProcess): Promise<void> {
	let printed = '';

	await new Promise<void>((resolve, reject) => {
		strace.stderr!.on('data', (chunk: Buffer) => {
			printed += chunk.toString();
			if (/ attached/.test(printed)) {
				resolve();
			}
		});
		strace.once('exit', () => reject(new Error(`strace ended: ${printed}`)));
	});
}

/** Lines of "calls name" between two rulers. */
function parse(table: string): Calls {
	const lines = [...table.matchAll(/^\s*(\d+)\s+(\w+)\s*$/gm)].filter(([, , name]) => name !== 'total');

	return new Map(lines.map(([, calls, name]) => [name!, Number(calls)]));
}

function sumOf(calls: Calls): number {
	return [...calls.values()].reduce((sum, count) => sum + count, 0);
}

function more(calls: Calls, than: Calls): Calls {
	return new Map([...new Set([...calls.keys(), ...than.keys()])].map((name) => [name, (calls.get(name) ?? 0) - (than.get(name) ?? 0)]));
}

/** What is rarer than once in a hundred packets is timers. */
function describe(calls: Calls, packets: number): string {
	const often = [...calls].filter(([, count]) => Math.abs(count) >= packets / 100).sort(([, a], [, b]) => b - a);

	return often.length === 0 ? 'nothing' : often.map(([name, count]) => `${name} ${(count / packets).toFixed(2)}`).join(', ');
}
