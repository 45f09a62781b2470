// Socket to socket through the real worker: alone, with an observer, with a filter on every packet, and with the filter's job done in JavaScript
// behind a DirectTransport. All lanes are open at the same time, each with a worker and a Node process of its own, and take turns.

import { Lane, closeLanes } from '../e2e/lane.ts';
import { type RatedLane, measureRate, rates } from '../e2e/rates.ts';
import { openPlaced } from '../e2e/placements.ts';
import { repetitionsFor } from '../e2e/runs.ts';
import type { Context, Part, Row } from '../lib/row.ts';

type LaneName = 'plain' | 'observe' | 'filter-auto' | 'filter-shared' | 'direct-transport';
type OpenLanes = ReadonlyMap<LaneName, Omit<RatedLane, 'name'>>;

/** Against which the promise about the worker's CPU is held. */
const sharedRate = '20k';

export const part: Part = {
	name: 'e2e',
	async run(context: Context): Promise<Row[]> {
		const opened = new Map<LaneName, Omit<RatedLane, 'name'>>();

		try {
			await openAll(opened);

			const rows: Row[] = [];
			const runsInAll = Object.keys(rates).reduce((sum, rate) => sum + lanesAt(rate, opened).length, 0);

			for (const [rate, packetsPerSecond] of Object.entries(rates)) {
				const lanes = lanesAt(rate, opened);
				const seconds = context.quick ? 0.5 : 2;
				const repetitions = repetitionsFor(context, runsInAll, seconds, 7);

				context.log(`e2e: ${rate} packets/s, ${repetitions} repetitions of ${lanes.map(({ name }) => name).join(', ')}`);
				rows.push(...(await measureRate(lanes, { packetsPerSecond, seconds }, repetitions)));
			}

			return rows;
		} finally {
			await closeLanes(Object.fromEntries([...opened].map(([name, { lane }]) => [name, lane])));
		}
	},
};

async function openAll(opened: Map<LaneName, Omit<RatedLane, 'name'>>): Promise<void> {
	opened.set('plain', { lane: await Lane.open({ mode: 'plain' }) });
	opened.set('observe', { lane: await Lane.open({ mode: 'observe' }) });
	for (const placement of ['auto', 'shared'] as const) {
		opened.set(`filter-${placement}`, await openPlaced(placement));
	}
	opened.set('direct-transport', { lane: await Lane.open({ mode: 'direct' }) });
}

/** `plain` is the first: the others compare with its run just before. */
function lanesAt(rate: string, opened: OpenLanes): RatedLane[] {
	return [...opened]
		.filter(([name]) => name !== 'filter-shared' || rate === sharedRate)
		.map(([name, lane]) => ({ ...lane, name: `e2e/${name}/${rate}` }));
}
