// Socket to socket through the real worker: alone, with an observer, with a filter on every packet, and with the filter's job done in JavaScript
// behind a DirectTransport. All lanes are open at the same time, each with a worker and a Node process of its own, and take turns.

import { Lane, type Run, closeLanes } from '../e2e/lane.ts';
import { type HoldRun, repetitionsFor, runHeld, runPaced, withRange } from '../e2e/runs.ts';
import { openPlaced } from '../e2e/placements.ts';
import { shortly } from '../lib/machine.ts';
import { type Candidate, interleave, median } from '../lib/repeat.ts';
import { type Context, type Part, type Row, withNote, withRatio } from '../lib/row.ts';

type LaneName = 'plain' | 'observe' | 'filter-auto' | 'filter-shared' | 'direct-transport';
type OpenLane = { readonly lane: Lane; readonly remark?: string };
type OpenLanes = ReadonlyMap<LaneName, OpenLane>;

const rates = { '1k': 1_000, '5k': 5_000, '20k': 20_000 } as const;
/** Against which the promise about the worker's CPU is held. */
const sharedRate = '20k';

export const part: Part = {
	name: 'e2e',
	async run(context: Context): Promise<Row[]> {
		const opened = new Map<LaneName, OpenLane>();

		try {
			await openAll(opened);

			const rows: Row[] = [];
			const runsInAll = Object.keys(rates).reduce((sum, rate) => sum + lanesAt(rate, opened).length, 0);

			for (const [rate, packetsPerSecond] of Object.entries(rates)) {
				const lanes = lanesAt(rate, opened);
				const seconds = context.quick ? 0.5 : 2;
				const repetitions = repetitionsFor(context, runsInAll, seconds, 7);

				context.log(`e2e: ${rate} packets/s, ${repetitions} repetitions of ${lanes.map(([name]) => name).join(', ')}`);
				rows.push(...(await measureRate(lanes, rate, { packetsPerSecond, seconds }, repetitions)));
			}

			return rows;
		} finally {
			await closeLanes(Object.fromEntries([...opened].map(([name, { lane }]) => [name, lane])));
		}
	},
};

async function openAll(opened: Map<LaneName, OpenLane>): Promise<void> {
	opened.set('plain', { lane: await Lane.open({ mode: 'plain' }) });
	opened.set('observe', { lane: await Lane.open({ mode: 'observe' }) });
	for (const placement of ['auto', 'shared'] as const) {
		opened.set(`filter-${placement}`, await openPlaced(placement));
	}
	opened.set('direct-transport', { lane: await Lane.open({ mode: 'direct' }) });
}

/** `plain` is the first: the others compare with its run just before. */
function lanesAt(rate: string, opened: OpenLanes): [LaneName, OpenLane][] {
	return [...opened].filter(([name]) => name !== 'filter-shared' || rate === sharedRate);
}

async function measureRate(
	lanes: readonly [LaneName, OpenLane][],
	rate: string,
	pace: { readonly packetsPerSecond: number; readonly seconds: number },
	repetitions: number,
): Promise<Row[]> {
	const runs = new Map<LaneName, Run[]>(lanes.map(([name]) => [name, []]));
	const plainRuns = runs.get('plain')!;
	const candidates = lanes.map(
		([name, { lane }]): Candidate => ({
			name: `e2e/${name}/${rate}`,
			unit: 'us',
			async measure() {
				const run = await (name.startsWith('filter') ? runHeld : runPaced)(lane, pace);

				runs.get(name)!.push(run);

				return { ...run, ...(name !== 'plain' && { value: run.p50 - plainRuns.at(-1)!.p50 }) };
			},
		}),
	);
	const rows = await interleave(candidates, repetitions);
	const plain = rows[0]!;

	return rows.map((row, index) => {
		const [name, { remark }] = lanes[index]!;
		const ofThis = runs.get(name)!;
		const late = Math.max(...ofThis.map(({ maxLateMicros }) => maxLateMicros));
		// The schedule was not kept: what the sender caught up with came as a burst.
		const lateness = late > 10_000 ? `noisy: the sender was up to ${shortly(late / 1000)} ms late` : undefined;
		const described = name === 'plain' ? row : withNote(withNote(withRatio(row, plain), describe(ofThis, plainRuns)), remark);

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
