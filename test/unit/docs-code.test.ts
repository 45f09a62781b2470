// What docs/writing-a-plugin.md shows compiles: each block of C by itself, as C99, with what its text says is there.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import t from 'tap';

import { repoRoot } from '../../tools/lib/paths.ts';

const text = readFileSync(join(repoRoot, 'docs/writing-a-plugin.md'), 'utf8');
const blocks = [...text.matchAll(/^```c\n([^]*?)^```$/gm)].map((match) => match[1]!);
const given = ['#include "mph_plugin.h"', '#include <string.h>', 'extern const mph_host *const host;', 'extern mph_instance *const instance;', ''].join('\n');
const strict = ['-std=c99', '-Wall', '-Wextra', '-pedantic', '-Werror', '-Wno-missing-field-initializers', '-Wno-unused-function', '-Wno-unused-variable'];

t.ok(blocks.length > 6, 'there are blocks');

for (const block of blocks) {
	const isWhole = block.includes('#include');
	const { status, stderr } = spawnSync(
		'cc',
		[...strict, `-I${join(repoRoot, 'plugin-host/include')}`, '-fsyntax-only', '-x', 'c', '-'],
		{ input: isWhole ? block : `${given}${block}`, encoding: 'utf8' },
	);

	t.equal(status, 0, `${block.split('\n')[0]}\n${stderr}`);
}
