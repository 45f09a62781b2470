// Where the plugins of examples/ are: those in TypeScript run as they are, the others where the build puts them.

import { join } from 'node:path';

import { repoRoot } from './paths.ts';

const scripts: Readonly<Record<string, string>> = { 'throttle-ts': 'throttle.ts', 'data-router-ts': 'data-router.ts', 'opus-levels': 'opus-levels.ts' };

export function examplePlugin(name: string): string {
	const script = scripts[name];

	return script === undefined ? join(repoRoot, 'build/native/examples', name, `${name}.so`) : join(repoRoot, 'examples', name, script);
}
