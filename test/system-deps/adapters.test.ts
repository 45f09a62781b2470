// Builds adapters.cpp with the very headers that the worker is built with, and runs it as a part of this test.

import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';

import { repoRoot } from '../../tools/lib/paths.ts';

const systemDeps = join(repoRoot, 'worker-patch/system-deps');
const binary = join(t.testdir(), 'adapters');
const includes = readdirSync(systemDeps)
	.filter((name) => /^(libsrtp|unordered_dense)-/.test(name))
	.map((name) => `-I${join(systemDeps, name, 'include')}`);
const libraries = execFileSync('pkg-config', ['--cflags', '--libs', 'libsrtp2', 'absl_flat_hash_map', 'absl_flat_hash_set'], {
	encoding: 'utf8',
});

execFileSync(
	'g++',
	[
		...['-std=c++20', '-g', '-O1', '-Wall', '-Wextra', '-Werror', '-fsanitize=address,undefined', '-fno-sanitize-recover=undefined'],
		...includes,
		...[join(import.meta.dirname, 'adapters.cpp'), '-o', binary],
		...libraries.trim().split(/\s+/),
	],
	{ stdio: ['ignore', 'inherit', 'inherit'] },
);

await t.spawn(binary, [], {}, 'adapters');
