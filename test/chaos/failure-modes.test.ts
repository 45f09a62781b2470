// docs/failure-modes.md and docs/testing.md name tests: those are there.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import t from 'tap';

import { repoRoot } from '../../tools/lib/paths.ts';
import { switches } from '../../tools/sabotage/switches.ts';

const read = (file: string): string => readFileSync(join(repoRoot, file), 'utf8');

function hasTest(file: string, name: string): boolean {
	return existsSync(join(repoRoot, file)) && [name, name.replaceAll("'", "\\'")].some((text) => read(file).includes(text));
}

t.test('every test that a failure mode is held by is there, and every mode has one', async (t) => {
	const rows = read('docs/failure-modes.md')
		.split('\n')
		.filter((line) => line.startsWith('|'))
		.slice(2);

	t.ok(rows.length > 15);
	for (const row of rows) {
		const [, file, name] = /`(test\/\S+)` "([^"]+)" \|$/.exec(row) ?? [];

		t.ok(file !== undefined && hasTest(file, name!), row.split('|')[1]!.trim());
	}
});

t.test('every switch is in the docs, and is built into something', async (t) => {
	const docs = read('docs/testing.md');

	for (const { name, lacks, file, test } of switches) {
		t.ok(docs.includes(`| \`${name}\` | ${lacks} | \`${file}\` "${test}" |`), name);
	}
	t.ok(switches.length >= 12);
	t.equal(new Set(switches.map(({ name }) => name)).size, switches.length);
});
