// What hosts may send as the app into a DirectTransport, and what they may not: records as they stand in the ring, written by
// test/fixtures/plugins/scribe.cpp.

import { randomBytes } from 'node:crypto';

import type { types } from 'mediasoup';
import t from 'tap';

import type { Plugin } from '../../src/index.ts';
import { fixturePlugin } from '../helpers/binaries.ts';
import { isGapless, mediaCodecs, openCall } from '../helpers/call.ts';
import { realStage } from '../helpers/real-stage.ts';
import { Scribe, injectData, receiveRtp } from '../helpers/scribe.ts';
import { until } from '../helpers/until.ts';

const policies = { onAbsent: 'accept', onOverflow: 'accept' } as const;
const ssrc = 4711;
const payloadType = 100;
/** HostLink::MaxStrikes, and one more. */
const strikesToEnd = 65;

const stage = realStage();
let router: types.Router;
let transport: types.DirectTransport;
let producer: types.Producer;
let dataProducer: types.DataProducer;
let own: Written;

t.setTimeout(180_000);

type Written = { readonly scribe: Scribe; readonly plugin: Plugin };

async function attachScribe(to: types.DirectTransport): Promise<Written> {
	const scribe = new Scribe();
	const plugin = await stage.pluginHost.createPlugin({ file: fixturePlugin('scribe'), config: { file: scribe.file }, hangMs: 60_000 });

	await plugin.attach({ transport: to, ...policies });

	return { scribe, plugin };
}

const produce = (on: types.DirectTransport): Promise<types.Producer> =>
	on.produce({ kind: 'audio', rtpParameters: { codecs: [{ mimeType: 'audio/opus', clockRate: 48_000, channels: 2, payloadType }], encodings: [{ ssrc }] } });

t.beforeEach(async () => {
	({ router } = stage);
	transport = await router.createDirectTransport();
	own = await attachScribe(transport);
	[producer, dataProducer] = [await produce(transport), await transport.produceData()];
});

t.afterEach(() => own.plugin.close());

const write = (...records: readonly Buffer[]): void => own.scribe.write(own.plugin.hostPid!, ...records);

function rtp(sequenceNumber: number, payload: Uint8Array = Buffer.from(`packet ${sequenceNumber}`)): Buffer {
	const header = Buffer.alloc(12);

	header.set([0x80, payloadType]);
	header.writeUInt16BE(sequenceNumber, 2);
	header.writeUInt32BE(sequenceNumber * 960, 4);
	header.writeUInt32BE(ssrc, 8);

	return Buffer.concat([header, payload]);
}

/** With these bytes in the places of its own. */
function changed(packet: Buffer, ...bytes: readonly (readonly [at: number, value: number])[]): Buffer {
	const copy = Buffer.from(packet);

	bytes.forEach(([at, value]) => (copy[at] = value));

	return copy;
}

async function hear(of: types.Producer): Promise<string[]> {
	const consumer = await (await router.createDirectTransport()).consume({ producerId: of.id, rtpCapabilities: router.rtpCapabilities });
	const heard: string[] = [];

	consumer.on('rtp', (packet) => heard.push(/packet \d+$/.exec(packet.toString('latin1'))?.[0] ?? `${packet.length} bytes`));

	return heard;
}

async function hearMessages(of: types.DataProducer, subchannels?: number[]): Promise<string[]> {
	const consumer = await (await router.createDirectTransport()).consumeData({ dataProducerId: of.id, ...(subchannels && { subchannels }) });
	const heard: string[] = [];

	consumer.on('message', (message) => heard.push(message.toString()));

	return heard;
}

const counters = async () => (await own.plugin.getStats()).workers[0]!;

