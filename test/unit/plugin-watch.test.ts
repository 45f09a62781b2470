import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Test } from 'tap';
import t from 'tap';

import { PluginWatch } from '../../src/plugin-watch.ts';
import { until } from '../helpers/until.ts';

type Stage = { readonly dir: string; readonly watch: PluginWatch; changes: number };

async function stage(t: Test, files: Record<string, unknown>, name: string): Promise<Stage> {
	const dir = t.testdir(files as Parameters<Test['testdir']>[0]);
	const staged = { dir, changes: 0 } as { -readonly [K in keyof Stage]: Stage[K] };

	staged.watch = await PluginWatch.open({
		file: join(dir, name),
		onChange: async () => {
			staged.changes++;
		},
		onError: (error) => t.fail(error.message),
	});
	t.teardown(() => staged.watch.close());

	return staged;
}

/** What is written last is told last. */
async function saved(staged: Stage, name: string, text: string, changes: number): Promise<void> {
	writeFileSync(join(staged.dir, name), text);
	await until(`change ${changes}`, () => staged.changes >= changes);
}

t.test('a file that is saved has changed, if there is something else in it', async (t) => {
	const staged = await stage(t, { 'a.ts': '1', 'other.ts': '1' }, 'a.ts');

	writeFileSync(join(staged.dir, 'a.ts'), '1');
	writeFileSync(join(staged.dir, 'other.ts'), '2');
	await saved(staged, 'a.ts', '2', 1);
	await saved(staged, 'a.ts', '3', 2);
	t.equal(staged.changes, 2);
});

t.test('a file may be replaced by another one, or be gone for a while', async (t) => {
	const staged = await stage(t, { 'a.so': '1' }, 'a.so');

	writeFileSync(join(staged.dir, 'a.so.new'), '2');
	renameSync(join(staged.dir, 'a.so.new'), join(staged.dir, 'a.so'));
	await until('a change', () => staged.changes === 1);
	rmSync(join(staged.dir, 'a.so'));
	await saved(staged, 'a.so', '3', 2);
	t.equal(staged.changes, 2);
});

t.test('what it imports by relative paths is watched, from wherever, and what comes later', async (t) => {
	const files = {
		plugin: { 'a.ts': `import { b } from '../lib/b.ts';\nexport * from "./c.ts";`, 'c.ts': 'export const c = 1;' },
		lib: { 'b.ts': `const d = await import('./d.ts');`, 'd.ts': '1', 'e.ts': '1' },
	};
	const staged = await stage(t, files, 'plugin/a.ts');

	await saved(staged, 'lib/d.ts', '2', 1);
	await saved(staged, 'plugin/c.ts', '2', 2);
	await saved(staged, 'lib/d.ts', `import './e.ts';`, 3);
	await saved(staged, 'lib/e.ts', '2', 4);
	t.equal(staged.changes, 4);
});

t.test('changes that come while one is being dealt with are dealt with after it, as one', async (t) => {
	const dir = t.testdir({ 'a.ts': '0' });
	const file = join(dir, 'a.ts');
	const first = Promise.withResolvers<void>();
	let running = 0;
	let changes = 0;
	const watch = await PluginWatch.open({
		file,
		onError: (error) => t.fail(error.message),
		onChange: async () => {
			t.equal(++running, 1, 'one at a time');
			await (++changes === 1 ? first.promise : undefined);
			running--;
		},
	});

	t.teardown(() => watch.close());
	writeFileSync(file, '1');
	await until('the first one', () => changes === 1);
	writeFileSync(file, '2');
	writeFileSync(file, '3');
	first.resolve();
	await until('the next one', () => changes === 2);
});

t.test('it follows the plugin to another file', async (t) => {
	const staged = await stage(t, { 'a.ts': '1', sub: { 'b.ts': '1' } }, 'a.ts');

	await staged.watch.follow(join(staged.dir, 'sub/b.ts'));
	writeFileSync(join(staged.dir, 'a.ts'), '2');
	await saved(staged, 'sub/b.ts', '2', 1);
	t.equal(staged.changes, 1);
});
