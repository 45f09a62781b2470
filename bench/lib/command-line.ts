// npm run bench -- [part] [--json] [--quick]

import { parseArgs } from 'node:util';

import { isPartName, partNames } from './row.ts';
import type { PartName } from './row.ts';

export type BenchCommand = {
	readonly parts: readonly PartName[];
	readonly json: boolean;
	readonly quick: boolean;
};

export const usage = `usage: npm run bench -- [${partNames.join('|')}]… [--json] [--quick]`;

/** Throws a TypeError that says what is wrong. */
export function parseCommandLine(args: readonly string[]): BenchCommand {
	const { values, positionals } = parseArgs({
		args: [...args],
		options: { json: { type: 'boolean', default: false }, quick: { type: 'boolean', default: false } },
		allowPositionals: true,
	});

	for (const name of positionals) {
		if (!isPartName(name)) {
			throw new TypeError(`there is no part ${name}; there are ${partNames.join(', ')}`);
		}
	}

	// In their own order, floors first, whatever the order on the command line.
	return { parts: partNames.filter((name) => positionals.length === 0 || positionals.includes(name)), json: values.json, quick: values.quick };
}
