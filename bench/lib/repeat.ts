// Repetitions that are interleaved, so that whatever changes on the machine meanwhile (clock, neighbours) meets all candidates alike; medians
// over them; and what tells that the machine was not quiet.

import { shortly, watchMachine } from './machine.ts';
import type { CpuPerPacket, Row } from './row.ts';

/** What one repetition of one candidate measured. */
export type Sample = {
	readonly p50?: number;
	readonly p99?: number;
	readonly value?: number;
	readonly lost?: number;
	readonly cpu?: CpuPerPacket;
};

export type Candidate = {
	readonly name: string;
	readonly unit: string;
	measure(): Promise<Sample>;
};

/** Repetitions further apart than this (largest over smallest figure, without the extremes when there are five or more) were disturbed. */
export const noisySpread = 1.3;

/** Measures A, B, C, A, B, C, …, and gives each candidate's medians with a note where its repetitions differ or the machine was busy. */
export async function interleave(candidates: readonly Candidate[], repetitions: number, stop: () => boolean = () => false): Promise<Row[]> {
	const samples = new Map<string, Sample[]>(candidates.map(({ name }) => [name, []]));
	const watch = watchMachine();

	for (let repetition = 0; repetition < repetitions && !(repetition > 0 && stop()); ++repetition) {
		for (const candidate of candidates) {
			samples.get(candidate.name)?.push(await candidate.measure());
		}
	}

	const busy = watch();

	return candidates.map(({ name, unit }) => rowOf(name, unit, samples.get(name) ?? [], busy));
}

/** The medians of a candidate's repetitions. */
export function rowOf(name: string, unit: string, samples: readonly Sample[], remark?: string): Row {
	const figures = mediansOf(samples, ['p50', 'p99', 'value'] as const);
	const cpu = mediansOf(samples.map((sample) => sample.cpu ?? {}), ['worker', 'host', 'node'] as const);
	const lost = samples.map((sample) => sample.lost).filter((count) => count !== undefined);
	const note = [noteOfSpread(samples.map((sample) => sample.p50 ?? sample.value).filter((figure) => figure !== undefined)), remark]
		.filter(Boolean)
		.join('; ');

	return {
		name,
		unit,
		...figures,
		...(lost.length > 0 && { lost: lost.reduce((sum, count) => sum + count, 0) }),
		...(Object.keys(cpu).length > 0 && { cpu }),
		...(note && { note }),
	};
}

/** Of the keys that have figures at all. */
function mediansOf<Key extends string>(samples: readonly { readonly [key in Key]?: number }[], keys: readonly Key[]): { [key in Key]?: number } {
	const medians: { [key in Key]?: number } = {};

	for (const key of keys) {
		const figures = samples.map((sample) => sample[key]).filter((figure) => figure !== undefined);

		if (figures.length > 0) {
			medians[key] = median(figures);
		}
	}

	return medians;
}

/**
 * The median of the ratios within each repetition. Interleaved, so whatever slowed a repetition down has slowed down both, and the ratio is
 * steadier than that of the medians.
 */
export function ratioWithinRepetitions(samples: readonly Sample[], to: readonly Sample[]): number {
	return median(
		samples.flatMap((sample, repetition) => {
			const [figure, other] = [sample, to[repetition]].map((each) => each?.p50 ?? each?.value);

			return figure === undefined || other === undefined ? [] : [figure / other];
		}),
	);
}

export function median(figures: readonly number[]): number {
	const sorted = [...figures].sort((a, b) => a - b);
	const middle = sorted.length >> 1;

	if (sorted.length === 0) {
		throw new RangeError('no figures, no median');
	}

	return sorted.length % 2 === 1 ? (sorted[middle] as number) : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

/** Undefined where the repetitions agree. */
export function noteOfSpread(figures: readonly number[]): string | undefined {
	const sorted = [...figures].sort((a, b) => a - b);
	const counted = sorted.length >= 5 ? sorted.slice(1, -1) : sorted;
	const [lowest, highest] = [counted.at(0), counted.at(-1)];

	if (lowest === undefined || highest === undefined || highest <= lowest * noisySpread) {
		return undefined;
	}

	return `noisy: repetitions from ${shortly(lowest)} to ${shortly(highest)}`;
}
