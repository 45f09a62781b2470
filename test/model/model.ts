// Builds the model and has it explore; its native side says what is explored (test/model/worlds), this what came of it.

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { buildNative } from '../../tools/build-native.ts';

/** What the model prints for each exploration. */
export type Exploration = {
	readonly configuration: string;
	readonly what: string;
	readonly control: string | null;
	/** What the control takes away. */
	readonly lacks: string | null;
	/** Steps that were taken from a place that was not there before. */
	readonly states: number;
	/** Executions to the end, no two of them equivalent by more than a chance. */
	readonly interleavings: number;
	/** Executions that were left, since what could follow had been seen. */
	readonly cut: number;
	readonly longest: number;
	readonly seconds: number;
	/** Whether everything was seen. Not when something was found. */
	readonly complete: boolean;
	readonly failure: string | null;
	/** The way to the failure. */
	readonly steps: readonly string[];
};

/** Controls that take away a safeguard of the worker's sources, which wants a build. */
const builtControls = ['skip-redelivered', 'skip-last-verdicts', 'skip-republish'];

const binaries = ['model', ...builtControls.map((name) => `model-${name}`)];

export type Model = {
	readonly explore: (options: { readonly long: boolean }, onResult: (result: Exploration) => void) => Promise<void>;
	/** Without a name, all of them. Throws when there is none of that name. */
	readonly runControls: (name: string | undefined, onResult: (result: Exploration) => void) => Promise<void>;
	/** The litmus tests, by name: outcomes as the explorer saw them. */
	readonly litmus: () => Promise<Readonly<Record<string, readonly string[]>>>;
};

export async function buildModel(): Promise<Model> {
	const dir = await buildNative({ targets: binaries.map((name) => `test/model/${name}`) });
	const run = (binary: string, args: readonly string[], onLine: (line: string) => void): Promise<void> => runBinary(join(dir, 'test/model', binary), args, onLine);

	return {
		explore: ({ long }, onResult) => run('model', ['--long', String(long)], (line) => onResult(parse(line))),
		runControls: async (name, onResult) => {
			if (name === undefined || !builtControls.includes(name)) {
				await run('model', ['--control', name ?? 'all'], (line) => onResult(parse(line)));
			}
			for (const built of builtControls.filter((one) => name === undefined || one === name)) {
				await run(`model-${built}`, ['--control', built], (line) => onResult(parse(line)));
			}
		},
		litmus: async () => {
			const outcomes: Record<string, readonly string[]> = {};

			await run('model', ['--litmus', 'all'], (line) => Object.assign(outcomes, JSON.parse(line)));

			return outcomes;
		},
	};
}

function parse(line: string): Exploration {
	return JSON.parse(line) as Exploration;
}

async function runBinary(file: string, args: readonly string[], onLine: (line: string) => void): Promise<void> {
	const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
	const errors: Buffer[] = [];
	const ended = new Promise<void>((resolve, reject) => {
		child.once('error', reject);
		child.once('close', (code, signal) => {
			if (code === 0) {
				resolve();
			} else {
				reject(new Error(`${file} ${args.join(' ')} ended with ${signal ?? code}: ${Buffer.concat(errors).toString().trim()}`));
			}
		});
	});

	child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
	createInterface(child.stdout).on('line', onLine);
	await ended;
}
