// What a plugin hears of what lives in a router: the real worker, the real native host with the plugin test/fixtures/plugins/witness.c.

import type { types } from 'mediasoup';
import t from 'tap';

import type { Plugin, PluginHost } from '../../src/index.ts';
import { fixturePlugin } from '../helpers/binaries.ts';
import { openDataCall } from '../helpers/messages.ts';
import { stopProcess } from '../helpers/processes.ts';
import { realStage } from '../helpers/real-stage.ts';
import { until } from '../helpers/until.ts';
import { type Heard, Witness } from '../helpers/witness.ts';

const listenInfo: types.TransportListenInfo = { protocol: 'udp', ip: '127.0.0.1' };
const allAccept = { onTimeout: 'accept', onAbsent: 'accept', onOverflow: 'accept', onError: 'accept' } as const;

const stage = realStage();
let pluginHost: PluginHost;
let router: types.Router;
let witness: Witness;
let plugin: Plugin;

t.beforeEach(async () => {
	({ pluginHost, router } = stage);
	witness = new Witness();
	plugin = await pluginHost.createPlugin({ file: fixturePlugin('witness'), config: { file: witness.file }, hangMs: 60_000 });
});

t.afterEach(() => {
	plugin.close();
});

let nextSsrc = 50_000;

const produce = (transport: types.Transport): Promise<types.Producer> =>
	transport.produce({
		kind: 'video',
		rtpParameters: {
			mid: `v"${nextSsrc}"`,
			codecs: [
				{
					...{ mimeType: 'video/VP8', payloadType: 96, clockRate: 90_000, parameters: { 'x-google-start-bitrate': 1000 } },
					rtcpFeedback: [{ type: 'nack' }, { type: 'nack', parameter: 'pli' }],
				},
			],
			headerExtensions: [{ uri: 'urn:ietf:params:rtp-hdrext:sdes:mid', id: 1 }],
			encodings: [{ ssrc: nextSsrc++, maxBitrate: 500_000 }],
			rtcp: { cname: 'ünïcödé \\ \u0001 "quoted"' },
		},
	});

const openTransport = (): Promise<types.PlainTransport> => router.createPlainTransport({ listenInfo, rtcpMux: true, comedia: true });

const consume = (transport: types.Transport, producerId: string, paused = false): Promise<types.Consumer> =>
	transport.consume({ producerId, rtpCapabilities: router.rtpCapabilities, paused });

const namesOf = (heard: readonly Heard[]): string[] => heard.map(({ event }) => event);

/** Nothing refers to what was not announced, or is closed; nothing is announced or closed twice. */
function isConsistent(heard: readonly Heard[], { transports }: { readonly transports: boolean }): boolean {
	const open = new Map<string, number | undefined>();

	return heard.every(({ event, transport, producer, consumer }) => {
		const [, what, change] = /^(transport|data-producer|producer|data-consumer|consumer)-(.*)$/.exec(event) ?? [];

		if (!what) {
			return true;
		}

		const isProducer = what.endsWith('producer');
		const number = isProducer ? producer : what.endsWith('consumer') ? consumer : transport;
		const id = `${isProducer ? 'p' : what.endsWith('consumer') ? 'c' : 't'}${number}`;

		if (change !== 'created') {
			const isOpen = open.has(id);

			if (change === 'closed') {
				open.delete(id);
				// Whoever refers to it went before it.
				return isOpen && ![...open.values()].includes(number);
			}

			return isOpen;
		}

		const isNew = !open.has(id);

		open.set(id, what.endsWith('consumer') ? producer : undefined);

		return (
			isNew &&
			number !== undefined &&
			(what === 'transport' || !transports || open.has(`t${transport}`)) &&
			(!what.endsWith('consumer') || open.has(`p${producer}`))
		);
	});
}

