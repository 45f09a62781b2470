// mediasoup's own C++ tests and fuzzers on stock and on patched sources, and our own tests of the overlay beside them:
//
//   stock     upstream's Catch2 tests on upstream's sources
//   patched   the same on ours; both must pass the same cases and sections, by name
//   overlay   test/overlay, as shipped and under AddressSanitizer and UndefinedBehaviorSanitizer
//   fuzzers   upstream's libFuzzer program on our sources, each of its groups for --seconds (default 10)
//
//   node tools/upstream-cpp-tests.ts [stock] [patched] [overlay] [fuzzers] [--seconds N] [--json]

import { parseArgs } from 'node:util';

import { buildWorker } from './build-worker.ts';
import type { Target, Variant } from './worker-build/options.ts';
import type { Catch2Report } from './upstream-cpp/catch2-report.ts';
import { compareResults } from './upstream-cpp/compare.ts';
import { fuzz, fuzzGroups } from './upstream-cpp/fuzz.ts';
import { runCatch2 } from './upstream-cpp/run-catch2.ts';

const parts = ['stock', 'patched', 'overlay', 'fuzzers'] as const;
type Part = (typeof parts)[number];

const usage = `usage: node tools/upstream-cpp-tests.ts [${parts.join('] [')}] [--seconds N] [--json]`;

/** How many cases mediasoup 3.27.1 has: a run that skips some proves less than it says. */
const expectedCases = 145;

/** Cases that cannot pass here, and why. One of them that passes is as wrong as another one that fails. */
const knownFailures: ReadonlyMap<string, string> = new Map([
	['Scenario: RTP Packet', 'wants data/packet1.raw to packet3.raw, which mediasoup leaves out of its npm package'],
]);

type Counts = { cases: number; passed: number; failed: number; assertions: number };
type Summary = {
	stock?: Counts;
	patched?: Counts;
	overlay?: Counts;
	overlayAsan?: Counts;
	differences?: number;
	fuzzers?: Record<string, { executions: number; coveredEdges: number; findings: number }>;
	ok: boolean;
};

type CommandLine = { readonly wanted: readonly Part[]; readonly seconds: number; readonly json: boolean };

async function main({ wanted, seconds, json }: CommandLine): Promise<boolean> {
	const summary: Summary = { ok: true };
	const say = (text: string): void => void (json ? process.stderr : process.stdout).write(`${text}\n`);
	const fail = (text: string): void => {
		summary.ok = false;
		say(text);
	};
	const upstream = async (variant: 'stock' | 'patched'): Promise<Catch2Report> => {
		const report = await run(variant, 'upstream-tests', variant);

		summary[variant] = tell(variant, report, knownFailures, { say, fail });
		if (report.cases.size !== expectedCases) {
			fail(`${variant}: expected ${expectedCases} cases, found ${report.cases.size}`);
		}

		return report;
	};
	const stock = wanted.includes('stock') ? await upstream('stock') : undefined;
	const patched = wanted.includes('patched') ? await upstream('patched') : undefined;

	if (stock && patched) {
		const differences = [
			...compareResults({ name: 'stock', results: stock.cases }, { name: 'patched', results: patched.cases }),
			...compareResults({ name: 'stock', results: stock.sections }, { name: 'patched', results: patched.sections }),
		];

		summary.differences = differences.length;
		differences.forEach(fail);
		if (differences.length === 0) {
			say(`stock and patched: the same ${stock.cases.size} cases and ${stock.sections.size} sections, with the same results`);
		}
	}
	if (wanted.includes('overlay')) {
		summary.overlay = tell('overlay', await run('patched', 'overlay-tests', 'overlay'), new Map(), { say, fail });
		summary.overlayAsan = tell('overlay (asan)', await run('asan', 'overlay-tests', 'overlay-asan'), new Map(), { say, fail });
	}
	if (wanted.includes('fuzzers')) {
		const binary = await build('patched', 'upstream-fuzzer');

		summary.fuzzers = {};
		for (const group of fuzzGroups) {
			const { executions, coveredEdges, finding } = await fuzz(binary, group, seconds);
			const findings = finding === undefined ? 0 : 1;

			summary.fuzzers[group.toLowerCase()] = { executions, coveredEdges, findings };
			say(`fuzzers: ${group.toLowerCase()}: ${executions} executions, ${coveredEdges} edges, ${findings} findings`);
			if (finding !== undefined) {
				fail(finding);
			}
		}
	}
	if (json) {
		process.stdout.write(`${JSON.stringify(summary)}\n`);
	}

	return summary.ok;
}

/** Prints what came out of it, and counts. */
function tell(
	name: string,
	report: Catch2Report,
	known: ReadonlyMap<string, string>,
	{ say, fail }: { readonly say: (text: string) => void; readonly fail: (text: string) => void },
): Counts {
	const failed = [...report.cases].filter(([, passed]) => !passed).map(([caseName]) => caseName);
	const passed = report.cases.size - failed.length;

	say(`${name}: ${passed} of ${report.cases.size} cases passed, ${failed.length} failed (${report.sections.size} sections, ${report.assertions} assertions)`);
	for (const [caseName, reason] of known) {
		if (failed.includes(caseName)) {
			say(`${name}: known: "${caseName}" ${reason}`);
		} else {
			fail(`${name}: "${caseName}" passes now (or is gone); take it off the list of known failures`);
		}
	}
	for (const caseName of failed.filter((candidate) => !known.has(candidate))) {
		fail(`${name}: FAILED "${caseName}"`);
		report.failures.filter((line) => line.startsWith(`${caseName}: `)).forEach(say);
	}

	return { cases: report.cases.size, passed, failed: failed.length, assertions: report.assertions };
}

async function run(variant: Variant, target: Target, name: string): Promise<Catch2Report> {
	return runCatch2(await build(variant, target), name);
}

function build(variant: Variant, target: Target): Promise<string> {
	return buildWorker({ variant, deps: 'system', defines: [], target });
}

function parseCommandLine(args: string[]): CommandLine {
	const { values, positionals } = parseArgs({
		args,
		options: { seconds: { type: 'string', default: '10' }, json: { type: 'boolean', default: false } },
		allowPositionals: true,
	});
	const unknown = positionals.filter((name) => !parts.some((part) => part === name));
	const seconds = Number(values.seconds);

	if (unknown.length > 0) {
		throw new TypeError(`${unknown.join(', ')}: there are ${parts.join(', ')}`);
	}
	if (!Number.isInteger(seconds) || seconds < 1) {
		throw new TypeError(`--seconds ${values.seconds} is not a number of seconds`);
	}

	return { wanted: positionals.length === 0 ? parts : parts.filter((part) => positionals.includes(part)), seconds, json: values.json };
}

let commandLine: CommandLine;

try {
	commandLine = parseCommandLine(process.argv.slice(2));
} catch (error) {
	process.stderr.write(`${(error as Error).message}\n${usage}\n`);
	process.exit(2);
}

try {
	process.exitCode = (await main(commandLine)) ? 0 : 1;
} catch (error) {
	process.stderr.write(`${(error as Error).message}\n`);
	process.exitCode = 1;
}
