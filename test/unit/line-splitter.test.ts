import t from 'tap';

import { LineSplitter } from '../../src/line-splitter.ts';

function split(...chunks: (string | Uint8Array)[]): string[] {
	const lines: string[] = [];
	const splitter = new LineSplitter((line) => lines.push(line));

	for (const chunk of chunks) {
		splitter.push(Buffer.from(chunk));
	}
	splitter.end();

	return lines;
}

t.test('chunks become lines', async (t) => {
	t.same(split('one\ntw', 'o\r\n\n', 'three'), ['one', 'two', 'three']);
});

t.test("a character may be cut by a chunk's end", async (t) => {
	const bytes = Buffer.from('grün\n');

	t.same(split(bytes.subarray(0, 3), bytes.subarray(3)), ['grün']);
});

t.test('a line without end is cut and not collected', async (t) => {
	const lines = split(...new Array<string>(10).fill('x'.repeat(4_000)));

	t.equal(lines.join('').length, 40_000);
	t.ok(lines.every((line) => line.length <= 8_192));
});
