// createDirectTransport() with a real worker: what goes in and out by rings is what mediasoup's own DirectTransport would have taken and given.

import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker as Thread } from 'node:worker_threads';

import type { types } from 'mediasoup';
import t from 'tap';

import { createDirectTransport } from '../../src/direct/index.ts';
import type { RealStage } from '../helpers/real-stage.ts';
import { realStage } from '../helpers/real-stage.ts';
import { isAscending, isGapless, openCall } from '../helpers/call.ts';
import type { UdpSenderData } from '../helpers/udp-sender.ts';
import { repoRoot } from '../../tools/lib/paths.ts';
import { until } from '../helpers/until.ts';

setFlagsFromString('--expose-gc');

const collect = runInNewContext('gc') as () => void;
const stage: RealStage = realStage();

type Recorder = { readonly packets: Buffer[]; readonly consumer: types.Consumer };

async function record(transport: types.DirectTransport, producerId: string): Promise<Recorder> {
	const packets: Buffer[] = [];
	const consumer = await transport.consume({ producerId, rtpCapabilities: stage.router.rtpCapabilities });

	consumer.on('rtp', (packet) => packets.push(packet));

	return { packets, consumer };
}

/** Without the SSRC and the numbers, which each consumer chooses. */
const comparable = (packet: Buffer): string => `${packet.subarray(0, 2).toString('hex')} ${packet.subarray(12).toString('hex')}`;

/** How many of the packets that the library's own plugin got found nobody, and how many it got. */
async function ownStats(): Promise<readonly [forNobody: number, diverted: number]> {
	const { plugins } = await stage.pluginHost.getStats();
	const [own] = plugins.values();

	return [own!.instances.reduce((sum, { counters }) => sum + (counters['forNobody'] ?? 0), 0), own!.attachments.reduce((sum, { diverted }) => sum + diverted, 0)];
}

t.test('a recorder gets all, in order, as it would from mediasoup', async (t) => {
	const { pluginHost, router } = stage;
	const call = await openCall(router);
	const ring = await createDirectTransport(pluginHost, router);
	const channel = await router.createDirectTransport();
	const ours = await record(ring, call.producer.id);
	const theirs = await record(channel, call.producer.id);

	t.teardown(() => call.close());
	await call.sendRange(1, 2_000);
	await until('all of both', () => ours.packets.length === 2_000 && theirs.packets.length === 2_000);
	t.same(ours.packets.map(comparable), theirs.packets.map(comparable));
	t.ok(ours.packets.every((packet, i) => i === 0 || packet.readUInt16BE(2) === ((ours.packets[i - 1]!.readUInt16BE(2) + 1) & 0xffff)), 'without a gap');
	t.ok(ours.packets.every((packet) => packet.readUInt32BE(8) === ours.consumer.rtpParameters.encodings![0]!.ssrc), "with the consumer's SSRC");
	t.same(await ownStats(), [0, 2_000], 'none of it came by the channel');
	ring.close();
	channel.close();
	await until('its attachment to be gone', async () => [...(await stage.pluginHost.getStats()).plugins.values()][0]!.attachments.length === 0);
});

t.test('what is sent reaches consumers elsewhere, in order, and is counted', async (t) => {
	const { pluginHost, router } = stage;
	const call = await openCall(router);
	const transport = await createDirectTransport(pluginHost, router);
	const producer = await transport.produce({
		kind: 'audio',
		rtpParameters: { codecs: [{ mimeType: 'audio/opus', clockRate: 48_000, channels: 2, payloadType: 100 }], encodings: [{ ssrc: 77 }] },
	});
	const { packets } = await record(await router.createDirectTransport(), producer.id);
	const packet = Buffer.alloc(112);

	t.teardown(() => call.close());
	t.throws(() => producer.send('no packet' as unknown as Buffer), { name: 'TypeError', message: 'rtpPacket must be a Buffer' });

	// The same memory again and again, and in the middle calls that others must wait for.
	for (let i = 1; i <= 3_000; ++i) {
		packet.set([0x80, 100]);
		packet.writeUInt16BE(i, 2);
		packet.writeUInt32BE(i * 960, 4);
		packet.writeUInt32BE(77, 8);
		packet.writeUInt32BE(i, 12);
		producer.send(packet);

		if (i === 1_000) {
			void producer.pause();
		} else if (i === 2_000) {
			void producer.resume();
		}
	}
	await until('all that were not paused', () => packets.length === 2_000);
	t.same(
		packets.map((received) => asReceived(received).number),
		[...Array.from({ length: 1_000 }, (_, i) => i + 1), ...Array.from({ length: 1_000 }, (_, i) => i + 2_001)],
	);

	const [stats] = await producer.getStats();

	t.equal(stats!.packetCount, 3_000);
	transport.close();
});

