// The order of sends, which go by a ring that only tells on being asked how far it was read, and of calls, which go by a channel.

import { setImmediate as turn } from 'node:timers/promises';

import t from 'tap';

import type { Send, Sending } from '../../../src/direct/sequencer.ts';
import { Sequencer } from '../../../src/direct/sequencer.ts';

/** What has happened in the worker, in its order; the ring is read when `take` is called, a call is over when `answer` is. */
class Stage {
	readonly done: string[] = [];
	room: Sending = 'ring';
	kept = 0;
	readonly #ring: string[] = [];
	readonly #asked: (() => void)[] = [];
	readonly #calls = new Map<string, PromiseWithResolvers<void>>();
	readonly sequencer = new Sequencer(() => new Promise((resolve) => this.#asked.push(resolve)));

	get isAsked(): boolean {
		return this.#asked.length > 0;
	}

	send(name: string, { elsewhere = false } = {}): void {
		const send: Send = {
			keep: () => ++this.kept,
			try: () => {
				const sending = elsewhere ? 'elsewhere' : this.room;

				if (sending === 'ring') {
					this.#ring.push(name);
				} else if (sending === 'channel') {
					this.done.push(name);
				}

				return sending;
			},
			elsewhere: () => this.#begin(name),
		};

		this.sequencer.send(send);
	}

	call(name: string): Promise<void> {
		return this.sequencer.call(() => this.#begin(name));
	}

	async take(): Promise<void> {
		this.done.push(...this.#ring.splice(0));
		this.#asked.splice(0).forEach((resolve) => resolve());
		await turn();
	}

	async answer(name: string, error?: Error): Promise<void> {
		const { resolve, reject } = this.#calls.get(name)!;

		if (error) {
			reject(error);
		} else {
			resolve();
		}
		await turn();
	}

	#begin(name: string): Promise<void> {
		const call = Promise.withResolvers<void>();

		this.done.push(name);
		this.#calls.set(name, call);

		return call.promise;
	}
}

t.test('a call with nothing on its way begins in the same turn, and several side by side', async (t) => {
	const stage = new Stage();

	void stage.call('pause');
	void stage.call('getStats');
	t.same(stage.done, ['pause', 'getStats']);
	t.notOk(stage.sequencer.isIdle);
	await stage.answer('pause');
	await stage.answer('getStats');
	t.ok(stage.sequencer.isIdle);
});

t.test('a send goes at once, and nobody asks how far the ring was read unless a call comes', async (t) => {
	const stage = new Stage();

	stage.send('1');
	stage.send('2');
	t.notOk(stage.isAsked);
	t.notOk(stage.sequencer.isIdle);
	await stage.take();
	t.same(stage.done, ['1', '2']);
	t.equal(stage.kept, 0);
});

t.test('a call waits until what was sent before is taken, what is sent later waits for the call', async (t) => {
	const stage = new Stage();

	stage.send('1');

	const called = stage.call('pause');

	stage.send('2');
	stage.send('3');
	t.ok(stage.isAsked);
	t.same(stage.done, []);
	t.equal(stage.kept, 2, 'what waits is kept');
	await stage.take();
	t.same(stage.done, ['1', 'pause']);
	await stage.take();
	t.same(stage.done, ['1', 'pause'], 'the call is not over');
	await stage.answer('pause');
	await called;
	await stage.take();
	t.same(stage.done, ['1', 'pause', '2', '3']);
});

t.test('calls in a row are made in a row, and a send behind them waits for all', async (t) => {
	const stage = new Stage();

	stage.send('1');
	void stage.call('pause');
	void stage.call('resume');
	stage.send('2');
	void stage.call('getStats');
	await stage.take();
	t.same(stage.done, ['1', 'pause', 'resume']);
	await stage.answer('pause');
	await stage.take();
	t.same(stage.done, ['1', 'pause', 'resume']);
	await stage.answer('resume');
	t.ok(stage.isAsked, 'the last one waits for what was sent between');
	await stage.take();
	t.same(stage.done, ['1', 'pause', 'resume', '2', 'getStats']);
});

t.test('a call that rejects, rejects, and what waits for it goes on', async (t) => {
	const stage = new Stage();

	stage.send('1');

	const called = stage.call('pause');

	stage.send('2');
	await stage.take();

	const rejected = t.rejects(called, { message: 'no such producer' });

	await stage.answer('pause', new Error('no such producer'));
	await rejected;
	await stage.take();
	t.same(stage.done, ['1', 'pause', '2']);
});

t.test('a full ring is waited for, in order', async (t) => {
	const stage = new Stage();

	stage.room = 'full';
	stage.send('1');
	stage.send('2');
	stage.sequencer.retry();
	stage.room = 'ring';
	stage.send('3');
	await stage.take();
	t.same(stage.done, ['1', '2', '3'], 'the next one that is sent looks, too');
	stage.room = 'full';
	stage.send('4');
	void stage.call('pause');
	t.notOk(stage.done.includes('pause'));
	stage.room = 'ring';
	stage.sequencer.retry();
	await stage.take();
	t.same(stage.done, ['1', '2', '3', '4', 'pause']);
});

t.test('many that wait come out in order', async (t) => {
	const stage = new Stage();
	const names = Array.from({ length: 5_000 }, (_, i) => `${i}`);

	stage.room = 'full';
	names.forEach((name) => stage.send(name));
	stage.room = 'ring';
	stage.sequencer.retry();
	await stage.take();
	t.same(stage.done, names);
	t.ok(!stage.isAsked && stage.kept === 5_000);
});

t.test('what the ring cannot take goes as a call does', async (t) => {
	const stage = new Stage();

	stage.send('1');
	stage.send('too long', { elsewhere: true });
	stage.send('2');
	t.ok(stage.isAsked);
	await stage.take();
	t.same(stage.done, ['1', 'too long']);
	await stage.take();
	t.same(stage.done, ['1', 'too long']);
	await stage.answer('too long');
	await stage.take();
	t.same(stage.done, ['1', 'too long', '2']);
});

t.test('where the channel takes a send, a call need not wait', async (t) => {
	const stage = new Stage();

	stage.room = 'channel';
	stage.send('1');
	void stage.call('pause');
	t.same(stage.done, ['1', 'pause']);
	t.notOk(stage.isAsked);
});

t.test('a ring that is lost holds nothing up', async (t) => {
	const stage = new Stage();

	stage.send('1');
	void stage.call('pause');
	stage.room = 'channel';
	stage.send('2');
	stage.sequencer.lost();
	t.same(stage.done, ['pause']);
	await stage.answer('pause');
	t.same(stage.done, ['pause', '2']);
});
