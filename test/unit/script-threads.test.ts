// The pool of threads with tasks that stand in for dispatchers: who is told when there is no thread, and that none is used twice.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Test } from 'tap';
import t from 'tap';

import { Threads } from '../../plugin-host/runner/threads.ts';
import { repoRoot } from '../../tools/lib/paths.ts';
import { until } from '../helpers/until.ts';

/** Enough for what tap has every thread import; one that gets less ends before it takes anything. */
const heapMb = 96;

type Stage = { readonly threads: Threads; readonly abandoned: Map<number, string>; readonly lines: string[]; readonly dir: string };

/** Tasks that do `body` with `task`. */
function stage(t: Test, body: string, atImport = ''): Stage {
	const taskModule = JSON.stringify(join(repoRoot, 'plugin-host/runner/thread-task.ts'));
	const dir = t.testdir({
		'task.ts': `
			import { appendFileSync } from 'node:fs';
			import { join } from 'node:path';
			import { threadId } from 'node:worker_threads';
			import { setRunning, type ThreadTask } from ${taskModule};
			${atImport}
			let tasks = 0;
			const note = (text: string): void => appendFileSync(join(import.meta.dirname, 'notes'), text + '\\n');
			export default async (task: ThreadTask): Promise<void> => {
				${body}
			};`,
	});
	const abandoned = new Map<number, string>();
	const lines: string[] = [];
	const addon = { abandonThread: (handle: number, reason: string) => void abandoned.set(handle, reason) };
	const threads = new Threads(addon, { addon: '', threadLimits: { maxOldGenerationSizeMb: heapMb }, dev: true }, join(dir, 'task.ts'), (line) => lines.push(line));

	return { threads, abandoned, lines, dir };
}

function notesIn(dir: string): string[] {
	const file = join(dir, 'notes');

	return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
}

t.test('each dispatcher has a thread of its own that nobody had before', async (t) => {
	const { threads, abandoned, dir } = stage(t, 'note(`${task.handle} ${++tasks} ${threadId}`);\nsetRunning(task);');

	threads.start(1);
	threads.start(2);
	await until('two of them', () => notesIn(dir).length === 2);
	threads.start(3);

	const notes = await until('the third', () => notesIn(dir).length === 3 && notesIn(dir));

	t.same(notes.map((note) => note.split(' ').slice(0, 2).join()).sort(), ['1,1', '2,1', '3,1']);
	t.equal(new Set(notes.map((note) => note.split(' ')[2])).size, 3);
	t.equal(abandoned.size, 0);
});

for (const [title, atImport, body, reason] of [
	['that cannot be started', "throw new Error('no addon');", '', /no addon/],
	['that ends before it runs one', '', 'process.exit(3);', /exited with code: 3/],
	['that fails before it runs one', '', "throw new Error('no addon here');", /no addon here/],
] as const) {
	t.test(`of a thread ${title} the addon is told, for each`, async (t) => {
		const { threads, abandoned, lines } = stage(t, body, atImport);

		threads.start(1);
		threads.start(2);
		await until('both', () => abandoned.size === 2);
		t.match([...abandoned.values()], [reason, reason]);
		await until('the log', () => lines.length === 2);
		t.match(lines, [reason, reason]);
	});
}

t.test('the end of one that runs is logged alone: the addon sees it', async (t) => {
	const { threads, abandoned, lines } = stage(t, 'setRunning(task);\nif (task.handle === 1) { const all: unknown[] = []; for (;;) all.push({ all }); }\nprocess.exit(5);');

	threads.start(1);
	threads.start(2);
	await until('both', () => lines.length === 2);
	t.match(lines.sort(), [/memory limit.*threadLimits/, /code: 5/]);
	t.equal(abandoned.size, 0);
});
