// What README.md and docs/writing-a-plugin.md show in C compiles: each block by itself, as C99, with what its text says is there. Their commands name
// what exists. What they show in TypeScript is checked and run by test/integration/docs-code.test.ts.

import { spawnSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import t from 'tap';

import { repoRoot } from '../../tools/lib/paths.ts';
import { allDocBlocks, docBlocks, pages } from '../helpers/doc-blocks.ts';

const included = ['#include "mph_plugin.h"', '#include <string.h>', 'extern const mph_host *const host;', 'extern mph_instance *const instance;', ''].join('\n');
const strict = ['-std=c99', '-Wall', '-Wextra', '-pedantic', '-Werror', '-Wno-missing-field-initializers', '-Wno-unused-function', '-Wno-unused-variable'];
const manifest = JSON.parse(readFileSync(join(repoRoot, 'package.json'), 'utf8')) as { scripts: Record<string, string>; bin: Record<string, string> };
const isNpms = (command: string): boolean => ['install', 'pack'].includes(command) || command in manifest.scripts;

t.test('every block is of a language that is checked', async (t) => {
	for (const { where, language } of pages.flatMap(docBlocks)) {
		t.ok(['', 'c', 'js', 'sh', 'ts'].includes(language), `${where}: ${language}`);
	}
});

t.test('C compiles', async (t) => {
	const blocks = allDocBlocks('c');

	t.ok(blocks.length > 7, 'there are blocks');

	for (const { where, text, given } of blocks) {
		const isWhole = text.includes('#include');
		const { status, stderr } = spawnSync(
			'cc',
			[...strict, `-I${join(repoRoot, 'plugin-host/include')}`, '-fsyntax-only', '-x', 'c', '-'],
			{ input: isWhole ? text : `${included}${given}${text}`, encoding: 'utf8' },
		);

		t.equal(status, 0, `${where}\n${stderr}`);
	}
});

t.test('commands name scripts, tools, tests and files that exist', async (t) => {
	const named = new Set(pages.flatMap(docBlocks).map(({ file }) => file));
	const known: Readonly<Record<string, (args: readonly string[]) => boolean>> = {
		npm: ([what, ...rest]) => isNpms(what === 'run' ? rest[0]! : what!),
		npx: ([what = '', ...rest]) => (what in manifest.bin || existsSync(join(repoRoot, 'node_modules/.bin', what))) && (what !== 'node' || named.has(rest[0])),
		// The one that is run: test/integration/docs-code.test.ts.
		cc: (args) => named.has(args.at(-1)),
		mkdir: ([directory]) => [...named].some((file) => file?.startsWith(`${directory}/`)),
	};

	for (const { where, text } of allDocBlocks('sh')) {
		for (const command of text.split('\n').map((line) => line.replace(/#.*/, '').trim()).filter((line) => line !== '')) {
			const [name = '', ...args] = command.split(/\s+/);

			t.ok(known[name]?.(args), `${where}: ${command}`);
		}
	}
});

t.test('commands in the text name scripts and tests that exist', async (t) => {
	const tests = globSync('test/**/*.test.ts', { cwd: repoRoot });

	for (const page of pages) {
		for (const [command, script, words] of readFileSync(join(repoRoot, page), 'utf8').matchAll(/`npm (?:run )?(?:-s )?([\w:-]+)(?: -- ([^`]+))?`/g)) {
			t.ok(isNpms(script!), `${page}: ${command}`);

			if (script === 'test' && words !== undefined) {
				t.ok(tests.some((file) => file.includes(words)), `${page}: ${command}`);
			}
		}
	}
});