t.test('a packet enters only as a producer of the transport that the plugin is attached to, and only as RTP', async (t) => {
	const call = await openCall(router);
	const elsewhere = await router.createDirectTransport();
	const otherRouter = await stage.worker.createRouter({ mediaCodecs });
	const foreign = await otherRouter.createDirectTransport();
	// They know the numbers that it must not use.
	const [beside, beyond] = [await attachScribe(elsewhere), await attachScribe(foreign)];
	const [stranger, foreigner] = [await produce(elsewhere), await produce(foreign)];
	const consumer = await transport.consume({ producerId: call.producer.id, rtpCapabilities: router.rtpCapabilities });
	const heard = await hear(producer);
	const heardElsewhere = await hear(stranger);
	const number = await own.scribe.numberOf(producer.id);
	const sound = rtp(1);
	const cases: readonly (readonly [string, { producer?: number; packet?: Buffer }, string])[] = [
		['a producer that is not there', { producer: 999_999 }, 'Unknown'],
		['no producer', { producer: 0 }, 'Unknown'],
		['the last number that there is', { producer: 0xffff_ffff }, 'Unknown'],
		['a producer of a PlainTransport that is consumed here', { producer: await own.scribe.numberOf(call.producer.id) }, 'Unknown'],
		['a producer of a DirectTransport that another plugin is attached to', { producer: await beside.scribe.numberOf(stranger.id) }, 'Unknown'],
		['a producer of another router', { producer: await beyond.scribe.numberOf(foreigner.id) }, 'Unknown'],
		['a data producer', { producer: await own.scribe.numberOf(dataProducer.id) }, 'Unknown'],
		['a consumer', { producer: await own.scribe.numberOf(consumer.id) }, 'Unknown'],
		['nothing', { packet: Buffer.alloc(0) }, 'Malformed'],
		['eleven bytes', { packet: sound.subarray(0, 11) }, 'Malformed'],
		['another version', { packet: changed(sound, [0, 0x40]) }, 'Malformed'],
		['fewer CSRCs than it says', { packet: changed(sound, [0, 0x8f]) }, 'Malformed'],
		['an extension that is cut off', { packet: changed(rtp(1, Buffer.from([0xbe, 0xde])), [0, 0x90]) }, 'Malformed'],
		['an extension longer than the packet', { packet: changed(rtp(1, Buffer.from([0xbe, 0xde, 0xff, 0xff, 0, 0, 0, 0])), [0, 0x90]) }, 'Malformed'],
		['more padding than there is', { packet: changed(rtp(1, Buffer.from([1, 2, 255])), [0, 0xa0]) }, 'Malformed'],
		['RTCP', { packet: Buffer.from('80c90001000012670000', 'hex') }, 'Malformed'],
		['a byte more than a packet can have', { packet: rtp(1, Buffer.alloc(65_525)) }, 'Malformed'],
		// As with producer.send(): it is RTP, and nobody's stream.
		['an SSRC that is nobody\'s', { packet: changed(sound, [11, 0]) }, 'Ok'],
		['a sound one', {}, 'Ok'],
	];

	for (const [name, fields, wanted] of cases) {
		const asked = own.scribe.call;

		write(receiveRtp({ producer: number, packet: sound, ...fields, call: asked }));
		t.equal(await own.scribe.result(asked), wanted, name);
	}
	write(receiveRtp({ producer: number, packet: rtp(2) }));
	await until('the last one', () => heard.at(-1) === 'packet 2');
	t.same(heard, ['packet 1', 'packet 2']);
	t.same(heardElsewhere, []);
	t.match(await counters(), { injected: 3, injectUnknown: 8, injectMalformed: 9, injectLimited: 0, strikes: 0 });
	t.match(await producer.getStats(), [{ packetCount: 2 }]);
	t.match(await call.producer.getStats(), []);
	beside.plugin.close();
	beyond.plugin.close();
	otherRouter.close();
	call.close();
});

