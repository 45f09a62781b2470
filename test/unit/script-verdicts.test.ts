// Packets and messages through a plugin's handlers: what they return, throw, and decide later.

import { setImmediate as turn } from 'node:timers/promises';

import t from 'tap';

import { definePlugin } from '../../src/plugin/define-plugin.ts';
import type { PluginHandlers } from '../../src/plugin/handlers.ts';
import type { OwnedPacket, PacketView } from '../../src/plugin/packet-view.ts';
import type { LateVerdict, PendingVerdict } from '../../src/plugin/verdicts.ts';
import { ScriptStage, messageBytes, packetBytes } from '../helpers/script-stage.ts';
import { until } from '../helpers/until.ts';

type Options = { isStrict?: boolean; maxPending?: number; errorBudget?: number };

function open(handlers: PluginHandlers, { isStrict = true, ...settings }: Options = {}): Promise<ScriptStage> {
	return ScriptStage.open(definePlugin({ ...settings, setup: () => handlers }), { isStrict });
}

const numbered = (sequenceNumber: number): Uint8Array => packetBytes({ sequenceNumber, ticket: BigInt(sequenceNumber) });
const observed = packetBytes({ ticket: 0n });

t.test('each verdict is its number, and nothing said is accept', async (t) => {
	const said = [undefined, 'accept', 'drop', 'take', 'bypass', 'error'] as const;
	const stage = await open({ onPacket: (packet) => said[packet.sequenceNumber], onData: () => 'drop' });

	t.same(stage.run(said.map((_, i) => packetBytes({ sequenceNumber: i }))), [1, 1, 2, 3, 4, 5]);
	t.same(stage.run([messageBytes()], 'data'), [2]);
	t.same(stage.fake.of('log'), []);
});

t.test('a throw costs its packet alone', async (t) => {
	const stage = await open({
		onPacket(packet) {
			if (packet.sequenceNumber === 2) {
				throw new Error('no');
			}

			return 'drop';
		},
	});

	t.same(stage.run([1, 2, 3].map(numbered)), [2, 5, 2]);
	t.match(stage.fake.of('log'), [[3, /^plugin throttle: onPacket threw at .*test\/unit\/script-verdicts\.test\.ts:\d+:\d+: Error: no\n\s+at /]]);
	stage.instance.close();
	t.equal(stage.fake.counted('script.throws'), 1);
});

t.test('what is no verdict is an error that says so', async (t) => {
	for (const [returned, message] of [
		['maybe', /MPH_ERR_VERDICT|the verdict is 'maybe'; verdicts are 'accept'/],
		[5, /the verdict is 5/],
		[null, /the verdict is null/],
		[Promise.resolve('drop'), /a promise; use onPacketAsync/],
		['pending', /'pending' without later\(\)/],
		['replace', /'replace' without edit\(\) or replace\(\)/],
	] as const) {
		const stage = await open({ onPacket: () => returned as 'drop' });

		t.same(stage.run([numbered(1)]), [5]);
		t.match(stage.fake.of('log'), [[3, message]]);
	}
});

t.test('replace sends what was edited or given, as the answer', async (t) => {
	for (const isStrict of [true, false]) {
		const stage = await open(
			{
				onPacket(packet) {
					switch (packet.sequenceNumber) {
						case 1:
							packet.edit()[0] = 9;

							return 'replace';
						case 2:
							return packet.replace(Uint8Array.from([7]));
						case 3:
							packet.edit(6)[5] = 1;

							return 'replace';
						case 4:
							packet.edit(2);

							return 'accept';
						default:
							return packet.replace(packet.payload);
					}
				},
				onData: (message) => message.replace('ha'),
			},
			{ isStrict },
		);

		t.same(stage.run([1, 2, 3, 4, 5].map(numbered)), [0, 0, 0, 1, 0]);
		t.same(stage.run([messageBytes({ ticket: 6n })], 'data'), [0]);
		t.same(stage.fake.of('replace'), [
			...[[9, 1, Uint8Array.from([9, 2, 3, 4])], [9, 2, Uint8Array.from([7])], [9, 3, Uint8Array.from([1, 2, 3, 4, 0, 1])]],
			...[[9, 5, Uint8Array.from([1, 2, 3, 4])], [9, 6, Uint8Array.from(Buffer.from('ha'))]],
		]);
	}
});

t.test('a replacement that finds no room, or is too long, is an error', async (t) => {
	const stage = await open({ onPacket: (packet) => packet.replace(new Uint8Array(1)) });

	stage.fake.results['replace'] = 1;
	t.same(stage.run([numbered(1)]), [5]);
	t.same(stage.fake.of('log'), [], 'that is not the plugin\'s fault');
	stage.fake.results['replace'] = 3;
	t.same(stage.run([numbered(2)]), [5]);
	t.match(stage.fake.of('log'), [[3, /a replacement of 1 bytes is refused: invalid/]]);
	stage.instance.close();
	t.equal(stage.fake.counted('script.replaceFull'), 1);
});

