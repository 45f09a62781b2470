// Where the build puts the plugins of examples/.

import { join } from 'node:path';

import { repoRoot } from './paths.ts';

export function examplePlugin(name: string): string {
	return join(repoRoot, 'build/native/examples', name, `${name}.so`);
}
