import { closeSync, openSync } from 'node:fs';

import t from 'tap';

import type { AttachmentStats } from '../../src/index.ts';
import type { Reception, Stream } from '../property/traffic.ts';
import { type Booked, balanceOf, holesIn } from '../soak/account.ts';
import { censusOf, leftBehind } from '../soak/census.ts';

const counted = (counters: Partial<AttachmentStats>): AttachmentStats =>
	({
		...{ dropped: 0, taken: 0, diverted: 0, frameDropped: 0, timeoutDropped: 0, absentDropped: 0, overflowDropped: 0, errorDropped: 0, closedFreed: 0 },
		...{ timeoutAccepted: 0, absentAccepted: 0, overflowAccepted: 0, errorAccepted: 0, detachedAccepted: 0, notSelected: 0 },
		...counters,
	}) as AttachmentStats;

function reception(numbers: readonly number[]): Reception {
	return { violations: [], received: numbers.length, numbers: new Set(numbers), latest: numbers.at(-1) ?? 0 };
}

function booked(sent: number, ...received: (readonly number[])[]): Booked {
	const stream = { id: 'p', sent, receptions: received.map(reception) } as unknown as Stream;

	return { stream, isData: false, firstNumber: 1, wasCut: false, wasDiverted: false, isClosed: false, sender: Promise.resolve() };
}

const oneToTen = Array.from({ length: 10 }, (_, index) => index + 1);
const without = (...missing: readonly number[]): number[] => oneToTen.filter((number) => !missing.includes(number));
const threes = new Set([3]);

t.test('a packet that is in a counter, and whose number a plugin drops, is not lost', async (t) => {
	t.match(balanceOf([booked(10, without(3), without(3))], [counted({ dropped: 1 })], threes), { sent: 10, received: 9, notRouted: 1, lost: 0, complaints: [] });
});

t.test('a packet that is in no counter is lost, whatever its number', async (t) => {
	t.equal(balanceOf([booked(10, without(3))], [counted({})], threes).lost, 1);
	t.equal(balanceOf([booked(10, without(4))], [counted({})], threes).lost, 1);
});

t.test('a packet that is in a counter although no plugin drops its number is lost', async (t) => {
	t.equal(balanceOf([booked(10, without(4))], [counted({ dropped: 1 })], threes).lost, 1);
});

t.test('a packet that was received and is in a counter of those not routed as well is complained of', async (t) => {
	const { lost, complaints } = balanceOf([booked(10, oneToTen)], [counted({ timeoutDropped: 1 })], threes);

	t.equal(lost, 1);
	t.equal(complaints.length, 1);
});

t.test('a packet that only one of two receivers got is lost', async (t) => {
	t.equal(balanceOf([booked(10, without(3), without(3, 7))], [counted({ dropped: 1 })], threes).lost, 1);
});

t.test('of a stream that was cut the last packets may be freed, as many as are counted', async (t) => {
	const cut = { ...booked(10, without(3, 8, 9, 10)), wasCut: true };

	t.match(balanceOf([cut], [counted({ dropped: 1, closedFreed: 3 })], threes), { lost: 0, complaints: [] });
	t.equal(balanceOf([cut], [counted({ dropped: 1, closedFreed: 2 })], threes).lost, 1);
	t.equal(balanceOf([cut], [counted({ dropped: 1, closedFreed: 4 })], threes).lost, 1, 'and no more than are missing');
	t.equal(balanceOf([cut], [counted({ dropped: 1, closedFreed: 3 }), counted({ closedFreed: 3 })], threes).lost, 0, 'counted by each of a group');
	t.equal(balanceOf([{ ...booked(10, without(3, 5)), wasCut: true }], [counted({ dropped: 1, closedFreed: 1 })], threes).lost, 1, 'not one in the middle');
});

t.test('a receiver that came and went misses nothing in between', async (t) => {
	t.same(holesIn(reception([2, 4, 5]), threes), []);
	t.same(holesIn(reception([2, 4, 6]), threes), [5]);
});

t.test('a descriptor that was not there before is left behind', async (t) => {
	const before = censusOf(process.pid);
	const fd = openSync('/dev/zero', 'r');
	const after = censusOf(process.pid);

	closeSync(fd);
	t.match(leftBehind(before.fds, after.fds), { count: 1, texts: ['1 x /dev/zero'] });
	t.match(leftBehind(before.fds, censusOf(process.pid).fds), { count: 0, texts: [] });
	t.ok(after.mappings.size > 0 && after.threads > 0 && after.rssAnonKiB > 0);
});

t.end();
