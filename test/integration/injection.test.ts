// What hosts may send into a router, and what they may not: records as they stand in the ring, written by test/fixtures/plugins/scribe.cpp.

import { randomBytes } from 'node:crypto';

import type { types } from 'mediasoup';
import type { Test } from 'tap';
import t from 'tap';

import { RecordType } from '../../src/generated/layout.js';
import type { AttachOptions, Plugin, PluginHost } from '../../src/index.ts';
import { fixturePlugin } from '../helpers/binaries.ts';
import type { Call } from '../helpers/call.ts';
import { isGapless, mediaCodecs, openCall } from '../helpers/call.ts';
import { nextEvent } from '../helpers/events.ts';
import { openDataCall } from '../helpers/messages.ts';
import { Scribe, injectData, injectRtp, keyFrame, subscribe } from '../helpers/scribe.ts';
import { mappedStream, nack, openReceiver, openSender, vp8, vp8Text } from '../helpers/streams.ts';
import { realStage } from '../helpers/real-stage.ts';
import { until } from '../helpers/until.ts';

const dataPolicies = { onTimeout: 'accept', onAbsent: 'accept', onOverflow: 'accept', onError: 'accept' } as const;

const stage = realStage();
let pluginHost: PluginHost;
let worker: types.Worker;
let router: types.Router;
let scribe: Scribe;
let plugin: Plugin;

t.beforeEach(async () => {
	({ pluginHost, worker, router } = stage);
	scribe = new Scribe();
});

t.afterEach(() => {
	plugin.close();
});

/** The ring is there, and a host reads it, before anything lives in the router: so it hears of everything by events. */
async function attachScribe(options: Partial<AttachOptions> = {}, standby = false): Promise<void> {
	plugin = await pluginHost.createPlugin({ file: fixturePlugin('scribe'), config: { file: scribe.file }, hangMs: 60_000, standby });
	await plugin.attach({ router, mode: 'observe', ...options } as AttachOptions);
}

const write = (...records: readonly Buffer[]): void => scribe.write(plugin.hostPid!, ...records);

/** As openCall() makes it, so that it can be told from the others by its number. */
function payload(number: number): Buffer {
	const bytes = Buffer.alloc(100);

	bytes.writeUInt32BE(number, 0);

	return bytes;
}

async function streamOf(call: Call): Promise<{ producer: number; ssrc: number; payloadType: number }> {
	return { producer: await scribe.numberOf(call.producer.id), ...mappedStream(call.producer) };
}

const numbersOf = (call: Call): number[] => call.received.map(({ number }) => number);

const range = (first: number, last: number): number[] => Array.from({ length: last - first + 1 }, (_, index) => first + index);

t.test('what is injected goes to all consumers, as the next packets of the stream', async (t) => {
	await attachScribe();

	const call = await openCall(router);
	const stream = await streamOf(call);
	const asked = scribe.call;

	// Across the end of the sequence numbers, too.
	await call.sendRange(65_500, 65_529);
	await until('30 packets', () => call.received.length === 30);
	write(...range(1, 10).map((number) => injectRtp({ ...stream, call: number === 10 ? asked : 0n, payload: payload(number) })));
	t.equal(await scribe.result(asked), 'Ok');
	await call.sendRange(65_530, 65_600);
	await until('111 packets', () => call.received.length === 111);

	t.same(numbersOf(call), [...range(65_500, 65_529), ...range(1, 10), ...range(65_530, 65_600)]);
	t.ok(isGapless(call.received), 'receivers see one stream');
	call.close();
});

t.test('a late packet finds its place in front of what was injected meanwhile', async (t) => {
	await attachScribe();

	const call = await openCall(router);
	const stream = await streamOf(call);

	for (const number of [1, 2, 4]) {
		await call.send(number);
	}
	await until('3 packets', () => call.received.length === 3);
	write(injectRtp({ ...stream, payload: payload(1000) }));
	await until('the injected one', () => call.received.length === 4);
	await call.send(3);
	await call.send(5);
	await until('6 packets', () => call.received.length === 6);

	const base = call.received[0]!.seq - 1;

	t.same(
		call.received.map(({ seq, number }) => [(seq - base) & 0xffff, number]),
		[
			[1, 1],
			[2, 2],
			[4, 4],
			[5, 1000],
			[3, 3],
			[6, 5],
		],
	);
	call.close();
});

