// The demo's command line.

import { parseArgs } from 'node:util';

export type DemoOptions = {
	readonly seconds: number;
	readonly kills: number;
	/** The receipt as JSON in the last line of standard output; everything else goes to standard error. */
	readonly json: boolean;
};

export const usage = 'usage: npm run demo -- [--seconds N] [--kills N] [--json]';

/** A host needs this long to be killed at a random moment, to come back, and to serve for a while. */
const secondsPerKill = 2;

export function parseCommandLine(args: readonly string[]): DemoOptions {
	const { values } = parseArgs({
		args: [...args],
		options: {
			seconds: { type: 'string', default: '20' },
			kills: { type: 'string', default: '3' },
			json: { type: 'boolean', default: false },
		},
	});
	const seconds = wholeNumber('--seconds', values.seconds, 4, 86_400);
	const kills = wholeNumber('--kills', values.kills, 0, 10_000);

	if (kills * secondsPerKill > seconds - 2) {
		throw new TypeError(`--kills ${kills} takes at least --seconds ${kills * secondsPerKill + 2}, not ${seconds}`);
	}

	return { seconds, kills, json: values.json };
}

function wholeNumber(option: string, text: string, min: number, max: number): number {
	const value = Number(text);

	if (!/^\d+$/.test(text) || value < min || value > max) {
		throw new TypeError(`${option} "${text}" is not a whole number from ${min} to ${max}`);
	}

	return value;
}
