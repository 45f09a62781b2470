// From a file to a definition: what a plugin's author gets wrong has a message that names file, line and what to do.

import { join } from 'node:path';

import type { Test } from 'tap';
import t from 'tap';

import { describeThrow, loadPlugin } from '../../plugin-host/runner/load-plugin.ts';
import { repoRoot } from '../../tools/lib/paths.ts';

const api = join(repoRoot, 'src/plugin/index.ts');
const preamble = `import { definePlugin } from ${JSON.stringify(api)};\n`;

function write(t: Test, name: string, text: string): string {
	return join(t.testdir({ [name]: text }), name);
}

/** A schema that passes numbers, doubled, and refuses all else. */
const schema = `{ '~standard': { version: 1, vendor: 'test', validate: async ({ n }: { n: unknown }) =>
	typeof n === 'number' ? { value: { n: 2 * n } } : { issues: [{ message: 'expected a number', path: ['n'] }, { message: 'too bad', path: ['list', { key: 2 }, 'x'] }, { message: 'and so on' }] } } }`;

t.test('a plugin in TypeScript is loaded as it is, its configuration as its schema makes it', async (t) => {
	const plain = write(t, 'plain.ts', `${preamble}const version: string = '1.2.3';\nexport default definePlugin({ version, setup: () => ({}) });`);

	t.match(await loadPlugin(plain, '{"n":1}'), { definition: { version: '1.2.3', name: undefined }, config: { n: 1 } });

	const checked = write(t, 'checked.ts', `${preamble}export default definePlugin({ config: ${schema} as never, setup: () => ({}) });`);

	t.match(await loadPlugin(checked, '{"n":2}'), { config: { n: 4 } });
	await t.rejects(loadPlugin(checked, '{"n":"x"}'), {
		message: 'option "config" is refused: n: expected a number; list[2].x: too bad; and so on',
	});
});

t.test('a schema of zod is awaited, gives its defaults and names what it refuses, before setup() is called', async (t) => {
	const schema = `z.strictObject({
		perSecond: z.number().positive().default(50),
		rooms: z.array(z.object({ name: z.string() })).default([]),
		codec: z.string().default('opus').refine(async (codec) => codec !== 'none', 'there is no such codec'),
	})`;
	const setup = `() => { throw new Error('it is too early'); }`;
	const file = write(t, 'zod.ts', `${preamble}import * as z from ${JSON.stringify(import.meta.resolve('zod'))};\nexport default definePlugin({ config: ${schema}, setup: ${setup} });`);

	t.match(await loadPlugin(file, '{}'), { config: { perSecond: 50, rooms: [], codec: 'opus' } });
	t.match(await loadPlugin(file, '{"perSecond":5,"rooms":[{"name":"a"}]}'), { config: { perSecond: 5, rooms: [{ name: 'a' }] } });

	for (const [config, message] of [
		['{"perSecond":-1}', /^option "config" is refused: perSecond: Too small: expected number to be >0$/],
		['{"rooms":[{"name":"a"},{"name":5}]}', /rooms\[1\]\.name: .*expected string, received number/],
		['{"codec":"none"}', /codec: there is no such codec/],
		['{"perSecnod":5}', /Unrecognized key: "perSecnod"/],
	] as const) {
		await t.rejects(loadPlugin(file, config), { message }, config);
	}
});

t.test('a schema that throws is named, with its line', async (t) => {
	const file = write(t, 'throws.ts', `${preamble}const validate = () => {\n\tthrow new Error('no');\n};\nexport default definePlugin({ config: { '~standard': { version: 1, vendor: 'x', validate } } as never, setup: () => ({}) });`);

	await t.rejects(loadPlugin(file, '{}'), { message: /^the schema of its config threw at .*throws\.ts:3:8: Error: no$/ });
});

for (const [title, name, text, message] of [
	['without a default export', 'none.ts', 'export const plugin = 1;', /none\.ts has no default export, only plugin; write "export default definePlugin/],
	['that exports nothing', 'empty.mts', '', /empty\.mts has no default export; write/],
	['that exports a function', 'function.ts', 'export default function setup() {}', /function\.ts exports a function by default/],
	['that exports a class', 'class.ts', 'export default class Throttle {}', /class\.ts exports a class by default/],
	['that exports something else', 'object.ts', 'export default { setup() {} };', /object\.ts: the module exports .* by default; it must be what definePlugin\(\) returns/],
	['in CommonJS', 'common.cjs', 'module.exports = { setup() {} };', /common\.cjs is CommonJS .*\.mts or \.mjs/],
	['with an enum', 'enum.ts', 'const a: number = 1;\n\nexport enum Color { Red }\nexport default a;', /enum\.ts:3: .*enum.*Node removes types and generates no code.*erasableSyntaxOnly/],
	['with an error of syntax', 'syntax.ts', 'const a: number = 1;\nexport default { a: ;', /^\/.*syntax\.ts:2: SyntaxError: /],
	['that imports what is not there', 'imports.ts', "import './nowhere.ts';\nexport default 1;", /imports\.ts cannot be imported: Cannot find module '.*nowhere\.ts'/],
	['that imports a name that is not there', 'name.ts', "import { nothing } from 'node:fs';\nexport default nothing;", /name\.ts:1: SyntaxError: .*nothing/],
	['that throws as it is imported', 'throws.ts', "const a: number = 1;\n\nthrow new TypeError('at once');\nexport default a;", /throws\.ts, as it was imported, threw at .*throws\.ts:3:7: TypeError: at once/],
	['that throws what is no error', 'odd.ts', "throw 'words';\nexport default 1;", /odd\.ts, as it was imported, threw: what is no Error: words/],
] as const) {
	t.test(`a plugin ${title} is refused`, async (t) => {
		await t.rejects(loadPlugin(write(t, name, text), '{}'), { message });
	});
}

t.test('under node_modules TypeScript is refused, and whoever imports it hears what to do', async (t) => {
	const dir = t.testdir({
		node_modules: { there: { 'plugin.ts': 'export default 1 as number;' } },
		'importer.ts': "import './node_modules/there/plugin.ts';\nexport default 1;",
	});
	const message = /node_modules\/there\/plugin\.ts is TypeScript under node_modules, .*compile it to JavaScript/;

	await t.rejects(loadPlugin(join(dir, 'node_modules/there/plugin.ts'), '{}'), { message });
	await t.rejects(loadPlugin(join(dir, 'importer.ts'), '{}'), { message });
});

t.test('what is thrown is told with its place, if it has one', async (t) => {
	t.equal(describeThrow('setup()', 5), 'setup() threw: what is no Error: 5');
	t.match(describeThrow('setup()', new RangeError('far')), /^setup\(\) threw.*: RangeError: far$/);
});
