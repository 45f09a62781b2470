import t from 'tap';

import { holdTimesOf, sumOfHistograms, upperBoundOfBucket } from '../../src/hold-times.ts';

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

t.test('a percentile is at most an eighth above the true one and never below it', async (t) => {
	const histogram = new Array<number>(256).fill(0);
	const holds = Array.from({ length: 10_000 }, (_, index) => 1_000 + index * 37);

	for (const hold of holds) {
		histogram[bucketOf(hold)]!++;
	}

	const times = holdTimesOf(histogram);

	t.equal(times.count, 10_000);
	for (const [name, share] of [['p50', 0.5], ['p90', 0.9], ['p99', 0.99], ['max', 1]] as const) {
		const exact = holds[Math.ceil(share * holds.length) - 1]! / 1_000;

		t.ok(times[name] >= exact && times[name] <= exact * 1.125 + 0.001, `${name}: ${times[name]} for ${exact}`);
	}
});

t.test('one hold is every percentile', async (t) => {
	const histogram = new Array<number>(256).fill(0);

	histogram[bucketOf(5_000)] = 1;
	t.same(holdTimesOf(histogram), { count: 1, p50: 5.12, p90: 5.12, p99: 5.12, max: 5.12 });
});

t.test('nothing held is all zeros', async (t) => {
	t.same(holdTimesOf(new Array<number>(256).fill(0)), { count: 0, p50: 0, p90: 0, p99: 0, max: 0 });
	t.same(holdTimesOf([]), { count: 0, p50: 0, p90: 0, p99: 0, max: 0 });
});

t.test('histograms add up, whatever their lengths', async (t) => {
	t.same(sumOfHistograms([[1, 2, 3], [], [10, 20, 30, 40]]), [11, 22, 33, 40]);
});
