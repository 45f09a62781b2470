// How the commands are called, and the error of who does it differently.

import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';

import { depsModes } from '../worker-build/options.ts';

export const usages = {
	build: `usage: mediasoup-plugin-host build [--install-packages] [--deps ${depsModes.join('|')}]`,
	drill: `usage: mediasoup-plugin-host drill [--kill N] [--minutes M] [--standby] [--onAbsent accept|drop] [--packetsPerSecond N]
         [--scenarios kill,segv,abort,stop,oom,loop,exit] [--plugin FILE [--config JSON]] [--deadlineMs MS] [--hangMs MS] [--seed N] [--browser] [--json]`,
	replay: 'usage: mediasoup-plugin-host replay --crash FILE --plugin FILE [--config JSON] [--batch] [--gdb | --json]',
} as const;

/** The command line makes no sense. */
export class UsageError extends Error {
	override readonly name = 'UsageError';
}

/** As node:util's, with our error. */
export function readOptions<Options extends ParseArgsOptionsConfig>(args: readonly string[], options: Options) {
	try {
		return parseArgs({ args: [...args], options }).values;
	} catch (error) {
		throw new UsageError((error as Error).message, { cause: error });
	}
}

export function wholeNumber(option: string, text: string, min: number, max: number): number {
	const value = Number(text);

	if (!/^\d+$/.test(text) || value < min || value > max) {
		throw new UsageError(`${option} "${text}" is not a whole number from ${min} to ${max}`);
	}

	return value;
}

export function json(option: string, text: string): unknown {
	try {
		return JSON.parse(text);
	} catch (error) {
		throw new UsageError(`${option} is not JSON: ${(error as Error).message}`, { cause: error });
	}
}
