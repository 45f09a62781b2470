// A plugin attached to a DirectTransport: what the transport would send to the app goes to it, what it sends the transport receives.

import { join } from 'node:path';

import type { types } from 'mediasoup';
import t from 'tap';

import type { Attachment, Plugin } from '../../src/index.ts';
import { repoRoot } from '../../tools/lib/paths.ts';
import type { Got } from '../fixtures/plugins/direct.ts';
import { openCall } from '../helpers/call.ts';
import { nextEvent } from '../helpers/events.ts';
import { openSimulcast } from '../helpers/layers.ts';
import { realStage } from '../helpers/real-stage.ts';
import { until } from '../helpers/until.ts';

const file = join(repoRoot, 'test/fixtures/plugins/direct.ts');
const stage = realStage();
const opusParameters: types.RtpParameters = {
	codecs: [{ mimeType: 'audio/opus', clockRate: 48000, channels: 2, payloadType: 100 }],
	encodings: [{ ssrc: 4711 }],
};

let router: types.Router;
let plugin: Plugin;
let attachment: Attachment;
let transport: types.DirectTransport;

t.setTimeout(180_000);

t.beforeEach(async () => {
	({ router } = stage);
	transport = await router.createDirectTransport();
	plugin = await stage.pluginHost.createPlugin({ file, hangMs: 60_000 });
	attachment = await plugin.attach({ transport, onAbsent: 'accept', onOverflow: 'accept' });
});

t.afterEach(() => plugin.close());

const got = async (what: 'packets' | 'messages'): Promise<readonly Got[]> => (await plugin.request(what)) as Got[];

async function consume(on: types.DirectTransport, producer: types.Producer): Promise<{ consumer: types.Consumer; heard: Buffer[] }> {
	const consumer = await on.consume({ producerId: producer.id, rtpCapabilities: router.rtpCapabilities });
	const heard: Buffer[] = [];

	consumer.on('rtp', (packet) => heard.push(packet));

	return { consumer, heard };
}

/** Written as a packet leaves, per transport: abs-send-time and the number for transport-wide congestion control. */
function clearSendTimes(packet: Buffer): void {
	const end = payloadAt(packet);

	for (let at = 16; (packet[0]! & 0x10) !== 0 && at < end; ) {
		const [id, length] = [packet[at]! >> 4, (packet[at]! & 0xf) + 1];

		if (id === 4 || id === 5) {
			packet.fill(0, at + 1, at + 1 + length);
		}
		at += id === 0 ? 1 : 1 + length;
	}
}

const payloadAt = (packet: Buffer): number => 12 + ((packet[0]! & 0x10) !== 0 ? 4 + packet.readUInt16BE(14) * 4 : 0);

/** Of two consumers only SSRC, first sequence number and times of sending differ. */
function comparable(packets: readonly Buffer[]): string[] {
	const first = packets[0]?.readUInt16BE(2) ?? 0;

	return packets.map((packet) => {
		const copy = Buffer.from(packet);

		copy.writeUInt16BE((packet.readUInt16BE(2) - first) & 0xffff, 2);
		copy.writeUInt32BE(0, 8);
		clearSendTimes(copy);

		return copy.toString('hex');
	});
}

async function comparePackets(mine: types.Consumer, other: Buffer[], sent: number): Promise<void> {
	await until(`${sent} packets`, async () => other.length >= sent && (await got('packets')).length >= other.length);

	const packets = await got('packets');

	t.ok(packets.every(({ consumerId }) => consumerId === mine.id), 'each names its consumer');

	const bytes = packets.map(({ base64 }) => Buffer.from(base64, 'base64'));

	t.ok(bytes.every((packet) => packet.readUInt32BE(8) === mine.rtpParameters.encodings![0]!.ssrc), 'each has the SSRC of its consumer');
	t.same(comparable(bytes), comparable(other), 'they are what the other one sends by the channel');
}

