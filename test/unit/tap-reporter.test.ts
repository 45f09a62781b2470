// The reporter decides whether CI is green, so what matters here is that no kind of failure gets past it and none counts twice.

import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import t from 'tap';

import { reportTap } from '../../tools/tap-reporter.ts';

async function report(...lines: string[]) {
	const output = new PassThrough();
	const counts = await reportTap(Readable.from([Buffer.from(['TAP version 14', ...lines, ''].join('\n'))]), output);

	output.end();

	return { ...counts, output: await text(output) };
}

t.test('assertions are counted, the line that closes a subtest is not', async (t) => {
	const { passed, failed, output } = await report(
		'# Subtest: a.test.ts',
		'    # Subtest: inner',
		'        ok 1 - x',
		'        ok 2 - y',
		'        1..2',
		'    ok 1 - inner',
		'    ok 2 - z',
		'    1..2',
		'ok 1 - a.test.ts # time=1500ms',
		'1..1',
	);

	t.same({ passed, failed }, { passed: 3, failed: 0 });
	t.match(output, /^ok {3}a\.test\.ts \(3 passed, 1\.5 s\)$/m);
});

t.test('a failed assertion is reported once, with its whole path and its diagnostics', async (t) => {
	const { passed, failed, output } = await report(
		'# Subtest: a.test.ts',
		'    # Subtest: inner',
		'        ok 1 - x',
		'        not ok 2 - y',
		'          ---',
		'          diff: |',
		'            -1',
		'            +2',
		'          ...',
		'        1..2',
		'    not ok 1 - inner',
		'    1..1',
		'not ok 1 - a.test.ts',
		'1..1',
	);

	t.same({ passed, failed }, { passed: 1, failed: 1 });
	t.match(output, /^FAIL a\.test\.ts › inner › y\n {5}diff:\n {7}-1\n {7}\+2$/m);
	t.notMatch(output, /^ok/m);
});

t.test('a test file that dies without a failed assertion is a failure, with the signal that ended it', async (t) => {
	const { passed, failed, output } = await report(
		'# Subtest: a.test.ts',
		'    ok 1 - x',
		'not ok 1 - a.test.ts',
		'  ---',
		'  signal: SIGSEGV',
		'  ...',
		'1..1',
	);

	t.same({ passed, failed }, { passed: 1, failed: 1 });
	t.match(output, /^FAIL a\.test\.ts: no plan\n {5}signal: SIGSEGV$/m);
});

t.test('a stream that ends before its plan does is a failure', async (t) => {
	const { passed, failed } = await report('1..2', 'ok 1 - x');

	t.same({ passed, failed }, { passed: 1, failed: 1 });
});

t.test('bailing out is a failure', async (t) => {
	const { failed, output } = await report('ok 1 - x', 'Bail out! no worker');

	t.ok(failed >= 1);
	t.match(output, /^FAIL bail out: no worker$/m);
});

t.test('a skipped test counts as neither and is named with its reason', async (t) => {
	const { passed, failed, output } = await report('ok 1 - with a browser # SKIP no chromium', 'ok 2 - x', '1..2');

	t.same({ passed, failed }, { passed: 1, failed: 0 });
	t.match(output, /^skip with a browser \(no chromium\)$/m);
});

t.test('nothing is counted when nothing ran', async (t) => {
	const { passed, failed } = await report('1..0');

	t.same({ passed, failed }, { passed: 0, failed: 0 });
});
