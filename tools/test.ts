// Runs the tests with tap and ends with the line `N passed, N failed`. Exits 1 when anything failed, and also when nothing ran.
//
//   node tools/test.ts                    all of test/**/*.test.ts
//   node tools/test.ts unit chaos/kill    those whose path contains one of the words

import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { repoRoot } from './lib/paths.ts';
import { type Counts, reportTap } from './tap-reporter.ts';

/** Folders of test/ whose tests need no CPU to themselves; the others start workers and send media, one file at a time. */
const lightFolders = ['unit'];

async function main(words: readonly string[]): Promise<void> {
	const files = findTests(words);
	const isLight = (file: string): boolean => lightFolders.some((folder) => file.startsWith(join('test', folder, '/')));
	const total: Counts = { passed: 0, failed: 0 };

	for (const [jobs, batch] of [
		[2, files.filter(isLight)],
		[1, files.filter((file) => !isLight(file))],
	] as const) {
		if (batch.length > 0) {
			const { passed, failed } = await runTap(batch, jobs);

			total.passed += passed;
			total.failed += failed;
		}
	}

	if (total.passed + total.failed === 0) {
		process.stdout.write(words.length > 0 ? `no test's path contains ${words.join(' or ')}\n` : 'there are no tests\n');
	}
	process.stdout.write(`${total.passed} passed, ${total.failed} failed\n`);
	process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;
}

function findTests(words: readonly string[]): string[] {
	return readdirSync(join(repoRoot, 'test'), { recursive: true, encoding: 'utf8' })
		.map((file) => join('test', file))
		.filter((file) => file.endsWith('.test.ts'))
		.filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
		.sort();
}

async function runTap(files: readonly string[], jobs: number): Promise<Counts> {
	const tap = spawn(
		process.execPath,
		[join(repoRoot, 'node_modules/tap/dist/esm/run.mjs'), 'run', '--reporter=tap', `--jobs=${jobs}`, ...files],
		{ cwd: repoRoot, stdio: ['ignore', 'pipe', 'inherit'] },
	);
	const ended = new Promise<string | undefined>((resolve, reject) => {
		tap.once('error', reject);
		tap.once('close', (code, signal) => resolve(code === 0 ? undefined : signal ? `was ended by ${signal}` : `ended with code ${code}`));
	});
	const counts = await reportTap(tap.stdout, process.stdout);
	const outcome = await ended;

	// tap itself can fail without a test that did, and such a run proves nothing.
	if (outcome !== undefined && counts.failed === 0) {
		process.stdout.write(`FAIL tap ${outcome} although no test failed\n`);
		++counts.failed;
	}

	return counts;
}

await main(process.argv.slice(2));
