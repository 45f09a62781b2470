// Rows worker/instr-…: what the tap costs the worker in instructions. They repeat to a tenth or two of a percent, whatever else the machine does.

import type { LaneOptions } from '../e2e/lane.ts';
import { type Context, type Row, withNote, withRatio } from '../lib/row.ts';
import { median } from '../lib/repeat.ts';
import { buildWorker } from '../../tools/build-worker.ts';
import { beforeSleep, countInstructions, hasCallgrind, receivePath } from './callgrind.ts';

const names = ['worker/instr-stock', 'worker/instr-no-tap', 'worker/instr-observe', 'worker/instr-filter'] as const;
const unit = 'instr/packet';

export async function measureInstructions(context: Context): Promise<Row[]> {
	if (!hasCallgrind()) {
		return names.map((name) => ({ name, unit, note: 'valgrind is missing: apt-get install valgrind' }));
	}

	const stockBin = await buildWorker({ variant: 'stock', deps: 'system', defines: [] });
	const packets = context.quick ? 500 : 3000;
	const count = async (lane: LaneOptions, inside: string = receivePath): Promise<number> => {
		const instructions = await countInstructions({ lane, inside, warmUp: 300, packets });

		context.log(`worker: ${instructions.toFixed(1)} instructions per packet, ${lane.mode} ${lane.workerBin ? '(stock worker)' : ''} in ${inside}`);

		return instructions;
	};

	// Those between which a half of a percent matters are counted more often.
	const often = context.quick ? 1 : 3;
	const stock = await medianOf(often, () => count({ mode: 'plain', workerBin: stockBin }));
	const noTap = await medianOf(often, () => count({ mode: 'plain' }));
	const unattached = await medianOf(often, () => count({ mode: 'library' }));
	// Two at a time: other than durations, instructions do not mind.
	const [observe, observeTurn] = await Promise.all([count({ mode: 'observe' }), count({ mode: 'observe' }, beforeSleep)]);
	const [filter, filterTurn] = await Promise.all([count({ mode: 'filter' }), count({ mode: 'filter' }, beforeSleep)]);
	const [stockRow, ...others] = names.map((name, index): Row => ({ name, unit, value: [stock, noTap, observe, filter][index]! })) as [Row, ...Row[]];
	const notes = [
		`patched, nothing attached and no library; with the library open: ${perPacket(unattached)} (${ratio(unattached / stock)} x stock)`,
		`copy into the ring; waking the host at the end of the turn: ${perPacket(observeTurn)} more`,
		`publish and hold only; the turn in which the verdict is applied and the packet goes on: ${perPacket(filterTurn)}, together ${ratio((filter + filterTurn) / stock)} x stock`,
	];

	return [
		withNote(stockRow, 'callgrind, inclusive of Transport::ReceiveRtpPacket, one consumer, closed loop'),
		...others.map((row, index) => withNote(withRatio(row, stockRow), notes[index])),
	];
}

/** All at the same time. */
async function medianOf(repetitions: number, countOnce: () => Promise<number>): Promise<number> {
	return median(await Promise.all(Array.from({ length: repetitions }, countOnce)));
}

function perPacket(instructions: number): string {
	return instructions.toFixed(1);
}

function ratio(value: number): string {
	return value.toFixed(4);
}
