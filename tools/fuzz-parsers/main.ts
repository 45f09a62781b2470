// npm run -s fuzz:parsers -- [--runs N] [--target T]… [--seed N] [--grow] [--define MACRO]… [--json]
//
// Each parser of what a host, a controller, an app, a worker or a file may say, under libFuzzer (captures: under our own, in Node). A line a target; with
// --json one object a line. The exit code is 1 if there is a finding: its input is kept in build/fuzz/findings, and belongs into
// test/fuzz/regressions/<target> with the fix.

import { buildFuzzTargets } from './build.ts';
import { captureTarget, fuzzCaptures } from './capture.ts';
import { type FuzzOptions, parseOptions, usage } from './options.ts';
import { type FuzzResult, lineOf } from './result.ts';
import { type FuzzJob, minimise, runTarget } from './run.ts';
import { nativeTargets } from './targets.ts';

function optionsOrExit(): FuzzOptions {
	try {
		return parseOptions(process.argv.slice(2));
	} catch (error) {
		process.stderr.write(`${(error as Error).message}\n${usage}\n`);
		process.exit(2);
	}
}

async function fuzz(name: string, { runs, seed, grow, defines }: FuzzOptions): Promise<FuzzResult> {
	if (name === captureTarget) {
		return fuzzCaptures({ runs, seed });
	}

	const target = nativeTargets.find((one) => one.name === name)!;
	const binDir = await buildFuzzTargets('libfuzzer', [target], defines);
	const job: FuzzJob = { engine: 'libfuzzer', target, binDir, runs, seed, grow };
	const result = await runTarget(job);

	if (grow && result.findings === 0) {
		process.stderr.write(`test/fuzz/corpus/${name}: ${await minimise(job)} inputs\n`);
	}

	return result;
}

const options = optionsOrExit();
let findings = 0;

for (const name of options.targets) {
	const result = await fuzz(name, options);

	findings += result.findings;
	process.stdout.write(`${options.json ? JSON.stringify(result) : lineOf(result)}\n`);
}
process.exitCode = findings === 0 ? 0 : 1;
