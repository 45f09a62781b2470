// What looking at packets costs: nothing on the heap, for a plugin that uses most accessors.

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

import t from 'tap';

import { repoRoot } from '../../tools/lib/paths.ts';

t.test('a million packets grow the heap by less than 1 MiB before anything is collected', async (t) => {
	// All that could be allocated has room in the young generation, so that nothing is collected meanwhile.
	const youngGeneration = ['--min-semi-space-size=256', '--max-semi-space-size=256'];
	const printed = execFileSync(process.execPath, ['--expose-gc', ...youngGeneration, join(repoRoot, 'test/fixtures/script-growth.ts')], { encoding: 'utf8' });
	const { grown } = JSON.parse(printed) as { grown: number };

	t.ok(grown < 1_048_576, `it grew by ${grown} bytes`);
});
