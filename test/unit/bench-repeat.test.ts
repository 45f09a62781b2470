import t from 'tap';

import { interleave, median, noteOfSpread, ratioWithinRepetitions, rowOf } from '../../bench/lib/repeat.ts';

t.test('repetitions of all candidates alternate', async (t) => {
	const order: string[] = [];
	const candidate = (name: string) => ({
		name,
		unit: 'us',
		measure: async () => {
			order.push(name);

			return { p50: 1 };
		},
	});

	await interleave([candidate('a'), candidate('b')], 3);
	t.same(order, ['a', 'b', 'a', 'b', 'a', 'b']);
});

t.test('a run that must stop has measured everything once', async (t) => {
	let runs = 0;
	const measure = async () => ({ value: ++runs });
	const rows = await interleave([{ name: 'a', unit: 'MB/s', measure }, { name: 'b', unit: 'MB/s', measure }], 5, () => true);

	t.same(rows.map(({ name, value }) => ({ name, value })), [{ name: 'a', value: 1 }, { name: 'b', value: 2 }]);
});

t.test('a row has the medians of its samples, the sum of what was lost, and nothing that no sample had', async (t) => {
	const row = rowOf('e2e/plain/1k', 'us', [
		{ p50: 10, p99: 30, lost: 1, cpu: { worker: 5 } },
		{ p50: 11, p99: 90, lost: 0, cpu: { worker: 7 } },
		{ p50: 12, p99: 31, lost: 2, cpu: { worker: 6 } },
	]);

	t.strictSame(row, { name: 'e2e/plain/1k', unit: 'us', p50: 11, p99: 31, lost: 3, cpu: { worker: 6 } });
	t.strictSame(rowOf('floor/bulk', 'MB/s', [{ value: 1000 }]), { name: 'floor/bulk', unit: 'MB/s', value: 1000 });
});

t.test('the median of an even number of figures lies between the middle ones', async (t) => {
	t.equal(median([4, 1, 3, 2]), 2.5);
	t.throws(() => median([]), RangeError);
});

t.test('a ratio is taken within each repetition, so what slows both down does not show', async (t) => {
	t.equal(ratioWithinRepetitions([{ p50: 2 }, { p50: 6 }, { p50: 2 }], [{ p50: 1 }, { p50: 3 }, { p50: 1 }]), 2);
	t.equal(ratioWithinRepetitions([{ value: 5 }, { value: 9 }], [{ value: 10 }]), 0.5);
});

t.test('repetitions that differ are noted, a single outlier among five is not', async (t) => {
	t.equal(noteOfSpread([1, 1.1, 1.2]), undefined);
	t.match(noteOfSpread([1, 1.1, 1.5]), /^noisy: repetitions from 1 to 1.5$/);
	t.equal(noteOfSpread([1, 1, 1.1, 1.2, 9]), undefined);
	t.match(noteOfSpread([1, 1, 1.1, 8, 9]), /^noisy/);
	t.equal(noteOfSpread([]), undefined);
});

t.test('what disturbed the machine stands in the note beside the spread', async (t) => {
	t.equal(rowOf('a', 'us', [{ p50: 1 }, { p50: 2 }], 'noisy: steal').note, 'noisy: repetitions from 1 to 2; noisy: steal');
});
