// What the demo shows, on a terminal and elsewhere, and what it takes on its command line.

import t from 'tap';

import { killTimes } from '../../tools/demo/kills.ts';
import { parseCommandLine } from '../../tools/demo/options.ts';
import { type Snapshot, openView, renderLine, renderTable } from '../../tools/demo/view.ts';

function snapshot(seconds: number, sent: number, dropped: number): Snapshot {
	return {
		seconds,
		totalSeconds: 20,
		streams: [
			{ name: 'a', sent, received: sent - dropped, lost: 0 },
			{ name: 'b', sent: 10, received: 10, lost: 2 },
		],
		throttle: {
			counters: { packets: sent, verdicts: sent, dropped, releasedByPolicy: 0, held: 3, holdMicros: { p50: 80, p99: 1500 } },
			host: { pid: 42, ringUsed: 1024, ringSize: 4096 },
		},
		counter: {
			counters: { observed: sent, missed: 0 },
			host: { pid: undefined, ringUsed: 0, ringSize: 4096 },
		},
		kills: [],
		killsWanted: 3,
	};
}

/** A stream that remembers what was written to it. */
function output(isTTY: boolean) {
	const written: string[] = [];

	return { written, stream: { isTTY, columns: 80, write: (text: string) => written.push(text) } as unknown as NodeJS.WriteStream };
}

t.test('rates are those since the snapshot before', async (t) => {
	const line = renderLine(snapshot(2, 1500, 300), snapshot(1, 500, 100));

	t.match(line, 'in 1000/s');
	t.match(line, 'out 800/s');
	t.match(line, 'dropped 200/s');
	t.match(line, 'hold p50 80 µs p99 1.5 ms');
	t.match(line, 'ring 25.0 %');
	t.match(line, 'lost 2');
});

t.test('the first snapshot has rates, too: since the start', async (t) => {
	t.match(renderLine(snapshot(2, 1000, 0), undefined), 'in 505/s');
});

t.test('the table tells which host is there and which is away', async (t) => {
	const table = renderTable(snapshot(2, 1500, 300), undefined).join('\n');

	t.match(table, /throttle +host 42 +ring \[#####\.+\] 25\.0 %/);
	t.match(table, /counter +host away/);
});

t.test('on a terminal the table replaces itself, and a note stays above it', async (t) => {
	const { written, stream } = output(true);
	const view = openView(stream);
	const lines = renderTable(snapshot(1, 1, 0), undefined).length;

	view.show(snapshot(1, 1, 0));
	view.show(snapshot(2, 2, 0));
	t.notOk(written[0]!.startsWith('\x1b[' + lines), 'nothing is there to be replaced');
	t.ok(written[1]!.startsWith(`\x1b[${lines}A`));
	view.note('killed');
	t.equal(written[2], `\x1b[${lines}A\x1b[Jkilled\n`);
	t.ok(written[3]!.includes('throttle'), 'and the table is drawn again below');
});

t.test('no line on a terminal is long enough to wrap', async (t) => {
	const { written, stream } = output(true);

	openView(stream).show(snapshot(1, 10 ** 15, 10 ** 14));
	for (const line of written.join('').split('\n')) {
		t.ok(line.replace('\x1b[2K', '').length < 80, line);
	}
});

t.test('elsewhere there are plain lines without a control character', async (t) => {
	const { written, stream } = output(false);
	const view = openView(stream);

	view.show(snapshot(1, 1, 0));
	view.note('killed');
	view.end();
	t.equal(written.join('').split('\n').length, 3);
	t.notMatch(written.join(''), /\x1b/);
});

t.test('kills come in order, in their own part of the time, and leave time to recover', async (t) => {
	for (const random of [() => 0, () => 0.999]) {
		const times = killTimes(20, 3, random);

		t.equal(times.length, 3);
		t.ok(times.every((at, index) => at >= 1 + 6 * index && at <= 1 + 6 * index + 3.6), times.join(', '));
	}
	t.same(killTimes(20, 0), []);
});

t.test('the command line has defaults, and refuses what makes no sense', async (t) => {
	t.same(parseCommandLine([]), { seconds: 20, kills: 3, json: false });
	t.same(parseCommandLine(['--seconds', '60', '--kills', '10', '--json']), { seconds: 60, kills: 10, json: true });
	t.throws(() => parseCommandLine(['--seconds', 'ten']), /--seconds "ten" is not a whole number/);
	t.throws(() => parseCommandLine(['--seconds', '3']), /from 4 to/);
	t.throws(() => parseCommandLine(['--seconds', '10', '--kills', '9']), /--kills 9 takes at least --seconds 20/);
	t.throws(() => parseCommandLine(['--fast']), /--fast/);
});
