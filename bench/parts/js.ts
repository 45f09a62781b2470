// A filter in TypeScript next to the same one in C, and next to the same job done with mediasoup alone (DirectTransport): what it adds end to end,
// how long it holds a packet, and how many packets per second it takes without losing one.

import { join } from 'node:path';

import { Lane, closeLanes, openLanes } from '../e2e/lane.ts';
import { type RatedLane, measureRate, rates } from '../e2e/rates.ts';
import { repetitionsFor, runHeld, warmUp } from '../e2e/runs.ts';
import { type Candidate, interleave } from '../lib/repeat.ts';
import { type Context, type Part, type Row, withNote, withRatio } from '../lib/row.ts';

const script = join(import.meta.dirname, '../e2e/plugins/accept.ts');
const heldRate = 5_000;
/** Of the search for the rate without loss. */
const firstRate = 10_000;
const step = 1.15;
const searchSeconds = 1;
/** A sender that falls behind by more does not send at that rate. */
const mostLateMicros = 20_000;

type Lanes = { readonly plain: Lane; readonly native: Lane; readonly js: Lane; readonly direct: Lane };

export const part: Part = {
	name: 'js',
	async run(context: Context): Promise<Row[]> {
		const lanes: Lanes = await openLanes({ plain: { mode: 'plain' }, native: { mode: 'filter' }, js: { mode: 'filter', pluginFile: script }, direct: { mode: 'direct' } });

		try {
			return [...(await measureRates(context, lanes)), ...(await measureHolds(context, lanes)), ...(await measureMost(context, lanes))];
		} finally {
			await closeLanes(lanes);
		}
	},
};

async function measureRates(context: Context, lanes: Lanes): Promise<Row[]> {
	const rows: Row[] = [];
	const seconds = context.quick ? 0.5 : 2;
	const budgetMs = context.budgetMs * 0.6;

	for (const [rate, packetsPerSecond] of Object.entries(rates)) {
		const rated: RatedLane[] = [
			{ name: `js/plain/${rate}`, lane: lanes.plain },
			{ name: `js/filter-auto/${rate}`, lane: lanes.native },
			{ name: `e2e/js/${rate}`, lane: lanes.js },
			{ name: `js/direct-transport/${rate}`, lane: lanes.direct },
		];
		const repetitions = repetitionsFor({ ...context, budgetMs }, rated.length * Object.keys(rates).length, seconds, 7);

		context.log(`js: ${rate} packets/s, ${repetitions} repetitions`);

		const measured = await measureRate(rated, { packetsPerSecond, seconds }, repetitions);
		const [js, direct] = [measured[2]!, measured[3]!];

		rows.push(...measured.map((row) => (row === js ? withNote(row, `DirectTransport adds ${(direct.value! / js.value!).toFixed(1)} times as much at p50`) : row)));
	}

	return rows;
}

async function measureHolds(context: Context, lanes: Lanes): Promise<Row[]> {
	const seconds = context.quick ? 0.5 : 2;
	const repetitions = repetitionsFor({ ...context, budgetMs: context.budgetMs * 0.15 }, 2, seconds, 7);
	const candidates = Object.entries({ 'js/verdict-native': lanes.native, 'verdict/js': lanes.js }).map(
		([name, lane]): Candidate => ({
			name,
			unit: 'us',
			async measure() {
				const { hold, lost, cpu } = await runHeld(lane, { packetsPerSecond: heldRate, seconds });

				return { p50: hold.p50, p99: hold.p99, lost, cpu };
			},
		}),
	);

	context.log('js: hold times');

	const [native, js] = await interleave(candidates, repetitions);

	return [native!, withNote(withRatio(js!, native!), `hold time at ${heldRate} packets/s`)];
}

/** Packets per second of 1,200 bytes, from socket to socket, of which none is lost and none is decided by a policy. */
async function measureMost(context: Context, lanes: Lanes): Promise<Row[]> {
	const repetitions = repetitionsFor({ ...context, budgetMs: context.budgetMs * 0.25 }, 4 * 12, searchSeconds, 3);
	const candidates = Object.entries({ 'rate/plain': lanes.plain, 'rate/direct-transport': lanes.direct, 'rate/native': lanes.native, 'rate/js': lanes.js }).map(
		([name, lane]): Candidate => ({ name, unit: 'packets/s', measure: async () => ({ value: await mostWithoutLoss(lane) }) }),
	);

	context.log('js: rates without loss');

	const rows = await interleave(candidates, repetitions);
	const direct = rows[1]!;

	return rows.map((row) => (row === direct ? row : withRatio(row, direct)));
}

async function mostWithoutLoss(lane: Lane): Promise<number> {
	let most = 0;

	for (let rate = firstRate; ; rate = Math.round(rate * step)) {
		await warmUp(lane, firstRate);

		const before = await lane.app.figures();
		const { sent, received, maxLateMicros } = await lane.probe.paced(rate, rate * searchSeconds);
		const after = await lane.app.figures();

		if (received < sent || maxLateMicros > mostLateMicros || after.byPolicy > before.byPolicy) {
			return most;
		}
		most = rate;
	}
}