function rtp(sequenceNumber: number, payload: string): Buffer {
	const packet = Buffer.concat([Buffer.alloc(12), Buffer.from(payload)]);

	packet[0] = 0x80;
	packet[1] = 100;
	packet.writeUInt16BE(sequenceNumber, 2);
	packet.writeUInt32BE(sequenceNumber * 960, 4);
	packet.writeUInt32BE(4711, 8);

	return packet;
}

const receive = (producer: types.Producer, packet: Buffer): Promise<unknown> => plugin.request('receive', { producerId: producer.id, base64: packet.toString('base64') });

t.test('packets of a simple consumer are those that the channel would have, and the app gets none', async (t) => {
	const call = await openCall(router);
	const mine = await consume(transport, call.producer);
	const other = await consume(await router.createDirectTransport(), call.producer);

	await call.sendRange(1, 200);
	await comparePackets(mine.consumer, other.heard, 200);
	t.equal(mine.heard.length, 0);
	t.match(await attachment.getStats(), { diverted: 200, absentAccepted: 0, overflowAccepted: 0 });
	t.match(await transport.getStats(), [{ bytesSent: other.heard.reduce((sum, { length }) => sum + length, 0) }], 'they count as sent');

	const [stats] = await mine.consumer.getStats();

	t.match(stats, { type: 'outbound-rtp', packetCount: 200 });
	call.close();
});

t.test('packets of a consumer that chooses a layer of simulcast are those, too', async (t) => {
	const sender = await openSimulcast(router);
	const mine = await consume(transport, sender.producer);
	const other = await consume(await router.createDirectTransport(), sender.producer);

	await mine.consumer.setPreferredLayers({ spatialLayer: 0, temporalLayer: 1 });
	await other.consumer.setPreferredLayers({ spatialLayer: 0, temporalLayer: 1 });
	await until('forty packets of a layer', async () => {
		await sender.sendFrame();

		return other.heard.length >= 40;
	});
	await until('as many here', async () => (await got('packets')).length === other.heard.length);
	await comparePackets(mine.consumer, other.heard, 40);
	t.equal(mine.heard.length, 0);
	sender.close();
});

t.test('messages go the same way', async (t) => {
	const source = await router.createDirectTransport();
	const producer = await source.produceData();
	const mine = await transport.consumeData({ dataProducerId: producer.id });
	let heard = 0;

	mine.on('message', () => ++heard);
	for (const text of ['one', 'two', 'three']) {
		producer.send(text);
	}
	await until('three messages', async () => (await got('messages')).length === 3);
	t.same(
		(await got('messages')).map(({ consumerId, base64 }) => [consumerId, Buffer.from(base64, 'base64').toString()]),
		['one', 'two', 'three'].map((text) => [mine.id, text]),
	);
	t.equal(heard, 0);
	t.match(await mine.getStats(), [{ messagesSent: 3 }]);
});

t.test('what the plugin sends the transport receives: consumers elsewhere get it, and it counts', async (t) => {
	const producer = await transport.produce({ kind: 'audio', rtpParameters: opusParameters });
	const { heard } = await consume(await router.createDirectTransport(), producer);

	await until('the plugin knows the producer', () => plugin.request('known', producer.id));
	const sent = Array.from({ length: 20 }, (_, i) => rtp(i + 1, `payload ${i + 1}`));

	for (const packet of sent) {
		t.equal(await receive(producer, packet), 'ok');
	}
	await until('twenty packets', () => heard.length === 20);
	t.same(heard.map((packet) => packet.subarray(payloadAt(packet)).toString()), Array.from({ length: 20 }, (_, i) => `payload ${i + 1}`));
	t.match(await producer.getStats(), [{ packetCount: 20 }]);
	t.match(await transport.getStats(), [{ bytesReceived: sent.reduce((sum, { length }) => sum + length, 0) }]);

	t.equal(await receive(producer, Buffer.from('no RTP at all')), 'malformed');
	t.equal(await receive(producer, Buffer.alloc(70_000)), 'malformed', 'longer than a packet can be');
	await plugin.setLimits({ packetsPerSecond: 1 });
	await until('the limit', async () => (await receive(producer, rtp(21, 'again'))) === 'limited');
});

