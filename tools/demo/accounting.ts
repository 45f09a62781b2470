// Who sent, who got, and what is missing: the reports of senders, worker and receiver put side by side, stream by stream.

import type { FilterCounters } from './figures.ts';
import type { Kill, Measured } from './receipt.ts';
import type { ReceivedStream, ReceiverReport } from './rtp-tool.ts';
import { type Sent, bucket } from './senders.ts';
import type { StreamPath } from './topology.ts';
import type { StreamFigures } from './view.ts';

/** What entered the worker, per path. */
export function enteredOf(paths: readonly StreamPath[]): Promise<readonly number[]> {
	return Promise.all(paths.map((path) => path.entered()));
}

export function sentOf(paths: readonly StreamPath[], sent: Sent, entered: readonly number[]): number {
	return paths.reduce((sum, { plan }, index) => sum + (sent.bySsrc.get(plan.ssrc) ?? entered[index]!), 0);
}

/** Each packet once. */
export function receivedOf(paths: readonly StreamPath[], report: ReceiverReport | undefined): number {
	return paths.reduce((sum, path) => {
		const stream = receivedStream(path, report);

		return sum + (stream ? stream.packets - stream.duplicates : 0);
	}, 0);
}

export function streamFigures(path: StreamPath, entered: number, report: ReceiverReport | undefined): StreamFigures {
	const stream = receivedStream(path, report);

	return { name: path.plan.name, sent: entered, received: stream?.packets ?? 0, lost: stream?.lost ?? 0 };
}

export type Reports = {
	readonly paths: readonly StreamPath[];
	readonly sent: Sent;
	readonly entered: readonly number[];
	readonly filter: FilterCounters;
	readonly report: ReceiverReport;
	readonly kills: readonly Kill[];
};

export function measure({ paths, sent, entered, filter, report, kills }: Reports): Measured {
	return {
		sent: sentOf(paths, sent, entered),
		received: receivedOf(paths, report),
		gaps: paths.reduce((sum, path) => sum + (receivedStream(path, report)?.lost ?? 0), 0),
		dropped: filter.dropped,
		verdicts: filter.verdicts,
		releasedByPolicy: filter.releasedByPolicy,
		kills,
		holdMicros: filter.holdMicros,
		overLimit: sent.overLimit,
		bucket,
	};
}

/** What helps to understand a receipt, above all one that is not as it should be. */
export function remarksOf({ paths, sent, report }: Reports): string[] {
	const skipped = paths.reduce((sum, path) => sum + (receivedStream(path, report)?.skippedCounters ?? 0), 0);
	const remarks = [
		`end to end (rtp-send to rtp-receive): ${latencyOf(report)}; rtp-send was at most ${sent.maxLateMs.toFixed(1)} ms late`,
		// One that was dropped at a stream's very end leaves no trace at the receiver.
		`the receiver saw ${skipped} of rtp-send's packets left out of streams whose sequence numbers have ${report.lost} gaps`,
	];

	if (sent.stalledMs > 0) {
		remarks.push(`rtp-send was not run for ${sent.stalledMs.toFixed(0)} ms and left out what was due then`);
	}
	if (report.kernelDrops > 0) {
		remarks.push(`${report.kernelDrops} packets were dropped by the kernel because the receiver was too slow`);
	}
	if (report.duplicates > 0) {
		remarks.push(`${report.duplicates} packets came twice`);
	}

	return remarks;
}

/** By SSRC: mediasoup also sends streams of its own, to probe bandwidth. */
function receivedStream({ receivedSsrc }: StreamPath, report: ReceiverReport | undefined): ReceivedStream | undefined {
	return report?.streams.find(({ ssrc }) => ssrc === receivedSsrc);
}

function latencyOf({ latencyMicros }: ReceiverReport): string {
	return latencyMicros ? `p50 ${latencyMicros.p50} µs, p99 ${latencyMicros.p99} µs, max ${latencyMicros.max} µs` : 'nothing arrived';
}
