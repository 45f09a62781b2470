// Socket to socket through the real worker: alone, with an observer, with a filter on every packet, and with the filter's job done in JavaScript
// behind a DirectTransport. All lanes are open at the same time, each with a worker and a Node process of its own, and take turns.

import { type Lane, type Run, closeLanes, openLanes } from '../e2e/lane.ts';
import { type HoldRun, repetitionsFor, runHeld, runPaced, withRange } from '../e2e/lane-candidate.ts';
import { shortly } from '../lib/machine.ts';
import { type Candidate, interleave, median } from '../lib/repeat.ts';
import { type Context, type Part, type Row, withNote, withRatio } from '../lib/row.ts';

const lanes = {
	plain: { mode: 'plain' },
	observe: { mode: 'observe' },
	'filter-auto': { mode: 'filter' },
	'direct-transport': { mode: 'direct' },
} as const;

type LaneName = keyof typeof lanes;

const laneNames = Object.keys(lanes) as LaneName[];
const rates = { '1k': 1_000, '5k': 5_000, '20k': 20_000 } as const;

export const part: Part = {
	name: 'e2e',
	async run(context: Context): Promise<Row[]> {
		const opened = await openLanes(lanes);

		try {
			const rows: Row[] = [];

			for (const [name, packetsPerSecond] of Object.entries(rates)) {
				context.log(`e2e: ${name} packets/s through ${laneNames.join(', ')}`);
				rows.push(...(await measureRate(context, opened, name, packetsPerSecond)));
			}

			return rows;
		} finally {
			await closeLanes(opened);
		}
	},
};

async function measureRate(context: Context, opened: Record<LaneName, Lane>, rate: string, packetsPerSecond: number): Promise<Row[]> {
	const seconds = context.quick ? 0.5 : 2;
	const repetitions = repetitionsFor(context, laneNames.length * Object.keys(rates).length, seconds, 7);
	const runs = Object.fromEntries(laneNames.map((name) => [name, []])) as unknown as Record<LaneName, Run[]>;

	const candidates = laneNames.map(
		(name): Candidate => ({
			name: `e2e/${name}/${rate}`,
			unit: 'us',
			async measure() {
				const run = await (name === 'filter-auto' ? runHeld : runPaced)(opened[name], { packetsPerSecond, seconds });

				runs[name].push(run);

				// Against the plain run just before: what disturbs the machine for longer disturbs both.
				return { ...run, ...(name !== 'plain' && { value: run.p50 - runs.plain.at(-1)!.p50 }) };
			},
		}),
	);

	const rows = await interleave(candidates, repetitions);
	const plain = rows[0]!;

	return rows.map((row, index) => {
		const name = laneNames[index]!;
		const late = Math.max(...runs[name].map(({ maxLateMicros }) => maxLateMicros));
		// The schedule was not kept: what the sender caught up with came as a burst.
		const remark = late > 10_000 ? `noisy: the sender was up to ${shortly(late / 1000)} ms late` : undefined;

		return withNote(name === 'plain' ? row : withNote(withRatio(row, plain), describe(name, runs)), remark);
	});
}

/** What it adds, from pairs of runs; `value` is the first of these figures. */
function describe(name: LaneName, runs: Record<LaneName, Run[]>): string {
	const added = (figure: 'p50' | 'p99'): number[] => runs[name].map((run, index) => run[figure] - runs.plain[index]![figure]);
	const workerCpu = median(runs[name].map(({ cpu }, index) => cpu.worker! / runs.plain[index]!.cpu.worker!));
	const parts = [`adds p50 ${withRange(added('p50'))} us, p99 ${withRange(added('p99'))} us`, `worker CPU ${workerCpu.toFixed(2)} x plain`];

	if (name === 'filter-auto') {
		const held = runs[name] as HoldRun[];

		parts.push(`held p50 ${withRange(held.map(({ hold }) => hold.p50))} us, p99 ${withRange(held.map(({ hold }) => hold.p99))} us`);
		parts.push("placement: the library's default, there is no setting yet");
	}

	return parts.join('; ');
}
