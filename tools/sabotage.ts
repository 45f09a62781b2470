// Negative controls: each switch takes one safeguard away (a build flag MPH_SABOTAGE_<name>), and the test that is named here must fail then, while
// another one of the same file, its control, goes on passing. Without the switch both pass. A switch that turns nothing red means that a test
// tests nothing. What is taken away, and which test notices, stands in sabotage/switches.ts.
//
//   npm run test:sabotage                      all of them, some minutes
//   npm run test:sabotage -- SKIP_DROP …       these
//   npm run test:sabotage -- --json            a line of JSON instead of the table

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { Parser, type Result } from 'tap-parser';

import { buildNative } from './build-native.ts';
import { buildWorker } from './build-worker.ts';
import { repoRoot } from './lib/paths.ts';
import { type Switch, switches } from './sabotage/switches.ts';

export type Outcome = {
	readonly name: string;
	readonly test: string;
	/** Undefined: as it has to be. */
	readonly wrong: string | undefined;
	/** Tests of the same program that failed after it. */
	readonly alsoRed: number;
	readonly seconds: number;
};

/** Names of tests, in the order in which they came out. */
type TestRun = { readonly passed: ReadonlySet<string>; readonly failed: ReadonlySet<string> };

const usage = 'usage: node tools/sabotage.ts [--json] [name…]';
/** A sabotaged worker may leave a test waiting for each thing in turn. */
const runTimeoutMs = 240_000;

/** The sound builds are tried once for each file. */
export async function runSwitches(chosen: readonly Switch[], say: (text: string) => void): Promise<Outcome[]> {
	const outcomes: Outcome[] = [];
	const soundRuns = new Map<string, TestRun>();

	for (const one of chosen) {
		const beganAt = performance.now();
		const sound = judgeSound(one, await soundRun(one, chosen, soundRuns));
		const { wrong, alsoRed } = sound === undefined ? judgeSabotaged(one, await sabotagedRun(one)) : { wrong: sound, alsoRed: 0 };
		const outcome: Outcome = { name: one.name, test: one.test, wrong, alsoRed, seconds: Math.round((performance.now() - beganAt) / 1000) };

		outcomes.push(outcome);
		say(describe(one, outcome));
	}

	return outcomes;
}

function judgeSound({ test, control }: Switch, { passed, failed }: TestRun): string | undefined {
	const bad = [test, control].find((name) => failed.has(name));
	const missing = [test, control].find((name) => !passed.has(name) && !failed.has(name));

	return bad !== undefined ? `"${bad}" fails without it, too` : missing !== undefined ? `there is no test "${missing}"` : undefined;
}

export function judgeSabotaged({ test, control, in: part, byChance, fatal }: Switch, { passed, failed }: TestRun): Pick<Outcome, 'wrong' | 'alsoRed'> {
	const [first, ...others] = [...failed].filter((name) => name !== byChance && !(fatal && name.startsWith('the worker died')));
	const wrong =
		first === undefined
			? passed.has(test)
				? 'the test passes'
				: 'the test did not run'
			: first !== test
				? `"${first}" fails before it`
				: part === 'worker' && others.length > 0
					? `other tests fail, too: ${others.map((name) => `"${name}"`).join(', ')}`
					: passed.has(control)
						? undefined
						: `its control "${control}" does not pass`;

	return { wrong, alsoRed: others.length };
}

function describe({ file }: Switch, { name, test, wrong, alsoRed, seconds }: Outcome): string {
	const result = wrong === undefined ? 'red  ' : 'WRONG';

	return `${result} ${name.padEnd(24)} ${file}: "${test}"${alsoRed > 0 ? ` and ${alsoRed} behind it` : ''}${wrong === undefined ? '' : `: ${wrong}`} (${seconds} s)`;
}

async function soundRun(one: Switch, chosen: readonly Switch[], runs: Map<string, TestRun>): Promise<TestRun> {
	let run = runs.get(one.file);

	if (!run) {
		const names = chosen.filter(({ file }) => file === one.file).flatMap(({ test, control }) => [test, control]);

		run = one.in === 'worker' ? await runTestFile(one.file, names, await buildWorker(worker([]))) : await runProgram(one.file, []);
		runs.set(one.file, run);
	}

	return run;
}

async function sabotagedRun({ name, in: part, file, test, control }: Switch): Promise<TestRun> {
	const macro = `MPH_SABOTAGE_${name}`;

	return part === 'worker' ? runTestFile(file, [test, control], await buildWorker(worker([macro]))) : runProgram(file, [macro]);
}

function worker(defines: readonly string[]): Parameters<typeof buildWorker>[0] {
	return { variant: 'patched', deps: 'system', defines };
}

/** The tests of these names only, on that worker. */
function runTestFile(file: string, names: readonly string[], workerBin: string): Promise<TestRun> {
	const any = [...new Set(names)].map((name) => name.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')).join('|');

	return run(process.execPath, [join(repoRoot, file)], { MPH_WORKER_BIN: workerBin, TAP_GREP: `/^(?:${any})$/`, TAP_FILTER_QUIETLY: '1' });
}

/** One of plugin-host/test, whose workers are fakes: the host is what is built with the macro. */
async function runProgram(file: string, defines: readonly string[]): Promise<TestRun> {
	const name = `host-${/(\w+)\.cpp$/.exec(file)![1]}`;

	return run(join(await buildNative({ defines, targets: ['host-tests'] }), 'plugin-host/test', name), [], {});
}

function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<TestRun> {
	const child = spawn(command, args, { cwd: repoRoot, stdio: ['ignore', 'pipe', 'ignore'], env: { ...process.env, ...env }, timeout: runTimeoutMs, killSignal: 'SIGKILL' });
	const parser = new Parser();
	const [passed, failed] = [new Set<string>(), new Set<string>()];

	parser.on('assert', ({ ok, name, skip }: Result) => {
		if (!skip) {
			(ok ? passed : failed).add(name);
		}
	});
	child.stdout.pipe(parser);

	return new Promise((resolve, reject) => {
		child.once('error', reject);
		// A name that came more than once, and failed once, has failed.
		parser.once('complete', () => resolve({ passed: new Set([...passed].filter((name) => !failed.has(name))), failed }));
	});
}

async function main(args: readonly string[]): Promise<number> {
	let json: boolean | undefined;
	let chosen: readonly Switch[];

	try {
		const { values, positionals } = parseArgs({ args: [...args], options: { json: { type: 'boolean' } }, allowPositionals: true });
		const unknown = positionals.find((name) => !switches.some((one) => one.name === name));

		if (unknown !== undefined) {
			throw new TypeError(`there is no switch ${unknown}; there are ${switches.map(({ name }) => name).join(', ')}`);
		}
		json = values.json;
		chosen = positionals.length > 0 ? switches.filter(({ name }) => positionals.includes(name)) : switches;
	} catch (error) {
		process.stderr.write(`${(error as Error).message}\n${usage}\n`);

		return 2;
	}

	const outcomes = await runSwitches(chosen, (text) => (json ? process.stderr : process.stdout).write(`${text}\n`));
	const wrong = outcomes.filter((outcome) => outcome.wrong !== undefined).length;

	process.stdout.write(json ? `${JSON.stringify({ switches: outcomes.length, wrong, outcomes })}\n` : `${outcomes.length - wrong} of ${outcomes.length} switches make the test fail that is named for them\n`);

	return wrong > 0 ? 1 : 0;
}

if (import.meta.main) {
	process.exit(await main(process.argv.slice(2)));
}
