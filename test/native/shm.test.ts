// Runs the unit tests of shm/, as shipped and under sanitizers. Each is a program that speaks TAP itself.

import t from 'tap';

import { buildNative, type Flavour } from './build.ts';

const all = ['layout', 'segment', 'ring', 'hostile-peer', 'record-walk', 'doorbell', 'link'];
const runs: readonly (readonly [Flavour, readonly string[]])[] = [
	['native', all],
	['native-asan', all],
	// The one that has two threads.
	['native-tsan', ['hostile-peer']],
];

// Compiling takes its time on a machine that does it for the first time.
t.setTimeout(600_000);

for (const [flavour, names] of runs) {
	const pathOf = await buildNative(
		flavour,
		names.map((name) => `test-${name}`),
	);

	for (const name of names) {
		await t.spawn(pathOf(`test-${name}`), [], {}, `${name} (${flavour})`);
	}
}
