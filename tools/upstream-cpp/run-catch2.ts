// One run of a program of Catch2 tests.

import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { repoRoot } from '../lib/paths.ts';
import { type Catch2Report, parseCatch2Report } from './catch2-report.ts';

/** Where upstream's tests look for their files. */
const workerDir = join(repoRoot, 'node_modules/mediasoup/worker');

/** `name` names its files in build/upstream-cpp. Throws with what the program said if it left no whole report. */
export async function runCatch2(binary: string, name: string): Promise<Catch2Report> {
	const outputDir = join(repoRoot, 'build/upstream-cpp');
	const reportFile = join(outputDir, `${name}.xml`);

	mkdirSync(outputDir, { recursive: true });
	rmSync(reportFile, { force: true });

	// The same order each time, so that two runs differ in nothing but the program.
	const child = spawn(binary, ['--order', 'decl', '--rng-seed', '1', '--reporter', `XML::out=${reportFile}`], {
		cwd: workerDir,
		env: {
			...process.env,
			UBSAN_OPTIONS: `print_stacktrace=1:suppressions=${join(repoRoot, 'tools/worker-build/ubsan.supp')}`,
		},
		stdio: ['ignore', 'pipe', 'pipe'],
	});
	let output = '';

	for (const stream of [child.stdout, child.stderr]) {
		stream.setEncoding('utf8').on('data', (text: string) => (output += text));
	}

	const end = await new Promise<string>((resolve, reject) => {
		child.once('error', reject);
		child.once('close', (code, signal) => resolve(signal ? `was ended by ${signal}` : `ended with code ${code}`));
	});

	try {
		const report = parseCatch2Report(readFileSync(reportFile, 'utf8'));

		// Sanitizers speak up at the end, too.
		if (end !== 'ended with code 0' && report.failures.length === 0) {
			throw new Error('no test failed');
		}

		return report;
	} catch (error) {
		throw new Error(`${binary} ${end}, and ${(error as Error).message}. What it said last follows.\n${output.slice(-8_000)}`, { cause: error });
	}
}
