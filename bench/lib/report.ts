// The rows for people (a table) and for programs (one JSON array on one line).

import { shortly } from './machine.ts';
import type { CpuPerPacket, Row } from './row.ts';

const columns = ['row', 'unit', 'p50', 'p99', 'value', 'ratio', 'lost', 'cpu us', 'note'] as const;
/** Words stand left, figures right. */
const leftAligned: readonly (typeof columns)[number][] = ['row', 'unit', 'note'];

export function formatJson(rows: readonly Row[]): string {
	return JSON.stringify(rows.map(({ p50, p99, value, ratio, ...rest }) => ({ ...rest, ...rounded({ p50, p99, value, ratio }) })));
}

/** Columns that no row uses are left out, and what all rows remark stands below, once. */
export function formatTable(rows: readonly Row[]): string {
	const remarks = rows.map(({ note }) => note?.split('; ') ?? []);
	const common = rows.length > 1 ? (remarks[0] ?? []).filter((remark) => remarks.every((others) => others.includes(remark))) : [];
	const cells = rows.map((row, i) => ({ ...cellsOf(row), note: (remarks[i] ?? []).filter((remark) => !common.includes(remark)).join('; ') }));
	const used = columns.filter((column) => cells.some((row) => row[column] !== ''));
	const widths = used.map((column) => Math.max(column.length, ...cells.map((row) => row[column].length)));
	const line = (texts: readonly string[]): string =>
		texts
			.map((text, i) => (leftAligned.includes(used[i] as (typeof columns)[number]) ? text.padEnd(widths[i] ?? 0) : text.padStart(widths[i] ?? 0)))
			.join('  ')
			.trimEnd();

	return [line(used), ...cells.map((row) => line(used.map((column) => row[column]))), ...common.map((remark) => `all rows: ${remark}`)].join('\n');
}

function cellsOf(row: Row): Record<(typeof columns)[number], string> {
	return {
		row: row.name,
		unit: row.unit,
		p50: figure(row.p50),
		p99: figure(row.p99),
		value: figure(row.value),
		ratio: row.ratio === undefined ? '' : `${row.ratio.toFixed(2)} x ${row.ratioTo ?? '?'}`,
		lost: row.lost === undefined ? '' : String(row.lost),
		'cpu us': row.cpu ? cpu(row.cpu) : '',
		note: row.note ?? '',
	};
}

function cpu(times: CpuPerPacket): string {
	return Object.entries(times)
		.map(([who, microseconds]) => `${who} ${shortly(microseconds)}`)
		.join(' ');
}

function figure(value: number | undefined): string {
	return value === undefined ? '' : shortly(value);
}

/** Six digits; more would only be noise. */
function rounded(figures: Readonly<Record<string, number | undefined>>): Record<string, number> {
	return Object.fromEntries(
		Object.entries(figures).flatMap(([key, value]) => (value === undefined ? [] : [[key, Number(value.toPrecision(6))] as const])),
	);
}
