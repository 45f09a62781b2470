// The command line of `npm run fuzz:parsers`.

import { parseArgs } from 'node:util';

import { captureTarget } from './capture.ts';
import { nativeTargets } from './targets.ts';

export type FuzzOptions = {
	/** Executions of each target. */
	readonly runs: number;
	/** Names. */
	readonly targets: readonly string[];
	readonly seed: number;
	/** Whether inputs that reach something new are added to test/fuzz/corpus, which is minimised afterwards. */
	readonly grow: boolean;
	readonly json: boolean;
	/** Macros that take a check away, to see that the target finds it. */
	readonly defines: readonly string[];
};

const defaultRuns = 20_000;

export const targetNames: readonly string[] = [...nativeTargets.map(({ name }) => name), captureTarget];

export const usage = `usage: npm run -s fuzz:parsers -- [--runs N] [--target ${targetNames.join('|')}]… [--seed N] [--grow] [--define MACRO]… [--json]`;

export function parseOptions(args: readonly string[]): FuzzOptions {
	const { values } = parseArgs({
		args: [...args],
		options: {
			runs: { type: 'string', default: String(defaultRuns) },
			target: { type: 'string', multiple: true, default: [] },
			seed: { type: 'string', default: '1' },
			grow: { type: 'boolean', default: false },
			define: { type: 'string', multiple: true, default: [] },
			json: { type: 'boolean', default: false },
		},
	});

	for (const name of values.target) {
		if (!targetNames.includes(name)) {
			throw new TypeError(`--target ${name}: there are ${targetNames.join(', ')}`);
		}
	}
	for (const macro of values.define) {
		if (!/^[A-Z][A-Z0-9_]*$/.test(macro)) {
			throw new TypeError(`--define ${macro}: a macro's name has capitals, digits and underscores`);
		}
	}

	return {
		runs: positive('--runs', values.runs),
		targets: values.target.length > 0 ? values.target : targetNames,
		seed: positive('--seed', values.seed),
		grow: values.grow,
		json: values.json,
		defines: values.define,
	};
}

function positive(option: string, text: string): number {
	const number = Number(text);

	if (!Number.isSafeInteger(number) || number <= 0) {
		throw new TypeError(`${option} is ${text}; it must be a whole number above 0`);
	}

	return number;
}
