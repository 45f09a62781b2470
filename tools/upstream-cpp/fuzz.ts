// Runs of upstream's libFuzzer program, one for each of the groups that it can be told to fuzz.

import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { repoRoot } from '../lib/paths.ts';

/** The environment variables by which the program is told what to fuzz (worker/fuzzer/src/fuzzer.cpp). */
export const fuzzGroups = ['STUN', 'DTLS', 'SCTP', 'RTP', 'RTCP', 'CODECS', 'UTILS'] as const;

export type FuzzResult = {
	readonly executions: number;
	readonly coveredEdges: number;
	/** What the program said as it stopped early, and where the input is; nothing if it did not. */
	readonly finding?: string;
};

/** As tasks.py has it. */
const maxLength = 1400;

export async function fuzz(binary: string, group: (typeof fuzzGroups)[number], seconds: number): Promise<FuzzResult> {
	const dir = join(repoRoot, 'build/upstream-cpp/fuzz', group.toLowerCase());
	const corpus = join(dir, 'corpus');

	mkdirSync(corpus, { recursive: true });

	const child = spawn(
		binary,
		[`-artifact_prefix=${dir}/`, `-max_len=${maxLength}`, `-max_total_time=${seconds}`, '-print_final_stats=1', corpus],
		{
			env: {
				...process.env,
				[`MS_FUZZ_${group}`]: '1',
				UBSAN_OPTIONS: `print_stacktrace=1:suppressions=${join(repoRoot, 'tools/worker-build/ubsan.supp')}`,
			},
			stdio: ['ignore', 'ignore', 'pipe'],
		},
	);
	let output = '';

	// Of hours of progress the end is enough.
	child.stderr.setEncoding('utf8').on('data', (text: string) => (output = (output + text).slice(-64_000)));

	const passed = await new Promise<boolean>((resolve, reject) => {
		child.once('error', reject);
		child.once('close', (code) => resolve(code === 0));
	});
	const edges = [...output.matchAll(/\bcov: (\d+)/g)].at(-1)?.[1];
	const executions = /stat::number_of_executed_units:\s*(\d+)/.exec(output)?.[1];
	const result = { executions: Number(executions ?? 0), coveredEdges: Number(edges ?? 0) };

	return passed && result.executions > 0 ? result : { ...result, finding: `${output.slice(-6_000)}\nIts files are in ${dir}` };
}
