// How the native host serves workers, and how it ends: against fake workers in C++ (plugin-host/test/), which speak TAP themselves. As shipped and
// under sanitizers.

import { join } from 'node:path';

import t from 'tap';

import { type NativeFlavour, buildNative } from '../../tools/build-native.ts';

// Compiling takes its time on a machine that does it for the first time.
t.setTimeout(900_000);

const tests = ['verdicts', 'decisions', 'errors', 'groups', 'group-lives', 'pending', 'rings', 'restart', 'snapshots', 'lifecycle', 'router-events', 'calls', 'queries', 'messages', 'crashes', 'placement'].map((name) => `host-${name}`);
const flavours: readonly NativeFlavour[] = ['release', 'asan', 'tsan'];

for (const flavour of flavours) {
	const buildDir = await buildNative({ flavour, targets: ['host-tests'] });

	for (const test of tests) {
		await t.spawn(join(buildDir, 'plugin-host/test', test), [], {}, `${test} (${flavour})`);
	}
}