t.test('of observers nothing is awaited', async (t) => {
	const said: ('replace' | 'pending')[] = [];
	const stage = await open({
		onPacket(packet) {
			const verdict = said.shift();

			t.equal(packet.later().accept(), 'unknown');
			packet.replace(new Uint8Array(1));

			return verdict;
		},
	});

	said.push('replace', 'pending');
	t.same(stage.run([observed, observed]), [1, 1]);
	t.same(stage.fake.of('replace'), []);
	t.same(stage.fake.of('verdict'), []);
});

t.test('what is pending is decided later, once', async (t) => {
	const pending: PendingVerdict[] = [];
	const stage = await open({
		onPacket(packet) {
			pending.push(packet.later());

			return 'pending';
		},
	});

	t.same(stage.run([1, 2, 3, 4, 5, 6].map(numbered)), [0, 0, 0, 0, 0, 0]);

	const [a, b, c, d, e, f] = pending;

	t.same([a!.accept(), b!.drop(), c!.take(), d!.bypass(), e!.error(), f!.replace(Uint8Array.from([8]))], Array(6).fill('ok'));
	t.same(stage.fake.of('verdict'), [[9, 1, 1], [9, 2, 2], [9, 3, 3], [9, 4, 4], [9, 5, 5]]);
	t.same(stage.fake.of('replace'), [[9, 6, Uint8Array.from([8])]]);
	t.same([a!.drop(), a!.extend(5)], ['unknown', 'unknown']);
	t.equal(stage.fake.of('verdict').length, 5);

	pending.length = 0;
	stage.run([numbered(7)]);
	t.equal(pending[0]!.extend(500), 'ok');
	t.same(stage.fake.of('extend'), [[9, 7, 500]]);
	stage.fake.results['verdict'] = 1;
	t.equal(pending[0]!.drop(), 'full');
	stage.fake.results['verdict'] = 2;
	t.equal(pending[0]!.drop(), 'unknown', 'full is no decision');
	stage.instance.close();
	t.equal(stage.fake.counted('script.lateForNobody'), 1);
});

t.test('a packet says how it is extended and bypassed', async (t) => {
	const stage = await open({
		onPacket(packet) {
			t.same([packet.extend(700), packet.bypass({ packets: 3 }), packet.bypass({ ms: 20 }), packet.bypass()], ['ok', 'ok', 'ok', 'ok']);
		},
		onData: (message) => void message.bypass({ ms: 1 }),
	});

	stage.run([numbered(1)]);
	stage.run([messageBytes()], 'data');
	t.same(stage.fake.of('extend'), [[9, 1, 700]]);
	t.same(stage.fake.of('bypass'), [[9, 5, 3, 77, 1, 3], [9, 5, 3, 77, 2, 20], [9, 5, 3, 77, 0, 0], [9, 5, 4, 0, 2, 1]]);
});

t.test('promises decide when they settle, on copies of their own', async (t) => {
	for (const isStrict of [true, false]) {
		const held: OwnedPacket[] = [];
		const settle: ((verdict?: LateVerdict) => void)[] = [];
		const stage = await open(
			{
				onPacketAsync(packet) {
					held.push(packet);

					return new Promise((resolve) => void settle.push(resolve));
				},
			},
			{ isStrict },
		);

		t.same(stage.run([1, 2, 3, 4].map(numbered)), [0, 0, 0, 0]);
		stage.lay([numbered(9), numbered(9), numbered(9), numbered(9)]);
		t.same(held.map(({ sequenceNumber }) => sequenceNumber), [1, 2, 3, 4], 'whatever stands in the ring now');

		const bytes = held[0]!.bytes;

		await turn();
		held[2]!.replace(Uint8Array.from([5]));
		settle[1]!('drop');
		settle[0]!();
		settle[2]!('replace');
		settle[3]!('pending' as LateVerdict);
		await turn();
		t.same(stage.fake.of('verdict'), [[9, 2, 2], [9, 1, 1], [9, 4, 5]]);
		t.same(stage.fake.of('replace'), [[9, 3, Uint8Array.from([5])]]);
		t.match(stage.fake.of('log'), [[3, /onPacketAsync threw: PluginHostError: the verdict is .*pending.* by a promise/]]);
		t.throws(() => held[0]!.sequenceNumber, { code: 'MPH_ERR_VIEW_EXPIRED' });
		t.equal(bytes.length, isStrict ? 0 : 16, 'in development they are detached');
	}
});

