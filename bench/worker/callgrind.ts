// Instructions of the worker per packet: the real worker under callgrind, a closed loop of packets through it, and only what runs inside of one
// function counted (whole-run totals are too noisy). Start-up and the first packets are not in it.

import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { Lane, type LaneOptions } from '../e2e/lane.ts';

/**
 * As callgrind names functions, with `*` and `?`. Collection is switched at its entry and at its return, so what it calls counts and a pattern that
 * also matches something that it calls (a lambda in it) would count nonsense: end it with what only the function itself has.
 */
export const receivePath = 'RTC::Transport::ReceiveRtpPacket(RTC::RTP::Packet*,*)';
/** Once per turn of the event loop: the worker's side of doorbells and verdicts, what they release included. */
export const beforeSleep = 'PluginHost::VerdictPump::(anonymous*namespace)::onPrepare(uv_prepare_s*)';

export function hasCallgrind(): boolean {
	try {
		execFileSync('valgrind', ['--version'], { stdio: 'ignore' });

		return true;
	} catch {
		return false;
	}
}

export type Counting = {
	readonly lane: LaneOptions;
	readonly inside: string;
	readonly warmUp: number;
	readonly packets: number;
};

/** Instructions per packet. */
export async function countInstructions({ lane: options, inside, warmUp, packets }: Counting): Promise<number> {
	const dir = mkdtempSync(join(tmpdir(), 'mph-callgrind-'));

	try {
		// The app's mediasoup reads them; options are split at white space.
		const lane = await Lane.open(
			{ ...options, deadlineMs: 10_000 },
			{
				MEDIASOUP_USE_VALGRIND: 'true',
				MEDIASOUP_VALGRIND_OPTIONS: `--tool=callgrind --quiet --callgrind-out-file=${dir}/out --toggle-collect=${inside}`,
			},
		);

		try {
			const { workerPid } = lane.app.report;

			await runAll(lane, warmUp);
			await control('--zero', workerPid);
			await runAll(lane, packets);
			await control('--dump', workerPid);
		} finally {
			await lane.close();
		}

		return totalOf(dir) / packets;
	} finally {
		rmSync(dir, { recursive: true, force: true });
	}
}

async function runAll(lane: Lane, packets: number): Promise<void> {
	const { received } = await lane.probe.closed(packets);

	if (received !== packets) {
		throw new Error(`only ${received} of ${packets} packets came back from the worker under valgrind`);
	}
}

/** Not synchronously: while valgrind works on it, others want to be served. */
async function control(what: '--zero' | '--dump', pid: number): Promise<void> {
	await promisify(execFile)('callgrind_control', [what, String(pid)]);
}

/** Of the dump that was asked for; the one at the end of the process has another name. */
function totalOf(dir: string): number {
	const total = readdirSync(dir)
		.filter((name) => name === 'out.1')
		.map((name) => /^totals: (\d+)$/m.exec(readFileSync(join(dir, name), 'utf8'))?.[1])
		.at(0);

	if (total === undefined) {
		throw new Error('callgrind wrote no totals');
	}

	return Number(total);
}
