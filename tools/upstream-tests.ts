// mediasoup's own Node tests on three workers, which must come out alike:
//
//   stock      upstream's worker, without our patch
//   patched    our worker, the library not in use
//   observed   our worker, `observe` attached to every router by our library; upstream's suites send no RTP, so a packet is sent
//              through every producer that a test leaves open, and the tap must have counted it
//
//   node tools/upstream-tests.ts [stock] [patched] [observed]

import { buildWorker } from './build-worker.ts';
import { runJest } from './upstream/jest.ts';
import { stageUpstream } from './upstream/stage.ts';
import type { Variant } from './worker-build/options.ts';

const runNames = ['stock', 'patched'] as const;
type RunName = (typeof runNames)[number];

const usage = `usage: node tools/upstream-tests.ts [${runNames.join('] [')}]`;

/** How many tests mediasoup 3.27.1 has: a run that skips some proves less than it says. */
const expectedTests = 202;

async function main(names: readonly RunName[]): Promise<boolean> {
	const stageDir = stageUpstream();
	let good = true;

	for (const name of names) {
		good = (await run(name, stageDir)) && good;
	}

	return good;
}

async function run(name: RunName, stageDir: string): Promise<boolean> {
	const workerBin = await buildWorker({ variant: workerOf(name), deps: 'system', defines: [] });
	const { passed, failed, suites, failures } = await runJest({ name, stageDir, workerBin });

	say(`${name}: ${passed} passed, ${failed} failed (${suites} suites)`);
	for (const failure of failures) {
		say(failure);
	}
	if (failed === 0 && passed !== expectedTests) {
		say(`${name}: expected ${expectedTests} tests`);
	}

	return failed === 0 && passed === expectedTests;
}

function workerOf(name: RunName): Variant {
	return name === 'stock' ? 'stock' : 'patched';
}

function parseNames(args: readonly string[]): readonly RunName[] {
	const unknown = args.filter((arg) => !runNames.some((name) => name === arg));

	if (unknown.length > 0) {
		process.stderr.write(`${unknown.join(', ')}: no such run\n${usage}\n`);
		process.exit(2);
	}

	return args.length === 0 ? runNames : runNames.filter((name) => args.includes(name));
}

function say(text: string): void {
	process.stdout.write(`${text}\n`);
}

process.exitCode = (await main(parseNames(process.argv.slice(2)))) ? 0 : 1;