t.test('consumers that are not chosen leave the number out', async (t) => {
	await attachScribe();

	const call = await openCall(router);
	const other = await openReceiver(router, call.producer);
	const stream = await streamOf(call);
	const chosen = await scribe.numberOf(other.consumer.id);

	await call.sendRange(1, 10);
	await until('10 packets each', () => call.received.length === 10 && other.received.length === 10);
	write(...range(1001, 1005).map((number) => injectRtp({ ...stream, consumers: [chosen, chosen], payload: payload(number) })));
	await until('the injected ones', () => other.received.length === 15);
	await call.sendRange(11, 20);
	await until('the rest', () => call.received.length === 20 && other.received.length === 25);

	t.same(numbersOf(call), range(1, 20));
	t.ok(isGapless(call.received));
	t.same(
		other.received.map(({ payload }) => payload.readUInt32BE(0)),
		[...range(1, 10), ...range(1001, 1005), ...range(11, 20)],
	);
	t.ok(isGapless(other.received.map(({ seq }) => ({ seq, number: 0 }))));
	other.close();
	call.close();
});

t.test('an injected key frame begins a stream that nobody sends, and is sent again to whoever missed it', async (t) => {
	await attachScribe();

	const sender = await openSender(router, 77_001);
	const receiver = await openReceiver(router, sender.producer);
	const stream = { producer: await scribe.numberOf(sender.producer.id), ssrc: sender.ssrc, payloadType: sender.payloadType };

	await scribe.numberOf(receiver.consumer.id);
	const asked = scribe.call;

	write(
		injectRtp({ ...stream, call: asked, timestamp: 1000, payload: vp8(false, 'nobody can begin with it') }),
		injectRtp({ ...stream, timestamp: 4000, marker: 1, payload: vp8(true, 'key frame') }),
		injectRtp({ ...stream, timestamp: 7000, marker: 1, payload: vp8(false, 'next') }),
	);
	t.equal(await scribe.result(asked), 'Ok');
	await until('2 packets', () => receiver.received.length === 2);
	t.same(receiver.received.map(vp8Text), ['key frame', 'next']);
	t.ok(receiver.received[0]!.marker);
	t.equal((receiver.received[1]!.timestamp - receiver.received[0]!.timestamp) >>> 0, 3000);

	const { seq, ssrc } = receiver.received[0]!;

	receiver.send(nack(ssrc, seq));
	await until('it comes again', () => receiver.received.length === 3);

	const again = receiver.received[2]!;

	t.equal(again.ssrc, receiver.consumer.rtpParameters.encodings![0]!.rtx!.ssrc);
	t.equal(again.payload.readUInt16BE(0), seq);
	t.equal(again.payload.subarray(6).toString(), 'key frame');

	await sender.send(500, 10_000, vp8(false, 'sent'));
	await until('what is sent follows', () => receiver.received.length === 4);
	t.equal(receiver.received[3]!.seq, (receiver.received[1]!.seq + 1) & 0xffff);
	receiver.close();
	sender.close();
});

t.test('what is injected goes through a pipe to another router, as packets of the stream', async (t) => {
	await attachScribe();

	const elsewhere = await worker.createRouter({ mediaCodecs });
	const call = await openCall(router);
	const stream = await streamOf(call);
	const { pipeProducer } = await router.pipeToRouter({ producerId: call.producer.id, router: elsewhere, keepId: false });
	const far = await openReceiver(elsewhere, pipeProducer!);

	await call.sendRange(1, 10);
	await until('10 packets', () => far.received.length === 10);
	write(...range(1001, 1005).map((number) => injectRtp({ ...stream, payload: payload(number) })));
	await until('the injected ones', () => far.received.length === 15);
	await call.sendRange(11, 20);
	await until('the rest', () => far.received.length === 25);

	t.same(
		far.received.map(({ payload }) => payload.readUInt32BE(0)),
		[...range(1, 10), ...range(1001, 1005), ...range(11, 20)],
	);
	t.ok(isGapless(far.received.map(({ seq }) => ({ seq, number: 0 }))));
	[far, call, elsewhere].forEach((each) => each.close());
});

t.test('what is injected into a paused producer reaches nobody, and is no mistake', async (t) => {
	await attachScribe();

	const call = await openCall(router);
	const stream = await streamOf(call);
	const asked = scribe.call;

	await call.producer.pause();
	write(injectRtp({ ...stream, call: asked, payload: payload(1) }));
	t.equal(await scribe.result(asked), 'Ok');
	await call.producer.resume();
	await call.send(2);
	await until('a packet', () => call.received.length === 1);
	t.same(numbersOf(call), [2]);
	call.close();
});

