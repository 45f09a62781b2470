// Percentiles of how long packets were held, from the worker's histogram: nanoseconds, log-linear, 8 buckets per power of two
// (docs/control-protocol.md). A percentile is the upper bound of its bucket, hence at most an eighth too high and never too low.

/** In microseconds. All 0 when nothing was held yet. */
export type HoldTimes = {
	readonly count: number;
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

/** Trailing buckets that are 0 may be missing. */
export function holdTimesOf(histogram: readonly number[]): HoldTimes {
	const count = histogram.reduce((sum, bucket) => sum + bucket, 0);
	const percentile = (share: number): number => {
		// The rank of the packet that is asked for, counted from 1.
		let rank = Math.ceil(count * share);

		for (const [index, bucket] of histogram.entries()) {
			rank -= bucket;
			if (rank <= 0 && bucket > 0) {
				return upperBoundOfBucket(index) / 1000;
			}
		}

		return 0;
	};

	return { count, p50: percentile(0.5), p90: percentile(0.9), p99: percentile(0.99), max: percentile(1) };
}

/** The histogram of what was held by several attachments together. */
export function sumOfHistograms(histograms: Iterable<readonly number[]>): number[] {
	const sum: number[] = [];

	for (const histogram of histograms) {
		for (const [index, bucket] of histogram.entries()) {
			sum[index] = (sum[index] ?? 0) + bucket;
		}
	}

	return sum;
}