t.test('messages that it sends are received, within the subchannels', async (t) => {
	const producer = await transport.produceData();
	const elsewhere = await router.createDirectTransport();
	const heard = async (subchannels: number[]): Promise<string[]> => {
		const texts: string[] = [];

		(await elsewhere.consumeData({ dataProducerId: producer.id, subchannels })).on('message', (message) => texts.push(message.toString()));

		return texts;
	};
	const [first, second] = [await heard([1]), await heard([1, 2])];

	await until('the plugin knows the data producer', () => plugin.request('known', producer.id));

	const send = (text: string, more = {}): Promise<unknown> => plugin.request('receiveData', { dataProducerId: producer.id, text, ...more });

	t.equal(await send('both', { subchannels: [1] }), 'ok');
	t.equal(await send('first', { subchannels: [1], ignoredSubchannel: 2 }), 'ok');
	t.equal(await send('second', { subchannels: [2] }), 'ok');
	await until('two each', () => first.length === 2 && second.length === 2);
	t.same([first, second], [['both', 'first'], ['both', 'second']]);
	t.match(await producer.getStats(), [{ messagesReceived: 3, bytesReceived: 15 }]);
	t.equal(await send('x'.repeat(300_000)), 'malformed', 'longer than the transport takes');
});

t.test('it may not send as what is on another transport, nor inject into what is only consumed here', async (t) => {
	const call = await openCall(router);
	const { consumer } = await consume(transport, call.producer);
	const elsewhere = await router.createDirectTransport();
	const stranger = await elsewhere.produce({ kind: 'audio', rtpParameters: opusParameters });
	const { encodings, codecs } = call.producer.consumableRtpParameters;

	await until('the plugin knows consumer and producer', async () => (await plugin.request('known', consumer.id)) && plugin.request('known', call.producer.id));
	t.notOk(await plugin.request('known', stranger.id));
	t.notOk(await plugin.request('known', call.consumer.id), 'other consumers of that producer are none of its business');
	t.equal(await receive(call.producer, rtp(1, 'no')), 'unknown');
	t.equal(await receive(stranger, rtp(1, 'no')), 'unknown');
	t.equal(await plugin.request('inject', { producerId: call.producer.id, ssrc: encodings![0]!.ssrc, payloadType: codecs[0]!.payloadType }), 'unknown');
	call.close();
});

t.test('what finds no room goes by the channel, and what finds no host', async (t) => {
	const source = await router.createDirectTransport();
	const producer = await source.produceData();
	const consumer = await transport.consumeData({ dataProducerId: producer.id });
	let heard = 0;

	consumer.on('message', () => ++heard);
	process.kill(plugin.hostPid!, 'SIGSTOP');
	await until('a message by the channel', async () => {
		producer.send(Buffer.alloc(100_000));
		await source.getStats();

		return heard > 0;
	});
	t.equal((await attachment.getStats()).overflowAccepted, heard);

	const before = heard;

	process.kill(plugin.hostPid!, 'SIGKILL');
	await until('a message while nobody is there', async () => {
		producer.send('nobody');

		return (await attachment.getStats()).absentAccepted > 0;
	});
	await until('it came by the channel', () => heard > before);
});

t.test('the attachment ends with its transport', async (t) => {
	const closed = nextEvent(attachment, 'transportclose');

	t.equal(attachment.transportId, transport.id);
	await t.rejects(attachment.addProducer('any'), { code: 'MPH_ERR_NOT_TARGETED', message: /is to transport/ });
	transport.close();
	await closed;
	t.ok(attachment.closed);
	await until('the worker has let go of it', async () => (await plugin.getStats()).rings.length === 0);
	await t.rejects(plugin.attach({ transport, onAbsent: 'accept', onOverflow: 'accept' }), { code: 'MPH_ERR_TRANSPORT_CLOSED' });
});

t.end();