t.test('what makes no sense is refused, and says why', async (t) => {
	await attachScribe();

	const elsewhere = await worker.createRouter({ mediaCodecs });
	const call = await openCall(router);
	const second = await openCall(router);
	const stream = await streamOf(call);
	const consumer = await scribe.numberOf(call.consumer.id);
	const foreign = await scribe.numberOf(second.consumer.id);
	const good = { ...stream, payload: payload(1) };

	const cases: readonly (readonly [string, Parameters<typeof injectRtp>[0], string])[] = [
		['a producer that is not there', { ...good, producer: 999_999 }, 'Unknown'],
		['a consumer in the place of a producer', { ...good, producer: consumer }, 'Unknown'],
		['a consumer that is not there', { ...good, consumers: [999_999] }, 'Unknown'],
		['a consumer of another producer', { ...good, consumers: [consumer, foreign] }, 'Unknown'],
		['more consumers than there are', { ...good, consumers: range(1, 65_535).map(() => consumer) }, 'Unknown'],
		['an SSRC that is not mapped', { ...good, ssrc: call.ingress.ssrc }, 'Malformed'],
		['a payload type that is not mapped', { ...good, payloadType: 127 }, 'Malformed'],
		['a payload type beyond all', { ...good, payloadType: 255 }, 'Malformed'],
		['no payload', { ...good, payload: Buffer.alloc(0) }, 'Malformed'],
		['a payload that is too long', { ...good, payload: Buffer.alloc(1401) }, 'Malformed'],
		['a level that there is not', { ...good, audioLevel: 128 }, 'Malformed'],
		['the longest payload', { ...good, payload: Buffer.alloc(1400, payload(7)) }, 'Ok'],
	];

	for (const [name, rtp, wanted] of cases) {
		const asked = scribe.call;

		write(injectRtp({ ...rtp, call: asked }));
		t.equal(await scribe.result(asked), wanted, name);
	}
	await call.sendRange(1, 10);
	await until('what was sent', () => call.received.length === 11);
	t.ok(isGapless(call.received));
	elsewhere.close();
	second.close();
	call.close();
});

t.test('no more is let through than the plugin may inject', async (t) => {
	await attachScribe();
	// So few that the slowest machine writes more.
	await plugin.setLimits({ packetsPerSecond: 50 });

	const call = await openCall(router);
	const stream = await streamOf(call);
	const calls = range(1, 6000).map(() => scribe.call);

	write(...calls.map((asked, index) => injectRtp({ ...stream, call: asked, payload: payload(index + 1) })));
	await scribe.result(calls.at(-1)!);

	const results = [...scribe.results().values()];
	const passed = results.filter((code) => code === 0).length;

	t.equal(results.length, 6000);
	t.ok(passed >= 5 && passed < 6000, `${passed} of 6000`);
	t.ok(results.every((code) => code === 0 || code === 4), 'the rest was limited');
	await until('what passed', () => call.received.length === passed);
	t.ok(isGapless(call.received));
	call.close();
});

t.test('what a dead host injected because of a packet that comes again is not injected twice', async (t) => {
	await attachScribe({ mode: 'filter', deadlineMs: 10_000 }, true);

	const call = await openCall(router);
	const stream = await streamOf(call);

	await until('a standby', async () => ((await plugin.getStats()).workers[0]?.standbyPids.length ?? 0) > 0);
	await call.send(1);

	const { ticket } = await until('the packet is in the ring', () => scribe.packets()[0]);
	const pid = plugin.hostPid!;

	scribe.write(pid, ...[1001, 1002].map((number) => injectRtp({ ...stream, cause: ticket, payload: payload(number) })));
	await until('what it caused', () => call.received.length === 2);

	const recovered = nextEvent(plugin, 'recovered');

	scribe.kill(pid);
	await recovered;
	await until('another host serves', () => plugin.hostPid !== undefined && plugin.hostPid !== pid);

	const asked = [scribe.call, scribe.call, scribe.call];

	write(...asked.map((call, index) => injectRtp({ ...stream, call, cause: ticket, payload: payload(1001 + index) })));
	for (const call of asked) {
		t.equal(await scribe.result(call), 'Ok');
	}
	await until('what is new', () => call.received.length === 3);
	t.same(numbersOf(call), [1001, 1002, 1003]);
	call.close();
});

