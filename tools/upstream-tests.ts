// mediasoup's own Node tests on three workers, which must come out alike:
//
//   stock      upstream's worker, without our patch
//   patched    our worker, the library not in use
//   observed   our worker, `counter` attached by our library to every router, and RTP through every producer that a test leaves open
//              (upstream/observation.ts)
//
//   node tools/upstream-tests.ts [stock] [patched] [observed]

import { join } from 'node:path';

import { buildWorker } from './build-worker.ts';
import { repoRoot } from './lib/paths.ts';
import { type JestRun, runJest } from './upstream/jest.ts';
import { clearObservations, readObservations } from './upstream/observation.ts';
import { stageUpstream } from './upstream/stage.ts';

const runs = {
	stock: { variant: 'stock' },
	patched: { variant: 'patched' },
	observed: {
		variant: 'patched',
		testEnvironment: join(repoRoot, 'tools/upstream/observe-environment.ts'),
		setupFile: join(repoRoot, 'tools/upstream/observe-setup.cjs'),
	},
} as const;

type RunName = keyof typeof runs;

const runNames = Object.keys(runs) as RunName[];
const usage = `usage: node tools/upstream-tests.ts [${runNames.join('] [')}]`;

/** How many tests mediasoup 3.27.1 has: a run that skips some proves less than it says. */
const expectedTests = 202;

async function main(names: readonly RunName[]): Promise<boolean> {
	const stageDir = stageUpstream();
	let good = true;

	clearObservations();
	for (const name of names) {
		good = (await run(name, stageDir)) && good;
	}
	if (names.includes('observed')) {
		good = checkObservations() && good;
	}

	return good;
}

async function run(name: RunName, stageDir: string): Promise<boolean> {
	const { variant, ...hooks } = runs[name];
	const workerBin = await buildWorker({ variant, deps: 'system', defines: [] });
	const { passed, failed, suites, failures } = await runJest({ name, stageDir, workerBin, ...hooks } satisfies JestRun);

	say(`${name}: ${passed} passed, ${failed} failed (${suites} suites)`);
	for (const failure of failures) {
		say(failure);
	}
	if (failed === 0 && passed !== expectedTests) {
		say(`${name}: expected ${expectedTests} tests`);
	}

	return failed === 0 && passed === expectedTests;
}

/** Without a single packet the observed run would have shown nothing. */
function checkObservations(): boolean {
	const withRtp = readObservations().filter(({ packetsSent }) => packetsSent > 0);

	for (const { suite, routers, packetsSent, packetsTapped } of withRtp) {
		say(`observed: ${suite}: the tap counted ${packetsTapped} of ${packetsSent} packets, in ${routers} routers`);
	}
	if (withRtp.length === 0) {
		say('observed: no suite left a producer open, so no packet was sent');
	}

	return withRtp.length > 0 && withRtp.every(({ packetsSent, packetsTapped }) => packetsTapped >= packetsSent);
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