t.test('a rejected promise is an error, one that throws at once too', async (t) => {
	const stage = await open({
		async onPacketAsync(packet) {
			await (packet.sequenceNumber === 1 ? Promise.reject(new Error('later')) : undefined);
		},
		onDataAsync() {
			throw new Error('at once');
		},
	});

	t.same(stage.run([1, 2].map(numbered)), [0, 0]);
	t.same(stage.run([messageBytes({ ticket: 3n })], 'data'), [0]);
	t.same(stage.fake.of('verdict'), [], 'nothing is told before the batch says that it is pending');
	await turn();
	t.same([...stage.fake.of('verdict')].sort(), [[9, 1, 5], [9, 2, 1], [9, 3, 5]]);
	t.match(stage.fake.of('log'), [[3, /onDataAsync threw at .*Error: at once/], [3, /onPacketAsync threw at .*Error: later/]]);
});

t.test('so many promises at a time, and no more', async (t) => {
	const settle: (() => void)[] = [];
	const wait = (): Promise<void> => new Promise((resolve) => void settle.push(resolve));
	const stage = await open({ onPacketAsync: wait, onDataAsync: wait }, { maxPending: 2 });

	t.same(stage.run([1, 2, 3].map(numbered)), [0, 0, 5]);
	t.same(stage.run([messageBytes()], 'data'), [5], 'packets and messages count together');
	settle[0]!();
	await turn();
	t.same(stage.run([4, 5].map(numbered)), [0, 5]);
	stage.instance.close();
	t.equal(stage.fake.counted('script.overPending'), 3);
	t.same(stage.fake.of('log'), []);
});

t.test('a verdict that finds no room is given again until it is taken, in order', async (t) => {
	const stage = await open({ onPacketAsync: async (packet) => (packet.sequenceNumber === 2 ? packet.replace(new Uint8Array(9)) : 'drop') }, { maxPending: 3 });
	const { results } = stage.fake;

	results['verdict'] = 1;
	t.same(stage.run([1, 2, 3, 4].map(numbered)), [0, 0, 0, 5]);
	await until('three attempts', () => stage.fake.of('verdict').length > 2);
	t.same(stage.fake.of('replace'), [], 'the second one waits behind the first');
	t.same(stage.run([numbered(5)]), [5], 'what waits is in its hands');
	results['verdict'] = 0;
	results['replace'] = 3;
	await until('the third verdict', () => stage.fake.of('verdict').some(([, ticket]) => ticket === 3));
	t.match(stage.fake.of('verdict').slice(-3), [[9, 1, 2], [9, 2, 5], [9, 3, 2]], 'one that is too long is an error');
	t.same(stage.run([numbered(6)]), [0]);
});

t.test('a promise that settles when nobody waits any more is counted', async (t) => {
	const settle: (() => void)[] = [];
	const stage = await open({ onPacketAsync: () => new Promise<void>((resolve) => void settle.push(resolve)) });

	stage.run([1, 2].map(numbered));
	stage.fake.results['verdict'] = 2;
	settle[0]!();
	await turn();
	stage.instance.close();
	t.equal(stage.fake.counted('script.lateForNobody'), 1);

	const asked = stage.fake.asked.length;

	settle[1]!();
	await turn();
	t.equal(stage.fake.asked.length, asked, 'after close nothing is asked for');
});

t.test('promises of observers decide nothing but bypass', async (t) => {
	const stage = await open({ onPacketAsync: async (packet) => (packet.ssrc === 77 ? 'bypass' : 'drop') });

	t.same(stage.run([observed, packetBytes({ ticket: 0n, ssrc: 78 })]), [1, 1]);
	await turn();
	t.same(stage.fake.of('verdict'), []);
	t.same(stage.fake.of('bypass'), [[9, 5, 3, 77, 0, 0]]);
});

t.test('memory of copies is used again in production, and never while it is in use', async (t) => {
	const held: { packet: OwnedPacket; resolve: () => void }[] = [];
	const stage = await open({ onPacketAsync: (packet) => new Promise<void>((resolve) => void held.push({ packet, resolve })) }, { isStrict: false });
	const buffers = new Set<ArrayBufferLike>();

	for (let i = 1; i <= 100; ++i) {
		stage.run([numbered(2 * i), numbered(2 * i + 1)]);

		const [one, other] = held.splice(0);

		t.not(one!.packet.bytes.buffer, other!.packet.bytes.buffer);
		t.same([one!.packet.sequenceNumber, other!.packet.sequenceNumber], [2 * i, 2 * i + 1]);
		buffers.add(one!.packet.bytes.buffer).add(other!.packet.bytes.buffer);
		one!.resolve();
		other!.resolve();
		await turn();
	}
	t.equal(buffers.size, 2);
});

t.test('a view of one batch is not one of the next', async (t) => {
	let kept: PacketView | undefined;
	const stage = await open({
		onPacket(packet) {
			kept ??= packet;
			t.equal(kept === packet, packet.sequenceNumber === 1);
		},
	});

	stage.run([1, 2].map(numbered));
	t.throws(() => kept!.ssrc, { code: 'MPH_ERR_VIEW_EXPIRED' });
});