t.test('a plugin may ask for key frames, of a stream that is sent', async (t) => {
	await attachScribe();

	const sender = await openSender(router, 77_002);
	const number = await scribe.numberOf(sender.producer.id);
	const [wrong, unknown, asked] = [scribe.call, scribe.call, scribe.call];

	// With a key frame first nobody else asks for one.
	await sender.send(1, 1, vp8(true, 'key frame'));
	await until('the packet is in the ring', () => scribe.packets().length === 1);
	write(keyFrame(wrong, number, 1), keyFrame(unknown, number + 1000, 0));
	t.equal(await scribe.result(wrong), 'Malformed');
	t.equal(await scribe.result(unknown), 'Unknown');
	t.equal(sender.keyFrameRequests(), 0);
	write(keyFrame(asked, number, sender.ssrc));
	t.equal(await scribe.result(asked), 'Ok');
	await until('the sender is asked', () => sender.keyFrameRequests() > 0);
	sender.close();
});

t.test('a plugin hears the producers that it asks for', async (t) => {
	await attachScribe();

	const attachment = await plugin.attach({ router, mode: 'observe', subscribe: true });
	const plain = await plugin.attach({ router, mode: 'observe' });
	const [first, second] = [await openCall(router), await openCall(router)];
	const number = await scribe.numberOf(attachment.id);
	const producer = await scribe.numberOf(first.producer.id);
	const stats = () => attachment.getStats();

	for (const [name, record, wanted] of [
		['an attachment that is not there', (call: bigint) => subscribe(call, 999_999, producer, 1), 'Unknown'],
		['a producer that is not there', (call: bigint) => subscribe(call, number, 999_999, 1), 'Unknown'],
		['one that hears all', (call: bigint, other: number) => subscribe(call, other, producer, 1), 'Malformed'],
		['neither yes nor no', (call: bigint) => subscribe(call, number, producer, 2), 'Malformed'],
		['a producer', (call: bigint) => subscribe(call, number, producer, 1), 'Ok'],
	] as const) {
		const asked = scribe.call;
		const plainNumber = await scribe.numberOf(plain.id);

		write(record(asked, plainNumber));
		t.equal(await scribe.result(asked), wanted, name);
	}
	await Promise.all([first.sendRange(1, 10), second.sendRange(1, 10)]);
	await until('all are counted', async () => (await stats()).observed + (await stats()).notSelected === 20);
	t.match(await stats(), { observed: 10, notSelected: 10 });

	const asked = scribe.call;

	write(subscribe(asked, number, producer, 0));
	t.equal(await scribe.result(asked), 'Ok');
	await first.sendRange(11, 20);
	await until('they are counted', async () => (await stats()).notSelected === 20);
	t.equal((await stats()).observed, 10);
	[first, second].forEach((call) => call.close());
});

t.test('data messages go to all data consumers, or to those that are named', async (t) => {
	await attachScribe({ dataProducers: true, ...dataPolicies } as Partial<AttachOptions>);

	const call = await openDataCall(router, [7]);
	const dataProducer = await scribe.numberOf(call.producer.id);
	const consumer = await scribe.numberOf(call.consumer.id);

	const cases: readonly (readonly [string, Parameters<typeof injectData>[0], string, number])[] = [
		['to all', { dataProducer, message: Buffer.from('a') }, 'Ok', 1],
		['to one of them', { dataProducer, consumers: [consumer], message: Buffer.from('b') }, 'Ok', 1],
		['to one by its number alone', { dataProducer: 0, consumers: [consumer], ppid: 53, message: Buffer.from('c') }, 'Ok', 1],
		['to a subchannel', { dataProducer, subchannels: [7, 8], message: Buffer.from('d') }, 'Ok', 1],
		['to another subchannel', { dataProducer, subchannels: [8], message: Buffer.from('e') }, 'Ok', 0],
		['with a subchannel that it must have', { dataProducer, requiredSubchannel: 7, message: Buffer.from('f') }, 'Ok', 1],
		['with one that it has not', { dataProducer, requiredSubchannel: 8, message: Buffer.from('g') }, 'Ok', 0],
		['to nobody', { dataProducer: 0, message: Buffer.from('h') }, 'Malformed', 0],
		['what opens channels', { dataProducer, ppid: 50, message: Buffer.from('i') }, 'Malformed', 0],
		['a subchannel beyond all', { dataProducer, requiredSubchannel: 65_536, message: Buffer.from('j') }, 'Malformed', 0],
		['too many subchannels', { dataProducer, subchannels: range(1, 2049), message: Buffer.from('k') }, 'Malformed', 0],
		['what is too large for them', { dataProducer, message: Buffer.alloc(300_000) }, 'Malformed', 0],
		['a data producer that is not there', { dataProducer: 999_999, message: Buffer.from('l') }, 'Unknown', 0],
		['a data consumer that is not there', { dataProducer, consumers: [999_999], message: Buffer.from('m') }, 'Unknown', 0],
		['a data producer in the place of a data consumer', { dataProducer: 0, consumers: [dataProducer], message: Buffer.from('n') }, 'Unknown', 0],
	];

	const wanted: string[] = [];

	for (const [name, data, result, count] of cases) {
		const asked = scribe.call;

		write(injectData({ ...data, call: asked }));
		t.equal(await scribe.result(asked), result, name);
		wanted.push(...(count === 1 ? [data.message.toString()] : []));
	}
	call.sendRange(1, 1);
	await until('what was sent follows', () => call.received.at(-1)?.text === '1');
	t.same(
		call.received.map(({ text }) => text),
		[...wanted, '1'],
	);
	t.equal(call.received[2]!.ppid, 53);
	call.close();
});