t.test('messages keep their kind, their subchannels and their emptiness', async (t) => {
	const { pluginHost, router } = stage;
	const transport = await createDirectTransport(pluginHost, router);
	const other = await router.createDirectTransport();
	const producer = await transport.produceData({ label: 'ours' });
	const theirProducer = await other.produceData({ label: 'theirs' });
	const got: Record<'ours' | 'theirs', string[]> = { ours: [], theirs: [] };

	for (const [on, from, into] of [[other, producer, got.ours], [transport, theirProducer, got.theirs]] as const) {
		const consumer = await on.consumeData({ dataProducerId: from.id, subchannels: [1, 2] });

		consumer.on('message', (message, ppid) => into.push(`${ppid} ${message.toString('hex')}`));
	}
	t.throws(() => producer.send(5 as unknown as string), { name: 'TypeError', message: 'message must be a string or a Buffer' });

	for (const { send } of [producer, theirProducer].map((one) => ({ send: one.send.bind(one) }))) {
		send('text');
		send(Buffer.from('bytes'));
		send('');
		send(Buffer.alloc(0));
		send('named', 99);
		send('not for them', undefined, [3]);
		send('for them', undefined, [2, 3], 1);
		send('not required', undefined, [1], 7);
		send('ignored', undefined, [1], undefined, 2);
		send('x'.repeat(200_000));
		send('the last one');
	}
	await until('the last one of both', () => [got.ours, got.theirs].every((all) => all.at(-1) === `51 ${Buffer.from('the last one').toString('hex')}`));
	t.same(got.ours, got.theirs);
	t.equal(got.ours.length, 8);
	t.same(await producer.getStats().then(([stats]) => stats!.messagesReceived), 11);
	transport.close();
	other.close();
});

t.test('while the app is busy its ring overflows: nothing is lost, comes twice or out of order, and what went by the channel is counted', async (t) => {
	const { pluginHost, router } = stage;

	await pluginHost.configureRouter(router, { packetRingSize: 262_144 });

	const call = await openCall(router);
	const transport = await createDirectTransport(pluginHost, router);
	const { packets, consumer } = await record(transport, call.producer.id);
	const done = new Int32Array(new SharedArrayBuffer(4));
	const { port, ssrc, payloadType } = call.ingress;
	const workerData: UdpSenderData = { port, ssrc, payloadType, first: 1, last: 3_000, done };

	t.teardown(() => call.close());

	const sender = new Thread(join(repoRoot, 'test/helpers/udp-sender.ts'), { workerData });

	await once(sender, 'online');
	t.not(Atomics.wait(done, 0, 0, 120_000), 'timed-out', 'all are sent while this loop stands still');
	await until('all that the worker sent', async () => packets.length > 2_000 && (await consumer.getStats())[0]!.packetCount === packets.length);

	const numbers = packets.map((packet) => asReceived(packet).number);

	t.ok(
		numbers.every((number, i) => i === 0 || number > numbers[i - 1]!),
		'in order, none twice',
	);

	const { attachments } = [...(await pluginHost.getStats()).plugins.values()][0]!;
	const [diverted, overflowed] = [attachments.reduce((sum, one) => sum + one.diverted, 0), attachments.reduce((sum, one) => sum + one.overflowAccepted, 0)];

	t.ok(overflowed > 0, `${overflowed} of ${numbers.length} went by the channel`);
	t.equal(diverted + overflowed, numbers.length);
	transport.close();
});