t.test('an attachment to the router hears of all that comes, pauses, resumes and goes, in order', async (t) => {
	await plugin.attach({ router, dataProducers: true, ...allAccept, context: { a: [1, '"'] } });

	const [ingress, egress] = [await openTransport(), await openTransport()];
	const producer = await produce(ingress);
	const consumer = await consume(egress, producer.id, true);
	const data = await openDataCall(router);

	await consumer.resume();
	await consumer.pause();
	await producer.pause();
	await producer.resume();
	await data.consumer.pause();
	await data.consumer.resume();
	await data.producer.pause();
	await data.producer.resume();
	consumer.close();
	data.consumer.close();
	producer.close();
	data.producer.close();
	ingress.close();
	egress.close();

	await until('both transports are closed', () => witness.heard('transport-closed').length === 2);

	const heard = witness.heard();

	t.same(namesOf(heard), [
		'router-opened',
		'attachment-added',
		'transport-created',
		'transport-created',
		'producer-created',
		'consumer-created',
		'transport-created',
		'data-producer-created',
		'transport-created',
		'data-consumer-created',
		'consumer-resumed',
		'consumer-paused',
		'producer-paused',
		'producer-resumed',
		'data-consumer-paused',
		'data-consumer-resumed',
		'data-producer-paused',
		'data-producer-resumed',
		'consumer-closed',
		'data-consumer-closed',
		'producer-closed',
		'data-producer-closed',
		'transport-closed',
		'transport-closed',
	]);
	t.ok(isConsistent(heard, { transports: true }));
	t.same(heard[1]!.context, { a: [1, '"'] });

	const [transportNumber] = heard.filter(({ transportId }) => transportId === ingress.id).map(({ transport }) => transport);

	t.match(heard[4], { producerId: producer.id, transport: transportNumber, kind: 2, mimeType: 'video/VP8', paused: false });
	t.match(heard[5], { consumerId: consumer.id, producer: heard[4]!.producer, transportId: egress.id, paused: true, kind: 2 });
	t.match(heard[7], { producerId: data.producer.id, kind: 3 });
	t.match(heard[9], { consumerId: data.consumer.id, producer: heard[7]!.producer });
	data.close();
});

t.test('parameters are those that mediasoup has', async (t) => {
	await plugin.attach({ router, dataProducers: true, ...allAccept });

	const [ingress, egress] = [await openTransport(), await openTransport()];
	const producer = await produce(ingress);
	const consumer = await consume(egress, producer.id);
	const data = await openDataCall(router);

	await until('the last one', () => witness.heard('data-consumer-created').length === 1);

	const parametersOf = (id: string): Heard['parameters'] =>
		witness.heard().find((heard) => heard.event.endsWith('-created') && [heard.consumerId, heard.producerId, heard.transportId].includes(id))!.parameters;

	t.same(
		witness.heard('transport-created').map(({ parameters }) => parameters!['type']),
		['plain', 'plain', 'direct', 'direct'],
	);
	t.match(parametersOf(producer.id), { type: 'simple', ...plainly(producer.rtpParameters) });
	t.match(parametersOf(consumer.id), { type: 'simple', ...plainly(consumer.rtpParameters) });
	t.same(parametersOf(data.producer.id), { type: 'direct', label: data.producer.label, protocol: data.producer.protocol });
	data.close();
});

/** Without what mediasoup's library alone knows. */
function plainly({ mid, codecs, headerExtensions, encodings, rtcp }: types.RtpParameters): object {
	return JSON.parse(
		JSON.stringify({
			mid,
			codecs: codecs.map(({ mimeType, payloadType, clockRate, parameters, rtcpFeedback }) => ({
				...{ mimeType, payloadType, clockRate, parameters },
				rtcpFeedback: rtcpFeedback!.map(({ type, parameter }) => (parameter ? { type, parameter } : { type })),
			})),
			headerExtensions: headerExtensions!.map(({ uri, id }) => ({ uri, id })),
			encodings: encodings!.map(({ ssrc, rtx }) => ({ ssrc, rtx })),
			rtcp: { cname: rtcp!.cname },
		}),
	) as object;
}

t.test('an attachment that comes late, and a host that comes later still, know first what is there', async (t) => {
	const [ingress, egress] = [await openTransport(), await openTransport()];
	const producer = await produce(ingress);
	const consumer = await consume(egress, producer.id);
	const data = await openDataCall(router);

	await producer.pause();
	// Of data alone: producers of RTP are not meant.
	await plugin.attach({ router, kinds: ['audio'], dataProducers: true, ...allAccept });
	await until('the data consumer', () => witness.heard('data-consumer-created').length === 1);

	t.equal(witness.heard('transport-created').length, 4);
	t.equal(witness.heard('producer-created').length, 0);
	t.equal(witness.heard('consumer-created').length, 0);

	const video = await plugin.attach({ router, kinds: ['video'] });

	await until('the consumer', () => witness.heard('consumer-created').length === 1);

	t.match(witness.heard('producer-created'), [{ producerId: producer.id, paused: true }]);
	t.match(witness.heard('consumer-created'), [{ consumerId: consumer.id }]);
	t.ok(isConsistent(witness.heard(), { transports: true }));

	// What it alone meant is gone with it.
	video.close();
	await until('it is gone', () => witness.heard('attachment-removed').length === 1);
	t.same(namesOf(witness.heard()).slice(-3), ['consumer-closed', 'producer-closed', 'attachment-removed']);
	t.equal(witness.heard('transport-closed').length, 0);

	const before = witness.heard().length;

	await plugin.restart();
	await until('the data consumer, again', () => witness.heard('data-consumer-created').length === 2);

	const anew = witness.heard().slice(before).filter(({ event }) => event !== 'router-closed' && !event.endsWith('-closed') && event !== 'attachment-removed');

	t.same(namesOf(anew), [
		'router-opened',
		'attachment-added',
		...Array<string>(4).fill('transport-created'),
		'data-producer-created',
		'data-consumer-created',
	]);
	data.close();
});

