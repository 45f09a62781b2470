// The floors of the machine, our ring, and what one would take instead of it. All are repetitions of bench/native, interleaved.

import { watchMachine } from '../lib/machine.ts';
import { openNativeBench } from '../lib/native.ts';
import type { NativeOptions, NativeSample } from '../lib/native.ts';
import { ratioWithinRepetitions, rowOf } from '../lib/repeat.ts';
import type { Context, Part, Row } from '../lib/row.ts';

type RingRow = {
	readonly name: string;
	/** A name of mph-bench's list when it is not the row's. */
	readonly program?: string;
	readonly ratioTo?: string;
	readonly options?: Partial<NativeOptions>;
};

/** Records that the streams publish at once. */
const batch = 32;

const rows: readonly RingRow[] = [
	{ name: 'floor/F0' },
	{ name: 'floor/F1' },
	{ name: 'floor/F2' },
	{ name: 'floor/F3' },
	{ name: 'floor/bulk' },
	{ name: 'ring/rtt1200', ratioTo: 'floor/F1' },
	{ name: 'ring/rtt1200-waking', ratioTo: 'floor/F1' },
	{ name: 'ring/oneway1200', ratioTo: 'floor/bulk', options: { batch } },
	{ name: 'ring/oneway1200-single', program: 'ring/oneway1200', ratioTo: 'floor/bulk' },
	{ name: 'ring/oneway100', ratioTo: 'boost/oneway100', options: { batch } },
	{ name: 'ring/oneway100-single', program: 'ring/oneway100', ratioTo: 'boost/oneway100' },
	{ name: 'boost/rtt1200', ratioTo: 'floor/F1' },
	{ name: 'boost/oneway1200', ratioTo: 'floor/bulk' },
	{ name: 'boost/oneway100' },
	{ name: 'unix/rtt1200', ratioTo: 'floor/F1' },
	{ name: 'unix/rtt1200-spinning', ratioTo: 'floor/F1' },
];

export const part: Part = {
	name: 'ring',
	async run(context: Context): Promise<Row[]> {
		const bench = await openNativeBench();
		const { ms, repetitions } = planFor(context);
		const samples = new Map<string, NativeSample[]>(rows.map(({ name }) => [name, []]));
		const watch = watchMachine();

		for (let repetition = 1; repetition <= repetitions; ++repetition) {
			context.log(`ring: repetition ${repetition} of ${repetitions}, ${rows.length} rows of ${ms} ms`);
			for (const { name, program = name, options } of rows) {
				samples.get(name)?.push(await bench(program, { ms, ...options }));
			}
		}

		const disturbance = watch();

		return rows.map(({ name, ratioTo }) => {
			const ofRow = samples.get(name) ?? [];
			const row = toRow(name, ofRow, disturbance);

			return ratioTo ? { ...row, ratioTo, ratio: ratioWithinRepetitions(ofRow, samples.get(ratioTo) ?? []) } : row;
		});
	},
};

/** Each repetition of a row takes 1.2 times `ms` and the start of two processes. */
function planFor({ quick, budgetMs }: Context): { ms: number; repetitions: number } {
	const ms = quick ? 200 : 500;
	const most = quick ? 3 : 9;

	return { ms, repetitions: Math.max(1, Math.min(most, Math.floor(budgetMs / (rows.length * (ms * 1.2 + 50))))) };
}

function toRow(name: string, samples: readonly NativeSample[], disturbance: string | undefined): Row {
	const row = rowOf(name, samples[0]?.unit ?? '', samples, disturbance);
	const perSecond = rowOf(name, '', samples.flatMap((sample) => (sample.perSecond === undefined ? [] : [{ value: sample.perSecond }]))).value;

	// Blocks per second of bulk would say nothing.
	if (perSecond === undefined || name.startsWith('floor/')) {
		return row;
	}

	return { ...row, note: [`${(perSecond / 1e6).toFixed(2)} M records/s`, row.note].filter(Boolean).join('; ') };
}
