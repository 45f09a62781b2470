// The floors of this run: taken from the rows of the part `ring` if it ran, measured when somebody asks for them otherwise.

import { openNativeBench } from './native.ts';
import { interleave } from './repeat.ts';
import type { FloorName, Row } from './row.ts';

const repetitions = 5;

export type Floors = {
	of(name: FloorName): Promise<Row>;
	/** Rows of any kind; the floors among them are kept. */
	take(rows: readonly Row[]): void;
	/** Those that were measured because somebody asked: they belong in the output, too. */
	readonly measured: readonly Row[];
};

export function makeFloors({ ms }: { readonly ms: number }): Floors {
	const known = new Map<string, Promise<Row>>();
	const measured: Row[] = [];

	async function measure(name: string): Promise<Row> {
		const bench = await openNativeBench();
		const unit = (await bench(name, { ms: 20 })).unit;
		const [row] = await interleave([{ name, unit, measure: () => bench(name, { ms }) }], repetitions);

		if (!row) {
			throw new Error(`${name} was not measured`);
		}
		measured.push(row);

		return row;
	}

	return {
		measured,
		of(floor) {
			const name = `floor/${floor}`;
			const row = known.get(name) ?? measure(name);

			known.set(name, row);

			return row;
		},
		take(rows) {
			for (const row of rows.filter(({ name }) => name.startsWith('floor/'))) {
				known.set(row.name, Promise.resolve(row));
			}
		},
	};
}