t.test('messages that fill the ring again and again come in order, some by the ring and some by the channel', async (t) => {
	const { pluginHost, router } = stage;

	await pluginHost.configureRouter(router, { packetRingSize: 262_144 });

	const ours = await createDirectTransport(pluginHost, router);
	const producer = await ours.produceData();
	const consumers = [await ours.consumeData({ dataProducerId: producer.id }), await ours.consumeData({ dataProducerId: producer.id })];
	const got: number[][] = [[], []];
	const message = Buffer.alloc(400);
	let sent = 0;

	consumers.forEach((consumer, i) => consumer.on('message', (bytes) => got[i]!.push(bytes.readUInt32LE())));

	// Each round is more than the ring has room for, and the next one comes while the app is behind with this one.
	for (let round = 0; round < 40; ++round) {
		for (let i = 0; i < 500; ++i) {
			message.writeUInt32LE(sent++);
			producer.send(message);
		}
		await new Promise(setImmediate);
	}
	await until('all of both', () => got.every((numbers) => numbers.length >= sent));

	const inOrder = Array.from({ length: sent }, (_, i) => i);

	t.ok(got.every((numbers) => numbers.length === sent && numbers.every((number, i) => number === inOrder[i])), 'in order, nothing lost or twice');

	const { attachments } = [...(await pluginHost.getStats()).plugins.values()][0]!;
	const [diverted, overflowed] = [attachments.reduce((sum, one) => sum + one.diverted, 0), attachments.reduce((sum, one) => sum + one.overflowAccepted, 0)];

	t.comment(`${diverted} by the ring, ${overflowed} by the channel`);
	t.ok(diverted > 0 && overflowed > 0);
	ours.close();
	await until('its attachment to be gone', async () => [...(await pluginHost.getStats()).plugins.values()][0]!.attachments.length === 0);
});

t.test('a hundred that were used and closed leave no descriptor or handle, and little heap', async (t) => {
	const { pluginHost, router } = stage;
	const channel = await router.createDirectTransport();
	const handles = (): string[] => process.getActiveResourcesInfo().filter((name) => !name.startsWith('FS') && !/Immediate|Timeout/.test(name)).sort();
	const descriptors = (): number => readdirSync('/proc/self/fd').length;
	const attachments = async (): Promise<number> => [...(await pluginHost.getStats()).plugins.values()][0]!.attachments.length;
	const heap = (): number => (collect(), process.memoryUsage().heapUsed);
	const use = async (): Promise<void> => {
		const transport = await createDirectTransport(pluginHost, router);
		const [producer, source] = [await transport.produceData(), await channel.produceData()];
		const [theirs, ours] = [await channel.consumeData({ dataProducerId: producer.id }), await transport.consumeData({ dataProducerId: source.id })];
		let got = 0;

		theirs.on('message', () => ++got);
		ours.on('message', () => ++got);
		for (let i = 0; i < 5; ++i) {
			producer.send('out');
			source.send('in');
		}
		await until('all messages', () => got === 10);
		transport.close();
		source.close();
	};

	for (let i = 0; i < 20; ++i) {
		await use();
	}
	await until('the first ones to be gone', async () => (await attachments()) === 0);

	const before = { handles: handles(), descriptors: descriptors(), heap: heap() };

	for (let i = 0; i < 100; ++i) {
		await use();
	}
	await until('the last one to be gone', async () => (await attachments()) === 0 && descriptors() <= before.descriptors);
	t.same(handles(), before.handles);

	const grown = Math.round((heap() - before.heap) / 1024);

	t.ok(grown < 2_048, `the heap grew by ${grown} KiB`);
	channel.close();
});

t.test('while no host serves it all goes by the channel, and afterwards by rings again', async (t) => {
	const { pluginHost, router } = stage;
	const call = await openCall(router);
	const transport = await createDirectTransport(pluginHost, router);
	const { packets } = await record(transport, call.producer.id);
	const producer = await transport.produceData();
	const consumer = await transport.consumeData({ dataProducerId: producer.id });
	const messages: string[] = [];

	t.teardown(() => call.close());
	consumer.on('message', (message) => messages.push(message.toString()));
	await call.sendRange(1, 100);
	await until('the first ones', () => packets.length === 100);
	pluginHost.close();

	for (let i = 0; i < 100; ++i) {
		producer.send(`${i}`);
		await call.sendRange(101 + i, 101 + i);
	}
	await until('the next ones', () => packets.length === 200 && messages.length === 100);
	t.same(messages, Array.from({ length: 100 }, (_, i) => `${i}`));
	t.ok(isGapless(packets.map(asReceived)) && isAscending(packets.map(asReceived)));
	transport.close();
});

function asReceived(packet: Buffer): { seq: number; number: number } {
	return { seq: packet.readUInt16BE(2), number: packet.readUInt32BE(packet.length - 100) };
}

// The root test would wait for the worker's handles, and the worker for the root test's end.
t.end();
