// The drill's receipt: from what was measured to what is claimed, and to the list of promises that were not kept. Nothing here measures
// anything, so that the arithmetic can be tested.

import type { ArrivalFigures } from './arrivals.ts';
import type { Scenario } from './scenarios.ts';

/** One death, as the drill brought it about. */
export type DrillEvent = {
	readonly scenario: Scenario;
	/** Packets that the worker held for the host as it went, or that the plugin had in hand; a short deadline may come before the end. */
	readonly held: number;
	/** CLOCK_MONOTONIC: when the host went, and when the next one had answered its first packets. */
	readonly atNs: number;
	readonly servedAtNs: number;
};

/** What the worker counts of the filter. */
export type WorkerFigures = {
	readonly accepted: number;
	readonly dropped: number;
	readonly policyAccepted: number;
	/** Of these: because the deadline passed, because no host was there, because there was no room, because the plugin failed. */
	readonly timeoutAccepted: number;
	readonly absentAccepted: number;
	readonly overflowAccepted: number;
	readonly errorAccepted: number;
	readonly policyDropped: number;
	readonly holdMaxMs: number;
};

export type Measured = {
	readonly sent: number;
	/** Of these: what the plugin's rule lets pass; undefined when its verdicts are not known. */
	readonly passing: number | undefined;
	readonly arrivals: ArrivalFigures;
	/** By sequence number, as the receiver saw them: what never came, what came twice, what came late. */
	readonly numbers: { readonly gaps: number; readonly duplicates: number; readonly reordered: number };
	readonly worker: WorkerFigures;
	readonly events: readonly DrillEvent[];
	/** Deaths that the library reported. */
	readonly deaths: number;
};

export type Terms = {
	/** Undefined: as many as there was time for. */
	readonly kills: number | undefined;
	readonly standby: boolean;
	readonly deadlineMs: number;
	readonly hangMs: number;
};

/** The first keys are promised, in this order; scripts read them. */
export type Receipt = {
	readonly kills: number;
	readonly sent: number;
	readonly lost: number;
	readonly late: number;
	readonly reordered: number;
	readonly duplicated: number;
	/** Null: which packets the user's plugin would have dropped is not known. */
	readonly unfiltered: number | null;
	readonly gapMs: { readonly p50: number; readonly p99: number; readonly max: number };
	readonly received: number;
	readonly dropped: number;
	readonly policyAccepted: number;
	/** Of these. */
	readonly timeoutAccepted: number;
	readonly absentAccepted: number;
	readonly overflowAccepted: number;
	readonly errorAccepted: number;
	readonly policyDropped: number;
	/** Deaths that the library reported; more than kills: hosts went that the drill had not ended. */
	readonly deaths: number;
	readonly heldAtKill: { readonly min: number; readonly max: number };
	readonly holdMaxMs: number;
	readonly scenarios: Readonly<Partial<Record<Scenario, number>>>;
};

/** A packet's way takes time besides the time for which it is held. */
export const wayMs = 2;

/** The worker looks for hangs so often, and is not told when one began. */
const hangNoticeMs = 100;

export function makeReceipt(measured: Measured, terms: Terms): Receipt {
	const { sent, passing, arrivals, numbers, worker, events } = measured;
	const gaps = gapsOf(measured);
	const held = events.map((event) => event.held);

	return {
		kills: events.length,
		sent,
		lost: lostPackets(measured),
		late: latePackets(measured, terms),
		reordered: Math.max(arrivals.reordered, numbers.reordered),
		duplicated: Math.max(arrivals.duplicated, numbers.duplicates),
		unfiltered: passing === undefined ? null : arrivals.unfiltered,
		gapMs: percentilesOf(gaps),
		received: arrivals.distinct,
		dropped: worker.dropped,
		policyAccepted: worker.policyAccepted,
		...{ timeoutAccepted: worker.timeoutAccepted, absentAccepted: worker.absentAccepted },
		...{ overflowAccepted: worker.overflowAccepted, errorAccepted: worker.errorAccepted },
		policyDropped: worker.policyDropped,
		deaths: measured.deaths,
		heldAtKill: { min: held.length > 0 ? Math.min(...held) : 0, max: Math.max(0, ...held) },
		holdMaxMs: oneDecimal(worker.holdMaxMs),
		scenarios: countsOf(events),
	};
}

/**
 * Three witnesses, and the worst one counts: the receiver's gaps show what went missing on the way to and from the worker; the balance what
 * the worker swallowed and nobody counted, since it numbers around a packet that it drops; the rule what was dropped though it was to pass.
 */
