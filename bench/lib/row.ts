// What a part of the benchmark is and what it hands back: rows, as `npm run -s bench -- --json` prints them.

/** CPU time of each process, in microseconds per packet (or per verdict: the thing that the row counts). */
export type CpuPerPacket = {
	readonly worker?: number;
	readonly host?: number;
	readonly node?: number;
};

export type Row = {
	/** `part/what`, e.g. `floor/F1`, `verdict/spin`, `e2e/plain/5k`. */
	readonly name: string;
	/** Of p50, p99 and value: `us`, `ns`, `MB/s`, `Mrec/s`, `instr/packet`, `MiB` … MB is 10⁶ bytes. */
	readonly unit: string;
	/** Medians over the repetitions of each repetition's percentile. */
	readonly p50?: number;
	readonly p99?: number;
	/** A row that has no distribution: a rate, a size, a count. Median over the repetitions. */
	readonly value?: number;
	/** The row that `ratio` compares with: this row's p50 (or value) over that one's. */
	readonly ratioTo?: string;
	readonly ratio?: number;
	/** Packets sent and not received, over all repetitions. */
	readonly lost?: number;
	readonly cpu?: CpuPerPacket;
	/** Where the machine was noisy, and whatever else a reader has to know to read the figures. */
	readonly note?: string;
};

export const partNames = ['ring', 'verdict', 'e2e', 'js', 'worker'] as const;
export type PartName = (typeof partNames)[number];

export const floorNames = ['F0', 'F1', 'F2', 'F3', 'bulk'] as const;
export type FloorName = (typeof floorNames)[number];

export type Context = {
	/** Short form: fewer and shorter repetitions, figures for a look only. */
	readonly quick: boolean;
	/** What the part may take, all repetitions together. main.ts keeps the sum of all parts under fifteen minutes. */
	readonly budgetMs: number;
	/** A floor of this run (row `floor/F1` …). Measured on first use when the part `ring` did not run. */
	floorOf(name: FloorName): Promise<Row>;
	/** One line to stderr. stdout belongs to the rows. */
	log(text: string): void;
};

/** bench/parts/<name>.ts exports its part as `part`. */
export type Part = {
	readonly name: PartName;
	run(context: Context): Promise<Row[]>;
};

export function isPartName(text: string): text is PartName {
	return (partNames as readonly string[]).includes(text);
}

/** The figure by which rows are compared. */
export function figureOf(row: Row): number {
	const figure = row.p50 ?? row.value;

	if (figure === undefined) {
		throw new Error(`row ${row.name} has neither p50 nor value`);
	}

	return figure;
}

/** The row with its ratio to another one. Both must be of the same unit. */
export function withRatio(row: Row, to: Row): Row {
	if (row.unit !== to.unit) {
		throw new Error(`${row.name} is in ${row.unit} and ${to.name} in ${to.unit}: their ratio means nothing`);
	}

	return { ...row, ratioTo: to.name, ratio: figureOf(row) / figureOf(to) };
}

/** The row with one more remark in its note. */
export function withNote(row: Row, remark: string | undefined): Row {
	if (!remark) {
		return row;
	}

	return { ...row, note: row.note ? `${row.note}; ${remark}` : remark };
}
