import t from 'tap';

import { parseCommandLine } from '../../bench/lib/command-line.ts';
import { parseNativeSample } from '../../bench/lib/native.ts';
import { formatJson, formatTable } from '../../bench/lib/report.ts';
import { figureOf, withNote, withRatio } from '../../bench/lib/row.ts';

const floor = { name: 'floor/F1', unit: 'us', p50: 0.5, p99: 0.75 };
const ring = withRatio({ name: 'ring/rtt1200', unit: 'us', p50: 0.6, p99: 1 }, floor);

t.test('a ratio names the row that it compares with', async (t) => {
	t.equal(ring.ratioTo, 'floor/F1');
	t.equal(ring.ratio, 1.2);
	t.throws(() => withRatio(ring, { name: 'floor/bulk', unit: 'MB/s', value: 1000 }), /means nothing/);
	t.throws(() => figureOf({ name: 'a', unit: 'us' }), /neither/);
});

t.test('notes add up', async (t) => {
	t.equal(withNote(withNote(floor, 'one'), 'two').note, 'one; two');
	t.equal(withNote(floor, undefined), floor);
});

t.test('the JSON is one line with the fields that apply', async (t) => {
	const json = formatJson([floor, { ...ring, p99: 1.23456789, note: 'a\nb' }]);

	t.notMatch(json, /\n/);
	t.strictSame(JSON.parse(json), [
		floor,
		{ name: 'ring/rtt1200', unit: 'us', ratioTo: 'floor/F1', note: 'a\nb', p50: 0.6, p99: 1.23457, ratio: 1.2 },
	]);
});

t.test('the table aligns its columns and leaves out those that no row uses', async (t) => {
	t.same(formatTable([floor, { ...ring, cpu: { worker: 1.5, host: 0.25 }, lost: 0 }]).split('\n'), [
		'row           unit  p50   p99            ratio  lost                cpu us',
		'floor/F1      us    0.5  0.75',
		'ring/rtt1200  us    0.6     1  1.20 x floor/F1     0  worker 1.5 host 0.25',
	]);
});

t.test('what every row remarks stands below the table, once', async (t) => {
	const busy = 'noisy: load average 5 before, 5 after, on 2 CPUs';

	t.same(formatTable([withNote(floor, busy), withNote(withNote(ring, 'mine'), busy)]).split('\n'), [
		'row           unit  p50   p99            ratio  note',
		'floor/F1      us    0.5  0.75',
		'ring/rtt1200  us    0.6     1  1.20 x floor/F1  mine',
		`all rows: ${busy}`,
	]);
});

t.test('parts run in their own order, all of them when none is named', async (t) => {
	t.same(parseCommandLine([]), { parts: ['ring', 'verdict', 'e2e', 'js', 'worker'], json: false, quick: false });
	t.same(parseCommandLine(['e2e', 'ring', '--json', '--quick']), { parts: ['ring', 'e2e'], json: true, quick: true });
	t.throws(() => parseCommandLine(['rings']), /there is no part rings; there are ring, verdict, e2e, js, worker/);
	t.throws(() => parseCommandLine(['--jsn']), TypeError);
});

t.test('what is no sample of mph-bench is refused', async (t) => {
	t.same(parseNativeSample('floor/F1', '{"unit":"us","p50":0.5,"p99":0.75}\n'), { unit: 'us', p50: 0.5, p99: 0.75 });
	t.throws(() => parseNativeSample('floor/F1', '{}'), /floor\/F1 printed \{\}/);
});
