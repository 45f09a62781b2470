// What the demo reads of the library's statistics, in the demo's own terms.

import type { AttachmentStats, PluginStats } from '../../src/index.ts';

/** What the worker counts of the filter; it needs no host to tell. */
export type FilterCounters = {
	/** Packets that were to be filtered, however they ended; those that are held are not among them yet. */
	readonly packets: number;
	readonly verdicts: number;
	readonly dropped: number;
	/** Without a verdict: deadline passed, host absent, ring full. */
	readonly releasedByPolicy: number;
	readonly held: number;
	readonly holdMicros: { readonly p50: number; readonly p99: number };
};

export type ObserverCounters = {
	readonly observed: number;
	/** Not seen because the ring was full or there was no host yet. */
	readonly missed: number;
};

export type HostFigures = {
	/** Undefined while no host is connected. */
	readonly pid: number | undefined;
	readonly ringUsed: number;
	readonly ringSize: number;
};

export function filterCountersOf(stats: AttachmentStats): FilterCounters {
	const { accepted, dropped, timeoutAccepted, timeoutDropped, absentAccepted, absentDropped, overflowAccepted, overflowDropped } = stats;
	const withoutVerdict = timeoutAccepted + timeoutDropped + absentAccepted + absentDropped + overflowAccepted + overflowDropped;
	const releasedByPolicy = withoutVerdict + stats.errorAccepted + stats.errorDropped;
	const verdicts = accepted + dropped;

	return {
		packets: verdicts + releasedByPolicy + stats.detachedAccepted + stats.closedFreed,
		verdicts,
		dropped,
		releasedByPolicy,
		held: stats.held,
		holdMicros: stats.holdMicros,
	};
}

export function observerCountersOf({ observed, observeOverflow, observeAbsent }: AttachmentStats): ObserverCounters {
	return { observed, missed: observeOverflow + observeAbsent };
}

/** The demo has one worker and one router. */
export function hostFiguresOf({ host, workers, rings }: PluginStats): HostFigures {
	return {
		pid: workers[0]?.connected ? host.pid : undefined,
		ringUsed: rings[0]?.packetRingUsed ?? 0,
		ringSize: rings[0]?.packetRingSize ?? 0,
	};
}
