// Hosts and a controller that write whatever they like into whatever they can, in short: tools/fuzz without sanitizers (docs/testing.md has the long form).

import t from 'tap';

import { findWorkerBin } from '../../src/worker-bin.ts';
import { buildNative } from '../../tools/build-native.ts';
import type { FuzzOptions, FuzzReport } from '../../tools/fuzz/fuzz.ts';
import { failuresOf, fuzz } from '../../tools/fuzz/fuzz.ts';

t.setTimeout(300_000);

const say = (text: string): void => t.comment(text);
const play = (options: Pick<FuzzOptions, 'records' | 'messages'> & Partial<FuzzOptions>): Promise<FuzzReport> =>
	fuzz({ seed: 7, variant: 'patched', say, workerBin: findWorkerBin(undefined), ...options });

t.before(() => buildNative({ targets: ['tools/fuzz/host/fuzz-lane', 'tools/fuzz/calls/fuzz-calls'] }));

t.test('hostile hosts and a hostile controller neither end nor stop a worker, and the calls of others stay whole', async (t) => {
	const report = await play({ records: 200_000, messages: 300 });

	t.same(failuresOf(report), []);
	t.ok(report.records >= 200_000);
	// Counters of the worker's own, so that nobody counts what was never read.
	t.ok(report.countedByWorker > 100_000, `the worker counted ${report.countedByWorker}`);
	t.ok(report.calls.every(({ sent }) => sent > 0));
});

t.test('a host that leaves a large ring full of records behind keeps the worker no longer than any other', async (t) => {
	const report = await play({ records: 5_000, messages: 0, plan: 'vanish' });

	t.same(failuresOf(report), []);
});

t.test('a worker that dies is a crash, whatever it dies of', async (t) => {
	const report = await play({ records: 1_000_000_000, messages: 0, onPlaying: (pid) => process.kill(pid, 'SIGSEGV') });

	t.equal(report.crashes, 1);
	t.match(failuresOf(report), [/the worker died/, /what the hosts did last/, /1 crashes/]);
});

// The root test would wait for the worker's handles, and the worker for the root test's end.
t.end();