t.test('the longest packet that there can be goes to all who consume it, and the worker lives', async (t) => {
	const heard = await hear(producer);
	const number = await own.scribe.numberOf(producer.id);
	const asked = [own.scribe.call, own.scribe.call];

	// Its consumer is told of it by a record of its own, and so is one that sends it by UDP, where it does not fit.
	await transport.consume({ producerId: producer.id, rtpCapabilities: router.rtpCapabilities });

	const plain = await router.createPlainTransport({ listenInfo: { protocol: 'udp', ip: '127.0.0.1' }, rtcpMux: true });

	await plain.connect({ ip: '127.0.0.1', port: 9 });
	await plain.consume({ producerId: producer.id, rtpCapabilities: router.rtpCapabilities });
	write(receiveRtp({ producer: number, packet: rtp(1, Buffer.alloc(65_524)), call: asked[0]! }), receiveRtp({ producer: number, packet: rtp(2), call: asked[1]! }));
	t.equal(await own.scribe.result(asked[0]!), 'Ok');
	t.equal(await own.scribe.result(asked[1]!), 'Ok');
	await until('the one behind it', () => heard.at(-1) === 'packet 2');
	t.match(await counters(), { injected: 2, strikes: 0 });
	await callsGoOn(t);
});

t.test('a message enters only as a data producer of that transport, and only as one', async (t) => {
	const elsewhere = await router.createDirectTransport();
	const otherRouter = await stage.worker.createRouter({ mediaCodecs });
	const foreign = await otherRouter.createDirectTransport();
	const [beside, beyond] = [await attachScribe(elsewhere), await attachScribe(foreign)];
	const [stranger, foreigner] = [await elsewhere.produceData(), await foreign.produceData()];
	const heard = await hearMessages(dataProducer, [7]);
	const heardElsewhere = await hearMessages(stranger);
	const consumer = await transport.consumeData({ dataProducerId: dataProducer.id });
	const number = await own.scribe.numberOf(dataProducer.id);
	const own7 = { dataProducer: number, subchannels: [7] };
	const cases: readonly (readonly [string, Partial<Parameters<typeof injectData>[0]>, string])[] = [
		['a data producer that is not there', { dataProducer: 999_999 }, 'Unknown'],
		['no data producer', { dataProducer: 0 }, 'Unknown'],
		['a data producer of a DirectTransport that another plugin is attached to', { dataProducer: await beside.scribe.numberOf(stranger.id) }, 'Unknown'],
		['a data producer of another router', { dataProducer: await beyond.scribe.numberOf(foreigner.id) }, 'Unknown'],
		['a producer', { dataProducer: await own.scribe.numberOf(producer.id) }, 'Unknown'],
		['a data consumer', { dataProducer: await own.scribe.numberOf(consumer.id) }, 'Unknown'],
		['what opens channels', { ppid: 50 }, 'Malformed'],
		['data consumers that are named', { consumers: [await own.scribe.numberOf(consumer.id)] }, 'Malformed'],
		['what is too long for the transport', { message: Buffer.alloc(262_145) }, 'Malformed'],
		['a subchannel beyond all that it must have', { requiredSubchannel: 65_536 }, 'Malformed'],
		['one below all', { requiredSubchannel: -2 }, 'Malformed'],
		['a subchannel beyond all that it must not have', { ignoredSubchannel: 65_536 }, 'Malformed'],
		['too many subchannels', { subchannels: Array.from({ length: 2_049 }, (_, index) => index) }, 'Malformed'],
		['received neither yes nor no', { asReceived: 2 }, 'Malformed'],
		['a subchannel that nobody has', { subchannels: [8] }, 'Ok'],
		['a sound one', {}, 'Ok'],
		['as many subchannels as there may be', { subchannels: Array.from({ length: 2_048 }, (_, index) => index) }, 'Ok'],
		['nothing at all, of an unknown kind', { ppid: 0xffff_ffff, message: Buffer.alloc(0) }, 'Ok'],
		['the one behind it', { message: Buffer.from('last') }, 'Ok'],
	];

	for (const [name, fields, wanted] of cases) {
		const asked = own.scribe.call;

		write(injectData({ ...own7, message: Buffer.from(name), asReceived: true, ...fields, call: asked }));
		t.equal(await own.scribe.result(asked), wanted, name);
	}
	await until('the last one', () => heard.at(-1) === 'last');
	t.same(heard, ['a sound one', 'as many subchannels as there may be', '', 'last']);
	t.same(heardElsewhere, []);
	t.match(await counters(), { injected: 5, injectUnknown: 6, injectMalformed: 8, strikes: 0 });
	t.match(await dataProducer.getStats(), [{ messagesReceived: 5 }]);
	beside.plugin.close();
	beyond.plugin.close();
	otherRouter.close();
	await callsGoOn(t);
});

