import t from 'tap';

import { holdTimesOf, sumOfHolds, upperBoundOfBucket } from '../../src/hold-times.ts';

/** As docs/control-protocol.md says it. */
function bucketOf(value: number): number {
	if (value < 8) {
		return value;
	}

	const e = Math.floor(Math.log2(value));

	return Math.min(8 * (e - 2) + (Math.floor(value / 2 ** (e - 3)) % 8), 255);
}

t.test('a bucket ends where the next one begins', async (t) => {
	const buckets = Array.from({ length: 255 }, (_, bucket) => bucket);
	const bounds = buckets.map(upperBoundOfBucket);

	t.same(bounds.map((bound) => bucketOf(bound - 1)), buckets);
	t.same(bounds.map(bucketOf), buckets.map((bucket) => bucket + 1));
});

t.test('percentiles and the mean are near the true ones', async (t) => {
	const holdHistogram = new Array<number>(256).fill(0);
	const holds = Array.from({ length: 10_000 }, (_, index) => 1_000 + index * 37);

	for (const hold of holds) {
		holdHistogram[bucketOf(hold)]!++;
	}

	const holdSumNs = holds.reduce((sum, hold) => sum + hold);
	const times = holdTimesOf({ holdHistogram, holdSumNs });

	t.equal(times.count, 10_000);
	t.equal(times.mean, holdSumNs / 10_000_000);
	for (const [name, share] of [['p50', 0.5], ['p90', 0.9], ['p99', 0.99]] as const) {
		const exact = holds[Math.ceil(share * holds.length) - 1]! / 1_000;

		t.ok(Math.abs(times[name] - exact) <= exact * 0.05, `${name}: ${times[name]} for ${exact}`);
	}
	t.ok(times.max >= 370 && times.max <= 371 * 1.125, `max: ${times.max}`);
});

t.test('one hold is every percentile', async (t) => {
	const holdHistogram = new Array<number>(256).fill(0);

	holdHistogram[bucketOf(5_000)] = 1;
	t.same(holdTimesOf({ holdHistogram, holdSumNs: 5_000 }), { count: 1, mean: 5, p50: 5.12, p90: 5.12, p99: 5.12, max: 5.12 });
});

t.test('nothing held is all zeros', async (t) => {
	const nothing = { count: 0, mean: 0, p50: 0, p90: 0, p99: 0, max: 0 };

	t.same(holdTimesOf({ holdHistogram: new Array<number>(256).fill(0), holdSumNs: 0 }), nothing);
	t.same(holdTimesOf({ holdHistogram: [], holdSumNs: 0 }), nothing);
});

t.test('holds add up, whatever the lengths of their histograms', async (t) => {
	const sum = sumOfHolds([
		{ holdHistogram: [1, 2, 3], holdSumNs: 10 },
		{ holdHistogram: [], holdSumNs: 0 },
		{ holdHistogram: [10, 20, 30, 40], holdSumNs: 100 },
	]);

	t.same(sum, { holdHistogram: [11, 22, 33, 40], holdSumNs: 110 });
});
