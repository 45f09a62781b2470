import t from 'tap';

import { FrameReader } from '../../../src/control/framing.ts';
import { Limit } from '../../../src/generated/control.js';

function framed(...bodies: string[]): Buffer {
	return Buffer.concat(
		bodies.map((body) => {
			const prefix = Buffer.alloc(4);

			prefix.writeUInt32LE(body.length);

			return Buffer.concat([prefix, Buffer.from(body)]);
		}),
	);
}

/** As many frames as `pieces` make, as text. */
function read(pieces: Iterable<Buffer>): string[] {
	const reader = new FrameReader();

	return [...pieces].flatMap((piece) => reader.push(piece)).map(String);
}

t.test('a frame that comes whole is read', async (t) => {
	t.same(read([framed('hello')]), ['hello']);
});

t.test('frames that come together are told apart', async (t) => {
	t.same(read([framed('one', '', 'three')]), ['one', '', 'three']);
});

t.test('a frame may be cut anywhere', async (t) => {
	const bytes = framed('first', 'second');

	for (let cut = 0; cut <= bytes.length; cut++) {
		t.same(read([bytes.subarray(0, cut), bytes.subarray(cut)]), ['first', 'second'], `cut at ${cut}`);
	}
});

t.test('frames may come byte by byte', async (t) => {
	t.same(read([...framed('first', 'second')].map((byte) => Buffer.from([byte]))), ['first', 'second']);
});

t.test('what is left of a chunk begins the next frame', async (t) => {
	const bytes = framed('first', 'second', 'third');

	t.same(read([bytes.subarray(0, 12), bytes.subarray(12, 14), bytes.subarray(14)]), ['first', 'second', 'third']);
});

t.test('the longest frame is read', async (t) => {
	const body = 'x'.repeat(Limit.MaxFrameBytes);

	t.same(read([framed(body)])[0]?.length, body.length);
});

t.test('a longer one is refused as soon as its length is known', async (t) => {
	const prefix = Buffer.alloc(4);

	prefix.writeUInt32LE(Limit.MaxFrameBytes + 1);
	t.throws(() => new FrameReader().push(prefix), { name: 'ProtocolError', code: 'MPH_ERR_PROTOCOL', message: new RegExp(`${Limit.MaxFrameBytes + 1} bytes`) });
});