t.test('a targeted attachment hears of its targets and their consumers, as these come and go', async (t) => {
	const [ingress, egress] = [await openTransport(), await openTransport()];
	const [first, second] = [await produce(ingress), await produce(ingress)];
	const data = await openDataCall(router);
	const attachment = await plugin.attach({ producerIds: [first.id] });

	await consume(egress, first.id);
	await consume(egress, second.id);
	await until('the consumer of the first', () => witness.heard('consumer-created').length === 1);

	await attachment.addProducer(second);
	await until('the consumer of the second', () => witness.heard('consumer-created').length === 2);
	t.same(namesOf(witness.heard()), ['router-opened', 'attachment-added', 'producer-created', 'consumer-created', 'producer-created', 'consumer-created']);

	await attachment.removeProducer(first);
	await until('the first is closed', () => witness.heard('producer-closed').length === 1);
	t.match(witness.heard('producer-closed'), [{ producerId: first.id }]);

	second.close();
	await until('the second is closed', () => witness.heard('producer-closed').length === 2);
	t.ok(isConsistent(witness.heard(), { transports: false }));
	t.notOk(attachment.closed, 'it was made for a list, which may be empty');
	data.close();
});

t.test('as a transport closes, what is on it goes before it, and the router goes last', async (t) => {
	await plugin.attach({ router, dataProducers: true, ...allAccept });

	const [ingress, egress, other] = [await openTransport(), await openTransport(), await openTransport()];
	const [first, second] = [await produce(ingress), await produce(other)];

	await consume(egress, first.id);
	await consume(egress, second.id);
	await consume(ingress, second.id);
	await until('three consumers', () => witness.heard('consumer-created').length === 3);

	ingress.close();
	await until('it is closed', () => witness.heard('transport-closed').length === 1);
	t.equal(witness.heard('consumer-closed').length, 2);
	t.equal(witness.heard('producer-closed').length, 1);
	t.match(witness.heard('transport-closed'), [{ transportId: ingress.id }]);
	t.ok(isConsistent(witness.heard(), { transports: true }));

	router.close();
	await witness.until('the router is closed', ({ event }) => event === 'router-closed');
	t.equal(witness.heard().at(-1)!.event, 'router-closed');
	t.equal(witness.heard('consumer-closed').length, 3);
	t.equal(witness.heard('producer-closed').length, 2);
	t.equal(witness.heard('transport-closed').length, 3);
	t.ok(isConsistent(witness.heard(), { transports: true }));
});

t.test('events for which the ring has no room yet come later, but for those that nobody needs to hear', async (t) => {
	await pluginHost.configureRouter(router, { packetRingSize: 262_144 });
	await plugin.attach({ router });

	const transport = await openTransport();

	await witness.until('the transport', ({ event }) => event === 'transport-created');
	await stopProcess(plugin.hostPid!);

	const lasting = await produce(transport);

	// Several times what the ring holds.
	for (let i = 0; i < 1000; i++) {
		(await produce(transport)).close();
	}
	await lasting.pause();
	await lasting.resume();
	await lasting.pause();
	process.kill(plugin.hostPid!, 'SIGCONT');
	await witness.until('it is paused', ({ event, paused }) => event === 'producer-paused' && paused === true);

	const last = await produce(transport);

	await witness.until('the last one', ({ event, producerId }) => event === 'producer-created' && producerId === last.id);

	const heard = witness.heard();

	t.ok(isConsistent(heard, { transports: true }));
	t.equal(heard.filter(({ event }) => event === 'producer-created').length, heard.filter(({ event }) => event === 'producer-closed').length + 2);
	t.ok(heard.length < 1500, 'not all of them');
});

// The root test would wait for the worker's handles, and the worker for the root test's end.
t.end();
