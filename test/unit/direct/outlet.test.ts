// The order of what comes by the ring and by the channel, whichever of them the app reads first.

import { setImmediate as turn } from 'node:timers/promises';

import t from 'tap';

import { Outlet } from '../../../src/direct/outlet.ts';

type Sent = { readonly number: number; readonly byChannel: number };

/** A worker that has sent 1, 2, 3, …, and an app that has read none of it. */
class Stage {
	readonly got: number[] = [];
	readonly ring: Sent[] = [];
	readonly channel: number[] = [];
	reads = 0;
	readonly outlet = new Outlet((isEnough) => {
		for (this.reads += 1; this.ring.length > 0 && !isEnough(); ) {
			this.readRing();
		}
	});
	#byChannel: number;
	#last = 0;

	/** `before`: so many have gone by the channel. */
	constructor(before = 0) {
		this.#byChannel = before;
	}

	/** `ways`: r by the ring, c by the channel. */
	send(ways: string): this {
		for (const way of ways) {
			this.#last += 1;
			if (way === 'r') {
				this.ring.push({ number: this.#last, byChannel: this.#byChannel >>> 0 });
			} else {
				this.channel.push(this.#last);
				this.#byChannel += 1;
			}
		}

		return this;
	}

	readRing(): void {
		const { number, byChannel } = this.ring.shift()!;

		this.outlet.give(bytesOf(number), number, byChannel);
	}

	readChannel(): void {
		const number = this.channel.shift()!;

		this.outlet.hear(bytesOf(number), number);
	}

	async open(): Promise<this> {
		this.outlet.open((bytes, ppid) => this.got.push(bytes.readUInt32LE() === ppid ? ppid : -1));
		await turn();

		return this;
	}
}

function bytesOf(number: number): Buffer {
	const bytes = Buffer.alloc(4);

	bytes.writeUInt32LE(number);

	return bytes;
}

const ascending = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

t.test('whatever is read first, it comes out as it was sent', async (t) => {
	const ways = 'rrccrcrrrcccrcrrccrr';
	const results = new Set<string>();

	// Each choice of who is read next.
	for (let seed = 0; seed < 2_000; ++seed) {
		const stage = await new Stage().send(ways).open();
		let dice = seed * 2_654_435_761;

		while (stage.ring.length > 0 || stage.channel.length > 0) {
			dice = (Math.imul(dice, 1_664_525) + 1_013_904_223) >>> 0;
			if (stage.channel.length === 0 || (stage.ring.length > 0 && dice >>> 31 === 0)) {
				stage.readRing();
			} else {
				stage.readChannel();
			}
		}
		results.add(stage.got.join());
	}
	t.same([...results], [ascending(ways.length).join()]);
});

t.test('what stands in the ring before it comes first; no more is read than that takes', async (t) => {
	const stage = await new Stage().send('rrcrr').open();

	stage.readChannel();
	t.same(stage.got, [1, 2, 3, 4], 'one that comes after it was seen, and waited');
	t.equal(stage.ring.length, 1);
	stage.send('c').readRing();
	stage.readChannel();
	t.same(stage.got, ascending(6));
});

t.test('what the channel has on its way is waited for', async (t) => {
	const stage = await new Stage().send('rccrr').open();

	for (let i = 0; i < 3; ++i) {
		stage.readRing();
	}
	t.same(stage.got, [1]);
	stage.readChannel();
	t.same(stage.got, [1, 2]);
	t.equal(stage.reads, 1);
	stage.readChannel();
	t.same(stage.got, ascending(5));
	t.equal(stage.reads, 2);
});

t.test('counts are of 32 bits, and those of more than 2^31 are still to come', async (t) => {
	const stage = await new Stage().open();

	stage.outlet.give(bytesOf(1), 1, 0xffff_ffff);
	stage.outlet.give(bytesOf(2), 2, 2);
	t.same(stage.got, [1], 'the first is of before');
	stage.outlet.hear(bytesOf(3), 3);
	t.same(stage.got, [1, 3]);
	stage.outlet.hear(bytesOf(4), 4);
	t.same(stage.got, [1, 3, 4, 2]);
});

t.test('before the consumer is there they wait, in order, as far as there is room', async (t) => {
	const stage = new Stage().send('rcr');

	stage.readChannel();
	t.same([stage.got, stage.ring], [[], []]);
	await stage.open();
	t.same(stage.got, ascending(3));

	const outlet = new Outlet(() => {});

	t.equal(outlet.give(Buffer.alloc(4_194_304), 0, 0), true);
	t.equal(outlet.give(Buffer.alloc(1), 0, 0), false, 'nobody gets it');
});