function lostPackets({ sent, passing, arrivals, numbers, worker }: Measured): number {
	return Math.max(
		numbers.gaps,
		sent - arrivals.distinct - worker.dropped - worker.policyDropped,
		passing === undefined ? 0 : passing - arrivals.passed - worker.policyDropped,
	);
}

/** The way from sender to receiver is longer than the hold; whatever it says, what was not held for so long was not held too long. */
function latePackets({ arrivals, worker }: Measured, { deadlineMs }: Terms): number {
	return worker.holdMaxMs <= deadlineMs + wayMs ? 0 : arrivals.late;
}

/** After the last event nothing may have come any more; then the next host's own word has to do. */
function gapsOf({ arrivals, events }: Measured): number[] {
	return events.map(({ atNs, servedAtNs }, index) => arrivals.gapsMs[index] ?? (servedAtNs - atNs) / 1e6).sort((a, b) => a - b);
}

/** By the nearest rank. */
export function percentilesOf(sorted: readonly number[]): Receipt['gapMs'] {
	const percentile = (share: number): number => oneDecimal(sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0);

	return { p50: percentile(0.5), p99: percentile(0.99), max: percentile(1) };
}

function countsOf(events: readonly DrillEvent[]): Partial<Record<Scenario, number>> {
	const counts: Partial<Record<Scenario, number>> = {};

	for (const { scenario } of events) {
		counts[scenario] = (counts[scenario] ?? 0) + 1;
	}

	return counts;
}

/** Sentences, one for each promise that was not kept; none: all is well. */
export function brokenPromises(measured: Measured, terms: Terms): string[] {
	const { worker, deaths } = measured;
	const receipt = makeReceipt(measured, terms);
	const broken: string[] = [];
	const surplus = receipt.received + receipt.dropped + receipt.policyDropped - receipt.sent;

	if (receipt.lost > 0) {
		broken.push(`${receipt.lost} packets were lost that neither verdict nor policy dropped`);
	}
	if (surplus > 0) {
		broken.push(`${surplus} more packets were received or dropped than sent: the figures are wrong`);
	}
	if (receipt.late > 0) {
		broken.push(`${receipt.late} packets were held longer than the deadline of ${terms.deadlineMs} ms allows`);
	}
	if (receipt.reordered > 0) {
		broken.push(`${receipt.reordered} packets were overtaken`);
	}
	if (receipt.duplicated > 0) {
		broken.push(`${receipt.duplicated} packets came twice`);
	}

	const mayPass = unfilteredAllowed(worker, terms);

	if ((receipt.unfiltered ?? 0) > mayPass) {
		broken.push(`${receipt.unfiltered} packets arrived that the plugin drops; ${mayPass === 0 ? 'none may' : `at most ${mayPass} were let go by policy`}`);
	}
	if (terms.kills !== undefined && receipt.kills !== terms.kills) {
		broken.push(`hosts were ended ${receipt.kills} times, not ${terms.kills}`);
	}
	if (receipt.kills === 0) {
		broken.push('no host was ended, which proves nothing');
	} else if (receipt.heldAtKill.min < 1) {
		broken.push('a host was ended while nothing was held for it, which proves nothing');
	}
	if (deaths < receipt.kills) {
		broken.push(`the library reported ${deaths} deaths of ${receipt.kills}`);
	}

	return broken;
}

/** With a standby every packet is filtered, unless its deadline comes before a hang is noticed. */
function unfilteredAllowed({ policyAccepted, timeoutAccepted }: WorkerFigures, { standby, deadlineMs, hangMs }: Terms): number {
	if (!standby) {
		return policyAccepted;
	}

	return deadlineMs > hangMs + hangNoticeMs ? 0 : timeoutAccepted;
}

/** For people. */
export function describeReceipt(receipt: Receipt): string {
	const { gapMs, heldAtKill } = receipt;
	const unfiltered = receipt.unfiltered === null ? 'not judged' : receipt.unfiltered;

	return [
		`kills ${receipt.kills}, each with packets held (${heldAtKill.min} to ${heldAtKill.max}); verdicts again after ${gapMs.p50} ms (p50), ${gapMs.p99} ms (p99), ${gapMs.max} ms (max)`,
		`sent ${receipt.sent}, received ${receipt.received}, dropped by verdict ${receipt.dropped}, by policy ${receipt.policyDropped}; accepted by policy ${receipt.policyAccepted}`,
		`lost ${receipt.lost}, late ${receipt.late}, reordered ${receipt.reordered}, duplicated ${receipt.duplicated}, unfiltered ${unfiltered}`,
	].join('\n');
}

function oneDecimal(value: number): number {
	return Math.round(value * 10) / 10;
}
