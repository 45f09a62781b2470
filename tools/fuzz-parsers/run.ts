// Runs a native target to its end, or to its first finding.

import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { repoRoot } from '../lib/paths.ts';
import type { FuzzEngine } from './build.ts';
import { type FuzzResult, inputDirs } from './result.ts';
import type { FuzzTarget } from './targets.ts';

export type FuzzJob = {
	readonly engine: FuzzEngine;
	readonly target: FuzzTarget;
	readonly binDir: string;
	readonly runs: number;
	readonly seed: number;
	readonly grow: boolean;
};

/** An input that takes longer is a finding: whoever reads it stands still meanwhile. Machines may be slow. */
const slowSeconds = 20;
const maxRssMb = 3072;
const shownBytes = 6000;
const symbolizer = '/usr/bin/llvm-symbolizer-16';

export async function runTarget(job: FuzzJob): Promise<FuzzResult> {
	const dir = mkdtempSync(join(tmpdir(), 'mph-fuzz-'));

	try {
		const startedAt = Date.now();
		const end = await run(join(job.binDir, job.target.name), argumentsOf(job, dir), dir);
		const seconds = Math.max(0.001, (Date.now() - startedAt) / 1000);
		const executions = executionsOf(job.engine, end.output);

		return {
			target: job.target.name,
			executions,
			executionsPerSecond: Math.round(executions / seconds),
			coverage: coverageOf(end.output),
			...(end.isGood ? { findings: 0 } : { findings: 1, finding: { input: keepInput(job.target.name, dir), text: end.output.slice(-shownBytes) } }),
		};
	} finally {
		rmSync(dir, { recursive: true });
	}
}

/** Replaces the corpus by the fewest of its inputs that reach all that they reach together. */
export async function minimise(job: FuzzJob): Promise<number> {
	const corpus = join(repoRoot, 'test/fuzz/corpus', job.target.name);
	const dir = mkdtempSync(join(tmpdir(), 'mph-fuzz-'));
	const merged = join(dir, 'merged');

	try {
		mkdirSync(merged);

		const { isGood, output } = await run(join(job.binDir, job.target.name), ['-merge=1', ...limitsOf(job.target), merged, corpus], dir);

		if (!isGood) {
			throw new Error(`the corpus of ${job.target.name} cannot be minimised\n${output.slice(-shownBytes)}`);
		}
		rmSync(corpus, { recursive: true });
		mkdirSync(corpus, { recursive: true });
		for (const file of readdirSync(merged)) {
			// Names of 40 digits say no more than ten do.
			renameSync(join(merged, file), join(corpus, file.slice(0, 10)));
		}

		return readdirSync(corpus).length;
	} finally {
		rmSync(dir, { recursive: true });
	}
}

function argumentsOf({ engine, target, runs, seed, grow }: FuzzJob, dir: string): string[] {
	const dirs = inputDirs(target.name);

	if (engine === 'seeded') {
		return ['--runs', String(runs), '--seed', String(seed), '--max-length', String(target.maxLength), ...dirs];
	}

	// New inputs go into the first folder.
	const growing = grow ? join(repoRoot, 'test/fuzz/corpus', target.name) : join(dir, 'new');

	mkdirSync(growing, { recursive: true });

	return [`-runs=${runs}`, `-seed=${seed}`, '-print_final_stats=1', `-artifact_prefix=${dir}/`, ...limitsOf(target), growing, ...dirs.filter((other) => other !== growing)];
}

function limitsOf({ maxLength }: FuzzTarget): string[] {
	return [`-max_len=${maxLength}`, `-timeout=${slowSeconds}`, `-rss_limit_mb=${maxRssMb}`, `-detect_leaks=0`];
}

type End = { readonly isGood: boolean; readonly output: string };

async function run(file: string, args: readonly string[], cwd: string): Promise<End> {
	const child = spawn(file, args, {
		cwd,
		stdio: ['ignore', 'pipe', 'pipe'],
		env: { ...process.env, ASAN_OPTIONS: 'detect_leaks=0', UBSAN_OPTIONS: 'print_stacktrace=1', ...(existsSync(symbolizer) ? { ASAN_SYMBOLIZER_PATH: symbolizer } : {}) },
	});
	let output = '';

	for (const stream of [child.stdout, child.stderr]) {
		stream.setEncoding('utf8');
		stream.on('data', (text: string) => {
			output = (output + text).slice(-1_000_000);
		});
	}

	const how = await new Promise<string | undefined>((resolve, reject) => {
		child.once('error', (error) => reject(new Error(`cannot run ${file}`, { cause: error })));
		child.once('close', (code, signal) => resolve(code === 0 ? undefined : signal ? `it was ended by ${signal}` : `it ended with code ${code}`));
	});

	return { isGood: how === undefined, output: how === undefined ? output : `${output}\n${how}` };
}

function executionsOf(engine: FuzzEngine, output: string): number {
	const found = engine === 'seeded' ? /"executions":(\d+)/.exec(output) : (/stat::number_of_executed_units:\s*(\d+)/.exec(output) ?? last(output, /^#(\d+)/gm));

	return Number(found?.[1] ?? 0);
}

function coverageOf(output: string): number | null {
	const found = last(output, / cov: (\d+)/g);

	return found ? Number(found[1]) : null;
}

function last(text: string, pattern: RegExp): RegExpExecArray | undefined {
	return [...text.matchAll(pattern)].at(-1);
}

/** Where the regressions go, until somebody has looked at it. */
function keepInput(target: string, dir: string): string | null {
	const name = readdirSync(dir).find((file) => /^(crash|oom|timeout|leak|slow-unit)-/.test(file));

	if (name === undefined || !existsSync(join(dir, name))) {
		return null;
	}

	const kept = join(repoRoot, 'build/fuzz/findings', target);

	mkdirSync(kept, { recursive: true });
	renameSync(join(dir, name), join(kept, name));

	return join(kept, name);
}