t.test('whatever a host writes, the worker lives and calls go on', async (t) => {
	await attachScribe();

	const call = await openCall(router);
	const data = await openDataCall(router);
	const stream = await streamOf(call);
	const consumer = await scribe.numberOf(call.consumer.id);
	const sound = [
		injectRtp({ ...stream, call: 1n, cause: 1n, consumers: [consumer], payload: payload(1) }),
		injectRtp({ ...stream, payload: payload(2) }),
		injectData({ dataProducer: stream.producer, call: 1n, consumers: [consumer], subchannels: [1, 2, 3], message: payload(3) }),
		keyFrame(1n, stream.producer, stream.ssrc),
		subscribe(1n, 1, stream.producer, 1),
	];
	const records: Buffer[] = [];
	// What no ring can have: a record of no type, padding that does not reach the ring's end. Behind it nobody reads on.
	const last: Buffer[] = [];

	for (const record of sound) {
		// The length of a record is the ring's business; every other byte is wrong in turn, and the record cut and extended.
		for (let i = 4; i < Math.min(record.length, 72); i++) {
			for (const value of [0x00, 0xff, record[i]! ^ 0x80, record[i]! ^ 0x01]) {
				const wrong = Buffer.from(record);

				wrong[i] = value;
				([RecordType.None, RecordType.Padding].includes(wrong[4]!) ? last : records).push(wrong);
			}
		}
	}
	for (let i = 0; i < 500; i++) {
		const wrong = Buffer.from(sound[i % sound.length]!);

		randomBytes(8).copy(wrong, 8 + (i % Math.max(1, wrong.length - 16)));
		records.push(wrong);
	}

	let cutOff = 0;
	let read = 0;

	plugin.on('crash', () => ++cutOff);

	// A host that is cut off for it is followed by another one.
	for (let i = 0; i < records.length; i += 30) {
		const pid = await until('a host', () => plugin.hostPid);
		const mark = 1_000_000n + BigInt(i);

		scribe.write(pid, ...records.slice(i, i + 30), keyFrame(mark, stream.producer, stream.ssrc));
		await call.send(1000 + i);
		await until('what is sent arrives', () => call.received.some(({ number }) => number === 1000 + i));
		await until('all of it is read, or the host cut off', () => scribe.results().has(mark) || plugin.hostPid !== pid);
		read += scribe.results().has(mark) ? 30 : 0;
	}

	const { injected, injectUnknown, injectMalformed, strikes } = (await plugin.getStats()).workers[0]!;

	t.ok(read > records.length / 2, `${read} of ${records.length} records were read, ${cutOff} hosts were cut off`);
	t.ok(injected > 0 && injectUnknown > 0 && injectMalformed > 0 && strikes > 0, `injected ${injected}, unknown ${injectUnknown}, malformed ${injectMalformed}, strikes ${strikes}`);
	scribe.write(await until('a host', () => plugin.hostPid), ...last);
	await call.send(1000 + records.length);
	await until('what is sent arrives', () => call.received.some(({ number }) => number === 1000 + records.length));
	await until('a strike for it', async () => (await plugin.getStats()).workers[0]!.strikes > strikes);
	await callsGoOn(t);
	data.close();
	call.close();
});

async function callsGoOn(t: Test): Promise<void> {
	const elsewhere = await worker.createRouter({ mediaCodecs });
	const call = await openCall(elsewhere);

	await call.sendRange(1, 100);
	await until('100 packets', () => call.received.length === 100);
	t.ok(isGapless(call.received), 'calls go on');
	call.close();
	elsewhere.close();
}

// The root test would wait for the worker's handles, and the worker for the root test's end.
t.end();
