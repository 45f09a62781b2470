// Where the packets of a call are. Each that was sent has come to every receiver, or is in exactly one counter of an attachment that says that it
// was not routed; and only such are missing whose numbers a plugin of the call drops.

import type { AttachmentStats } from '../../src/index.ts';
import type { Reception, Stream } from '../property/traffic.ts';

/** A stream of a call and what is known of its end. */
export type Booked = {
	readonly stream: Stream;
	readonly isData: boolean;
	readonly firstNumber: number;
	/** Its producer was closed with packets held. */
	wasCut: boolean;
	/** An attachment diverts it, or did. */
	wasDiverted: boolean;
	isClosed: boolean;
	/** Resolves when nothing more is sent. */
	sender: Promise<void>;
};

export type Balance = {
	readonly sent: number;
	readonly received: number;
	readonly notRouted: number;
	/** Neither the one nor the other, or missing without a plugin that drops such a number. */
	readonly lost: number;
	readonly complaints: readonly string[];
};

/** But for those that were freed with their producer: of a run of attachments each counts them. */
const notRouted = (s: AttachmentStats): number =>
	s.dropped + s.taken + s.diverted + s.frameDropped + s.timeoutDropped + s.absentDropped + s.overflowDropped + s.errorDropped;

/** What its policy or its going decided: of these a cut stream may have lost some that waited behind others, with no counter for it. */
const letBy = (s: AttachmentStats): number => s.timeoutAccepted + s.absentAccepted + s.overflowAccepted + s.errorAccepted + s.detachedAccepted + s.notSelected;

export function balanceOf(streams: readonly Booked[], stats: readonly AttachmentStats[], dropped: ReadonlySet<number>): Balance {
	const complaints: string[] = [];
	const sum = (of: (s: AttachmentStats) => number): number => stats.reduce((total, each) => total + of(each), 0);
	const sent = streams.reduce((total, { stream }) => total + stream.sent, 0);
	const received = streams.reduce((total, { stream }) => total + stream.receptions[0]!.received, 0);
	const freed = { atLeast: Math.max(0, ...stats.map(({ closedFreed }) => closedFreed)), atMost: sum(({ closedFreed }) => closedFreed) };
	const letGo = freed.atMost + (streams.some(({ wasCut }) => wasCut) ? sum(letBy) : 0);
	const decided = sum(notRouted);
	const remaining = sent - received - decided;
	let foul = 0;
	let cutOff = 0;

	for (const { stream, firstNumber, wasCut, wasDiverted } of streams) {
		for (const [end, reception] of stream.receptions.entries()) {
			const missing = missingIn(reception, firstNumber, firstNumber + stream.sent - 1).filter((number) => !wasDiverted && !dropped.has(number % 10));
			const inside = wasCut ? missing.filter((number) => number < reception.latest) : missing;

			foul += inside.length;
			cutOff += end === 0 ? missing.length - inside.length : 0;
			complaints.push(...reception.violations.map((text) => `producer ${stream.id}, receiver ${end}: ${text}`));
			if (inside.length > 0) {
				complaints.push(`producer ${stream.id}, receiver ${end}: nobody dropped ${inside.slice(0, 5).join(', ')}${inside.length > 5 ? ', …' : ''}, which did not come`);
			}
			if (reception.received !== stream.receptions[0]!.received) {
				complaints.push(`producer ${stream.id}: its receivers got ${stream.receptions[0]!.received} and ${reception.received} packets`);
			}
		}
	}

	const unexplained = Math.max(freed.atLeast - remaining, remaining - letGo, 0);

	if (unexplained > 0) {
		complaints.push(
			`${sent} packets were sent, ${received} received, ${decided} not routed, from ${freed.atLeast} to ${freed.atMost} freed with their producers, ${letGo - freed.atMost} perhaps`,
		);
	}

	return { sent, received, notRouted: sent - received, lost: Math.max(foul + Math.max(0, cutOff - letGo), unexplained), complaints };
}

/** Of a receiver that came and went: what is missing in between. */
export function holesIn(reception: Reception, dropped: ReadonlySet<number>): number[] {
	const numbers = [...reception.numbers];

	return numbers.length === 0 ? [] : missingIn(reception, numbers[0]!, numbers.at(-1)!).filter((number) => !dropped.has(number % 10));
}

function missingIn({ numbers }: Reception, first: number, last: number): number[] {
	return Array.from({ length: last - first + 1 }, (_, index) => first + index).filter((number) => !numbers.has(number));
}