t.test('lengths that lie are strikes, whose number ends the host, and nothing of them enters', async (t) => {
	const heard = await hear(producer);
	const heardMessages = await hearMessages(dataProducer);
	const number = await own.scribe.numberOf(producer.id);
	const dataNumber = await own.scribe.numberOf(dataProducer.id);
	const pid = own.plugin.hostPid!;
	const packet = rtp(1);
	const message = Buffer.from('a lie');
	const asked = own.scribe.call;
	const lies = [
		...[0, 11, packet.length - 1, packet.length + 1, 0x7fff_ffff, 0xffff_ffff].map((packetLength) => receiveRtp({ producer: number, packet, packetLength })),
		...[0, 4, 6, 0x7fff_fff8, 0xffff_ffff].map((messageLength) => injectData({ dataProducer: dataNumber, asReceived: true, message, messageLength })),
	];

	write(...lies, receiveRtp({ producer: number, packet: rtp(2), call: asked }));
	t.equal(await own.scribe.result(asked), 'Ok');
	await until('what is sound', () => heard.at(-1) === 'packet 2');
	t.match(await counters(), { strikes: lies.length, injected: 1, injectUnknown: 0, injectMalformed: 0 });

	write(...Array.from({ length: strikesToEnd }, () => lies[0]!));
	await until('another host', () => own.plugin.hostPid !== undefined && own.plugin.hostPid !== pid);
	t.same(heard, ['packet 2']);
	t.same(heardMessages, []);
	await callsGoOn(t);
});

t.test('whatever stands in such records, the worker lives and others hear nothing of it', async (t) => {
	const call = await openCall(router);
	const heard = await hear(producer);
	const number = await own.scribe.numberOf(producer.id);
	const dataNumber = await own.scribe.numberOf(dataProducer.id);
	const sound = [
		receiveRtp({ call: 1n, cause: 1n, producer: number, packet: changed(rtp(1, Buffer.from('bede00021012345600000000ff', 'hex')), [0, 0x90]) }),
		injectData({ call: 1n, cause: 1n, dataProducer: dataNumber, subchannels: [1, 2, 3], asReceived: true, message: Buffer.from('message') }),
	];
	// The length of a record is the ring's business, and so is type 0, after which nothing in it is read any more.
	const records = sound
		.flatMap((record) =>
			[...record.keys()].slice(4).flatMap((at) => [0x00, 0xff, record[at]! ^ 0x80, record[at]! ^ 0x01].map((value) => changed(record, [at, value]))),
		)
		.filter((record) => record[4] !== 0);

	for (let i = 0; i < 300; i++) {
		records.push(changed(sound[i % 2]!, ...[...randomBytes(4)].map((value) => [8 + (randomBytes(1)[0]! % (sound[i % 2]!.length - 8)), value] as const)));
	}

	t.teardown(() => call.close());
	for (let i = 0; i < records.length && own.plugin.hostPid !== undefined; i += 60) {
		own.scribe.write(own.plugin.hostPid, ...records.slice(i, i + 60));
		await call.send(1000 + i);
		await until('what is sent arrives', () => call.received.some(({ number }) => number === 1000 + i));
	}
	await until('some of it came in', () => heard.length > 0);
	t.equal((await call.producer.getStats())[0]!.packetCount, call.received.length);
	await callsGoOn(t);
});

async function callsGoOn(t: { ok(value: boolean, name: string): boolean; notOk(value: boolean, name: string): boolean }): Promise<void> {
	const elsewhere = await stage.worker.createRouter({ mediaCodecs });
	const call = await openCall(elsewhere);

	await call.sendRange(1, 100);
	await until('100 packets', () => call.received.length === 100);
	t.ok(isGapless(call.received), 'calls go on');
	t.notOk(stage.worker.closed, 'the worker lives');
	call.close();
	elsewhere.close();
}

// The root test would wait for the worker's handles, and the worker for the root test's end.
t.end();
