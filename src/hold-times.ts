// Percentiles of how long packets were held, from the worker's histogram: nanoseconds, log-linear, 8 buckets per power of two
// (docs/control-protocol.md). Within a bucket packets are taken as spread evenly, so a percentile is at most an eighth off, and much less
// where many packets were held.

/** In microseconds. All 0 when nothing was held yet. */
export type HoldTimes = {
	readonly count: number;
	readonly mean: number;
	readonly p50: number;
	readonly p90: number;
	readonly p99: number;
	readonly max: number;
};

const bucketsPerPower = 8;

/** Nanoseconds; what the bucket counts was shorter. The last bucket also counts what was longer. */
export function upperBoundOfBucket(index: number): number {
	if (index < bucketsPerPower) {
		return index + 1;
	}

	const power = Math.floor(index / bucketsPerPower) + 2;
	const width = 2 ** (power - 3);

	return (bucketsPerPower + (index % bucketsPerPower) + 1) * width;
}

/** What a worker counts of an attachment. Trailing buckets that are 0 may be missing. */
export type RawHolds = { readonly holdHistogram: readonly number[]; readonly holdSumNs: number };

export function holdTimesOf({ holdHistogram, holdSumNs }: RawHolds): HoldTimes {
	const count = holdHistogram.reduce((sum, bucket) => sum + bucket, 0);
	const percentile = (share: number): number => {
		// The rank of the packet that is asked for, counted from 1.
		let rank = Math.ceil(count * share);

		for (const [index, bucket] of holdHistogram.entries()) {
			if (rank <= bucket && bucket > 0) {
				const from = index === 0 ? 0 : upperBoundOfBucket(index - 1);

				return (from + ((upperBoundOfBucket(index) - from) * rank) / bucket) / 1000;
			}
			rank -= bucket;
		}

		return 0;
	};

	return {
		count,
		mean: count === 0 ? 0 : holdSumNs / count / 1000,
		p50: percentile(0.5),
		p90: percentile(0.9),
		p99: percentile(0.99),
		max: percentile(1),
	};
}

/** What was held by several attachments together. */
export function sumOfHolds(holds: Iterable<RawHolds>): RawHolds {
	const holdHistogram: number[] = [];
	let holdSumNs = 0;

	for (const hold of holds) {
		for (const [index, bucket] of hold.holdHistogram.entries()) {
			holdHistogram[index] = (holdHistogram[index] ?? 0) + bucket;
		}
		holdSumNs += hold.holdSumNs;
	}

	return { holdHistogram, holdSumNs };
}
