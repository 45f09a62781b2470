// The applicator of upstream edits: what it does to text, and every way in which a hook can fail to fit.

import t from 'tap';

import { HookError, applyHooks, parseHook } from '../../tools/worker-build/hooks.ts';

const upstream = 'one\ntwo\n\tthree\ntwo\nfour\n';

function hook(name: string, ...edits: [anchor: string, place: string, text: string][]) {
	const blocks = edits.map(([anchor, place, text]) => `--- anchor\n${anchor}--- ${place}\n${text}--- end\n`);

	return parseHook(name, `# Because.\nwhen: always\nfile: a.cpp\n${blocks.join('')}`);
}

function apply(...hooks: ReturnType<typeof hook>[]) {
	return applyHooks(hooks, (file) => (file === 'a.cpp' ? upstream : undefined));
}

t.test('text goes before, after, or in place of an anchor', async (t) => {
	t.equal(apply(hook('h', ['four\n', 'before', 'x\n'])).files.get('a.cpp'), 'one\ntwo\n\tthree\ntwo\nx\nfour\n');
	t.equal(apply(hook('h', ['one\n', 'after', 'x\n'])).files.get('a.cpp'), 'one\nx\ntwo\n\tthree\ntwo\nfour\n');
	t.equal(apply(hook('h', ['\tthree\ntwo\n', 'replace', 'x\n'])).files.get('a.cpp'), 'one\ntwo\nx\nfour\n');
});

t.test('anchors are looked for in the upstream text, so hooks do not depend on their order', async (t) => {
	const a = hook('a', ['one\n', 'after', 'four\n']);
	const b = hook('b', ['four\n', 'before', 'one\n']);

	t.equal(apply(a, b).files.get('a.cpp'), 'one\nfour\ntwo\n\tthree\ntwo\none\nfour\n');
	t.same(apply(b, a), apply(a, b));
});

t.test('insertions at one place stand in the order of the names of their hooks', async (t) => {
	const a = hook('a', ['one\n', 'after', 'from a\n']);
	const b = hook('b', ['one\n', 'after', 'from b\n']);

	t.match(apply(b, a).files.get('a.cpp'), /^one\nfrom a\nfrom b\ntwo/);
});

t.test('lines are counted once, and lines that a replacement keeps are not counted', async (t) => {
	t.equal(apply(hook('h', ['one\n', 'after', 'x\ny\n'])).lineCount, 2);
	t.equal(apply(hook('h', ['\tthree\ntwo\n', 'replace', '\tthree\nnew\ntwo\n'])).lineCount, 1);
});

t.test('an anchor that does not occur stops the build and names hook and file', async (t) => {
	t.throws(() => apply(hook('tap.hook', ['five\n', 'after', 'x\n'])), {
		name: 'HookError',
		message: /^hook tap\.hook: the anchor does not occur in a\.cpp; it must occur exactly once\. The anchor is:\nfive\n$/,
	});
});

t.test('an anchor that occurs twice stops the build and says how often it occurs', async (t) => {
	t.throws(() => apply(hook('tap.hook', ['two\n', 'after', 'x\n'])), { message: /the anchor occurs 2 times in a\.cpp/ });
});

t.test('an anchor is whole lines, so the end of a line does not count as one', async (t) => {
	t.throws(() => apply(hook('h', ['three\n', 'after', 'x\n'])), { message: /does not occur/ });
});

t.test('an upstream file that is not there is named', async (t) => {
	const gone = parseHook('h', '# Because.\nwhen: always\nfile: gone.cpp\n--- anchor\na\n--- after\nb\n--- end\n');

	t.throws(() => apply(gone), { message: "hook h: upstream's worker has no file gone.cpp" });
});

t.test('two hooks may not edit the same lines', async (t) => {
	const a = hook('a', ['two\n\tthree\n', 'replace', 'x\n']);
	const b = hook('b', ['\tthree\ntwo\n', 'replace', 'y\n']);

	t.throws(() => apply(a, b), { message: /hook b: edits lines of a\.cpp that hook a replaces/ });
});

t.test('a hook file that cannot be understood is refused with the reason', async (t) => {
	const edit = 'file: a.cpp\n--- anchor\na\n--- after\nb\n--- end\n';
	const cases: [reason: RegExp, source: string][] = [
		[/says nowhere why it exists/, `when: always\n${edit}`],
		[/has no "when:" line/, `# Why.\n${edit}`],
		[/"when: sometimes" is none of always, patched, system-deps/, `# Why.\nwhen: sometimes\n${edit}`],
		[/has no edit/, '# Why.\nwhen: always\n'],
		[/line 3: an anchor before any "file:" line/, '# Why.\nwhen: always\n--- anchor\na\n--- after\nb\n--- end\n'],
		[/line 6: "--- below" is none of/, '# Why.\nwhen: always\nfile: a.cpp\n--- anchor\na\n--- below\nb\n--- end\n'],
		[/line 8: expected "--- end"/, '# Why.\nwhen: always\nfile: a.cpp\n--- anchor\na\n--- after\nb\n--- anchor\n'],
		[/line 4: the anchor is empty/, '# Why.\nwhen: always\nfile: a.cpp\n--- anchor\n\n--- after\nb\n--- end\n'],
		[/a "--- end" line is missing/, '# Why.\nwhen: always\nfile: a.cpp\n--- anchor\na\n--- after\nb\n'],
		[/line 3 is neither comment/, `# Why.\nwhen: always\nwhere: a.cpp\n${edit}`],
	];

	for (const [reason, source] of cases) {
		t.throws(() => parseHook('h', source), HookError, String(reason));
		t.throws(() => parseHook('h', source), { message: reason });
	}
});
