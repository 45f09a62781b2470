// What the demo reads of the library's statistics, in the demo's own terms.

import type { PluginStats } from '../../src/index.ts';

export type HostFigures = {
	/** Undefined while no host is connected. */
	readonly hostPid: number | undefined;
	readonly ringUsed: number;
	readonly ringSize: number;
};

export type FilterFigures = HostFigures & {
	/** Packets that were to be filtered, however they ended; those that are held are not among them yet. */
	readonly packets: number;
	readonly verdicts: number;
	readonly dropped: number;
	/** Without a verdict: deadline passed, host absent, ring full. */
	readonly releasedByPolicy: number;
	readonly held: number;
	/** How often the worker lost a host, and how many packets were held for the last one just then. */
	readonly disconnects: number;
	readonly heldAtLastDisconnect: number;
	readonly holdMicros: { readonly p50: number; readonly p99: number };
};

export type ObserverFigures = HostFigures & {
	readonly observed: number;
	/** Not seen because the ring was full or there was no host yet. */
	readonly missed: number;
};

/** The demo has one worker, one router and one attachment per plugin. */
export function filterFiguresOf(stats: PluginStats): FilterFigures {
	const [worker] = stats.workers;
	const [attachment] = stats.attachments;

	if (!worker || !attachment) {
		throw new Error('the worker knows nothing of the throttle');
	}

	const { accepted, dropped, timeoutAccepted, timeoutDropped, absentAccepted, absentDropped, overflowAccepted, overflowDropped } = attachment;
	const releasedByPolicy = timeoutAccepted + timeoutDropped + absentAccepted + absentDropped + overflowAccepted + overflowDropped;
	const verdicts = accepted + dropped;

	return {
		...hostFiguresOf(stats),
		packets: verdicts + releasedByPolicy + attachment.detachedAccepted + attachment.closedFreed + attachment.repeatDropped,
		verdicts,
		dropped,
		releasedByPolicy,
		held: attachment.held,
		disconnects: worker.disconnects,
		heldAtLastDisconnect: worker.heldAtLastDisconnect,
		holdMicros: attachment.holdMicros,
	};
}

export function observerFiguresOf(stats: PluginStats): ObserverFigures {
	const [attachment] = stats.attachments;

	if (!attachment) {
		throw new Error('the worker knows nothing of the counter');
	}

	return { ...hostFiguresOf(stats), observed: attachment.observed, missed: attachment.observeOverflow + attachment.observeAbsent };
}

function hostFiguresOf({ host, workers, rings }: PluginStats): HostFigures {
	return {
		hostPid: workers[0]?.connected ? host.pid : undefined,
		ringUsed: rings[0]?.packetRingUsed ?? 0,
		ringSize: rings[0]?.packetRingSize ?? 0,
	};
}
