// What came of a target.

import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { repoRoot } from '../lib/paths.ts';

/** The keys are promised; scripts read them. */
export type FuzzResult = {
	readonly target: string;
	readonly executions: number;
	readonly executionsPerSecond: number;
	/** Edges of the code that were taken; null where nobody counts. */
	readonly coverage: number | null;
	readonly findings: number;
	/** Where the input stands, and what was said of it. */
	readonly finding?: { readonly input: string | null; readonly text: string };
};

export function lineOf({ target, executions, executionsPerSecond, coverage, findings, finding }: FuzzResult): string {
	const edges = coverage === null ? '' : `, ${coverage} edges`;
	const found = finding === undefined ? '' : `\n${finding.text}\ninput: ${finding.input ?? 'none was saved'}`;

	return `${target.padEnd(14)} ${executions} executions, ${executionsPerSecond}/s${edges}, ${findings === 0 ? 'no finding' : '1 finding'}${found}`;
}

/** Inputs to begin with: those that reach something, and those that found something once. */
export function inputDirs(target: string): string[] {
	return ['corpus', 'regressions'].map((kind) => join(repoRoot, 'test/fuzz', kind, target)).filter((dir) => existsSync(dir));
}
