// Where `tools/build-native.ts` puts what tests run.

import { join } from 'node:path';

import { repoRoot } from '../../tools/lib/paths.ts';

export const nativeHostBin = join(repoRoot, 'build/native/plugin-host/mediasoup-plugin-host-native');

/** One of test/fixtures/plugins. */
export const fixturePlugin = (name: string): string => join(repoRoot, `build/native/plugin-host/test/plugins/${name}.so`);
