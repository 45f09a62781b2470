// One run of upstream's tests by jest in a process of its own, and its result.

import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { repoRoot } from '../lib/paths.ts';

export type JestRun = {
	/** Names the run's files in build/upstream. */
	readonly name: string;
	readonly stageDir: string;
	readonly workerBin: string;
	/** Modules of ours, see jest's options of the same names. */
	readonly testEnvironment?: string;
	readonly setupFile?: string;
	readonly env?: Readonly<Record<string, string>>;
};

export type JestResult = {
	readonly passed: number;
	readonly failed: number;
	readonly suites: number;
	/** What jest says about each failed test, or about a suite that did not start. */
	readonly failures: readonly string[];
};

type JestReport = {
	readonly numPassedTests: number;
	readonly numTotalTests: number;
	readonly numTotalTestSuites: number;
	readonly testResults: readonly {
		readonly name: string;
		readonly status: string;
		readonly message: string;
		readonly assertionResults: readonly { readonly status: string }[];
	}[];
};

export async function runJest(run: JestRun): Promise<JestResult> {
	const outputDir = join(repoRoot, 'build/upstream');
	const configFile = join(outputDir, `${run.name}.config.json`);
	const reportFile = join(outputDir, `${run.name}.report.json`);

	mkdirSync(outputDir, { recursive: true });
	rmSync(reportFile, { force: true });
	writeFileSync(
		configFile,
		JSON.stringify({
			rootDir: run.stageDir,
			testMatch: ['<rootDir>/node/lib/test/test-*.js'],
			testEnvironment: run.testEnvironment ?? 'node',
			setupFilesAfterEnv: run.setupFile ? [run.setupFile] : [],
			// Everything is JavaScript already.
			transform: {},
		}),
	);

	const jest = spawn(
		// The loaders of tap, which it also gives to processes that are started, are not for jest, which has its own.
		'env',
		['-u', 'NODE_OPTIONS', process.execPath, join(repoRoot, 'node_modules/jest/bin/jest.js'), '--ci', '--config', configFile, '--json', `--outputFile=${reportFile}`],
		{
			cwd: repoRoot,
			env: { ...process.env, ...run.env, MEDIASOUP_WORKER_BIN: run.workerBin },
			stdio: ['ignore', 'ignore', 'pipe'],
		},
	);
	let output = '';

	jest.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
	await new Promise<void>((resolve, reject) => {
		jest.once('error', reject);
		jest.once('close', () => resolve());
	});

	return readReport(reportFile, output);
}

function readReport(reportFile: string, output: string): JestResult {
	let report: JestReport;

	try {
		report = JSON.parse(readFileSync(reportFile, 'utf8')) as JestReport;
	} catch (error) {
		throw new Error(`jest left no report; it said:\n${output}`, { cause: error });
	}

	const failedSuites = report.testResults.filter((suite) => suite.status !== 'passed');
	// A suite that did not even start has no tests to fail.
	const unstartedSuites = failedSuites.filter((suite) => suite.assertionResults.every((test) => test.status !== 'failed'));

	return {
		passed: report.numPassedTests,
		failed: report.numTotalTests - report.numPassedTests + unstartedSuites.length,
		suites: report.numTotalTestSuites,
		failures: failedSuites.map((suite) => suite.message),
	};
}
