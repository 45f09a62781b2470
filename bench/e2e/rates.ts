// Lanes at one rate of packets, against the first of them, through which packets go as they are.

import { shortly } from '../lib/machine.ts';
import { type Candidate, interleave, median } from '../lib/repeat.ts';
import { type Row, withNote, withRatio } from '../lib/row.ts';
import type { Lane, Run } from './lane.ts';
import { type HoldRun, type Pace, runHeld, runPaced, withRange } from './runs.ts';

export const rates = { '1k': 1_000, '5k': 5_000, '20k': 20_000 } as const;

export type RatedLane = {
	/** Of its row. */
	readonly name: string;
	readonly lane: Lane;
	readonly remark?: string;
};

/** p50 and p99 are end to end; what a lane adds to the first one is the value. */
export async function measureRate(lanes: readonly RatedLane[], pace: Pace, repetitions: number): Promise<Row[]> {
	const runs = lanes.map((): Run[] => []);
	const candidates = lanes.map(
		({ name, lane }, index): Candidate => ({
			name,
			unit: 'us',
			async measure() {
				const run = await (lane.app.options.mode === 'filter' ? runHeld : runPaced)(lane, pace);

				runs[index]!.push(run);

				return { ...run, ...(index > 0 && { value: run.p50 - runs[0]!.at(-1)!.p50 }) };
			},
		}),
	);
	const rows = await interleave(candidates, repetitions);

	return rows.map((row, index) => {
		const late = Math.max(...runs[index]!.map(({ maxLateMicros }) => maxLateMicros));
		// The schedule was not kept: what the sender caught up with came as a burst.
		const lateness = late > 10_000 ? `noisy: the sender was up to ${shortly(late / 1000)} ms late` : undefined;
		const described = index === 0 ? row : withNote(withNote(withRatio(row, rows[0]!), describe(runs[index]!, runs[0]!)), lanes[index]!.remark);

		return withNote(described, lateness);
	});
}

/** What it adds, from pairs of runs; `value` is the first of these figures. */
function describe(runs: readonly Run[], plain: readonly Run[]): string {
	const added = (figure: 'p50' | 'p99'): number[] => runs.map((run, index) => run[figure] - plain[index]![figure]);
	const workerCpu = median(runs.map(({ cpu }, index) => cpu.worker! / plain[index]!.cpu.worker!));
	const held = runs.filter((run): run is HoldRun => 'hold' in run);
	const parts = [`adds p50 ${withRange(added('p50'))} us, p99 ${withRange(added('p99'))} us`, `worker CPU ${workerCpu.toFixed(2)} x plain`];

	if (held.length > 0) {
		parts.push(`held p50 ${withRange(held.map(({ hold }) => hold.p50))} us, p99 ${withRange(held.map(({ hold }) => hold.p99))} us`);
	}

	return parts.join('; ');
}
