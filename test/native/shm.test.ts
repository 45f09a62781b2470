// Runs the unit tests of shm/, and of what the worker's overlay has without mediasoup, as shipped and under sanitizers. Each is a program that speaks TAP itself.

import { join } from 'node:path';
import t from 'tap';

import { buildNative, type NativeFlavour } from '../../tools/build-native.ts';

const all = ['layout', 'segment', 'ring', 'hostile-peer', 'record-walk', 'doorbell', 'link', 'stream-numbers', 'injection-rules'];
const runs: readonly (readonly [NativeFlavour, readonly string[]])[] = [
	['release', all],
	['asan', all],
	// The one that has two threads.
	['tsan', ['hostile-peer']],
];

// Compiling takes its time on a machine that does it for the first time.
t.setTimeout(600_000);

for (const [flavour, names] of runs) {
	const dir = await buildNative({ flavour, targets: names.map((name) => `test/native/test-${name}`) });

	for (const name of names) {
		await t.spawn(join(dir, `test/native/test-${name}`), [], {}, `${name} (${flavour})`);
	}
}
