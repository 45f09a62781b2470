// How long the real worker holds a packet for a verdict, from its own histogram, under RTP over UDP: wherever the host can be placed; and how many
// verdicts a worker can take in.

import { closeLanes } from '../e2e/lane.ts';
import { type HoldRun, repetitionsFor, runHeld, withRange } from '../e2e/runs.ts';
import { type PlacedLane, type Placement, openPlaced } from '../e2e/placements.ts';
import { measureBursts, measureSaturated } from '../e2e/saturation.ts';
import { shortly } from '../lib/machine.ts';
import { type Candidate, interleave } from '../lib/repeat.ts';
import { type Context, type FloorName, type Part, type Row, withNote } from '../lib/row.ts';

type HoldRow = {
	readonly name: string;
	readonly placement: Placement;
	readonly packetsPerSecond: number;
	readonly floor?: FloorName;
};

const holdRows: readonly HoldRow[] = [
	{ name: 'verdict/spin', placement: 'spinning', packetsPerSecond: 20_000, floor: 'F1' },
	{ name: 'verdict/shared', placement: 'shared', packetsPerSecond: 5_000, floor: 'F2' },
	// F3 is paced at 1 kHz, too.
	{ name: 'verdict/isolated-sleep', placement: 'isolated', packetsPerSecond: 1_000, floor: 'F3' },
	{ name: 'verdict/auto', placement: 'auto', packetsPerSecond: 5_000 },
	{ name: 'verdict/auto-1k', placement: 'auto', packetsPerSecond: 1_000 },
	{ name: 'verdict/auto-20k', placement: 'auto', packetsPerSecond: 20_000 },
];

/** Of the part's budget; the rest is for saturation. */
const holdShare = 0.55;

export const part: Part = {
	name: 'verdict',
	async run(context: Context): Promise<Row[]> {
		const holds = await measureHolds({ ...context, budgetMs: context.budgetMs * holdShare });

		context.log('verdict: saturation');

		return [...holds, ...(await measureSaturated(context)), ...(await measureBursts(context))];
	},
};

async function measureHolds(context: Context): Promise<Row[]> {
	const placed = new Map<Placement, PlacedLane>();

	try {
		for (const placement of ['auto', 'shared', 'isolated', 'spinning'] as const) {
			placed.set(placement, await openPlaced(placement));
		}

		const runs = new Map<string, HoldRun[]>(holdRows.map(({ name }) => [name, []]));
		const seconds = context.quick ? 0.5 : 2;
		const repetitions = repetitionsFor(context, holdRows.length, seconds, 7);

		context.log(`verdict: hold times, ${repetitions} repetitions of ${holdRows.length} rows`);

		const candidates = holdRows.map(
			({ name, placement, packetsPerSecond }): Candidate => ({
				name,
				unit: 'us',
				async measure() {
					const run = await runHeld(placed.get(placement)!.lane, { packetsPerSecond, seconds });

					runs.get(name)!.push(run);

					return { p50: run.hold.p50, p99: run.hold.p99, lost: run.lost, cpu: run.cpu };
				},
			}),
		);
		const rows = new Map((await interleave(candidates, repetitions)).map((row) => [row.name, row]));

		return Promise.all(holdRows.map((row) => describe(context, row, rows.get(row.name)!, placed.get(row.placement)!, runs.get(row.name)!)));
	} finally {
		await closeLanes(Object.fromEntries([...placed].map(([name, { lane }]) => [name, lane])));
	}
}

async function describe(context: Context, { packetsPerSecond, floor }: HoldRow, row: Row, { remark }: PlacedLane, runs: readonly HoldRun[]): Promise<Row> {
	const noted = withNote(
		row,
		`${packetsPerSecond} packets/s; held ${withRange(runs.map(({ hold }) => hold.mean))} us on average; end to end p50 ${withRange(runs.map(({ p50 }) => p50))} us, p99 ${withRange(runs.map(({ p99 }) => p99))} us; ${remark}`,
	);

	return floor ? withRatioToFloor(noted, await context.floorOf(floor)) : noted;
}

/** Floors may be in nanoseconds. */
function withRatioToFloor(row: Row, floor: Row): Row {
	const floorMicros = ((floor.p50 ?? floor.value)! * (floor.unit === 'ns' ? 1 : 1000)) / 1000;

	return withNote({ ...row, ratioTo: floor.name, ratio: row.p50! / floorMicros }, `${floor.name} ${shortly(floorMicros)} us`);
}
