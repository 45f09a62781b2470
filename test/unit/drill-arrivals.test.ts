// What the drill makes of the receiver's log: the witness of every promise.

import t from 'tap';

import { type Outage, Arrivals, isDropped, passingOf } from '../../tools/drill/arrivals.ts';

const rule = { every: 10, rest: 3 };
const [ssrc, other] = [77, 78];

type Entry = { readonly at?: number; readonly sentAt?: number; readonly counter: number; readonly ssrc?: number };

/** Times in ms. */
function entry({ at = 0, sentAt = at, counter, ssrc: of = ssrc }: Entry): Buffer {
	const bytes = Buffer.alloc(32);

	bytes.writeBigUInt64LE(BigInt(at * 1e6), 0);
	bytes.writeBigUInt64LE(BigInt(sentAt * 1e6), 8);
	bytes.writeBigUInt64LE(BigInt(counter), 16);
	bytes.writeUInt32LE(of, 24);

	return bytes;
}

function figuresOf(entries: readonly Entry[], outages: readonly Outage[] = [], chunkLength = Infinity) {
	const arrivals = new Arrivals([ssrc, other], rule, 12, outages);
	const log = Buffer.concat(entries.map(entry));

	for (let at = 0; at < log.length; at += chunkLength) {
		arrivals.read(log.subarray(at, at + chunkLength));
	}

	return arrivals.figures();
}

const outage = (at: number, servedAt: number): Outage => ({ atNs: at * 1e6, servedAtNs: servedAt * 1e6 });

t.test('the rule lets pass what it does not drop', async (t) => {
	for (const count of [0, 1, 3, 4, 13, 14, 100, 12_345]) {
		t.equal(passingOf(rule, count), Array.from({ length: count }, (_, n) => n).filter((n) => !isDropped(rule, n)).length, `of ${count}`);
	}
});

t.test('each packet counts once, by what the rule says of it', async (t) => {
	const counters = [0, 1, 2, 3, 4, 13, 14];

	t.match(figuresOf(counters.map((counter) => ({ counter }))), { distinct: 7, passed: 5, unfiltered: 2, duplicated: 0, reordered: 0, late: 0 });
});

t.test('a packet that came twice is one packet, even long after', async (t) => {
	t.match(figuresOf([0, 1, 900_000, 1, 900_000].map((counter) => ({ counter }))), { distinct: 3, duplicated: 2, reordered: 0 });
});

t.test('a packet behind a later one of its stream is reordered; streams do not disturb each other', async (t) => {
	t.match(figuresOf([{ counter: 5 }, { counter: 4 }, { counter: 6 }, { counter: 1, ssrc: other }]), { distinct: 4, reordered: 1 });
});

t.test('what was on its way for longer than the limit is late', async (t) => {
	t.match(figuresOf([{ counter: 0, at: 112, sentAt: 100 }, { counter: 1, at: 113, sentAt: 100 }]), { late: 1 });
});

t.test('streams that nobody sent are none of ours', async (t) => {
	t.match(figuresOf([{ counter: 0, ssrc: 99 }]), { distinct: 0 });
});

t.test('a gap ends with the first packet after the next host has answered', async (t) => {
	const entries = [100, 101, 105, 106, 300].map((at, counter) => ({ at, counter }));

	t.same(figuresOf(entries, [outage(101, 104), outage(106, 290), outage(100.5, 101), outage(299, 301)]).gapsMs, [4, 194, 0.5, undefined]);
});

t.test('the log may come in any pieces', async (t) => {
	const entries = [100, 101, 105].map((at, counter) => ({ at, counter }));
	const whole = figuresOf(entries, [outage(101, 104)]);

	for (const chunkLength of [1, 7, 33, 95]) {
		t.same(figuresOf(entries, [outage(101, 104)], chunkLength), whole);
	}
});
