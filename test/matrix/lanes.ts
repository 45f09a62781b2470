// Where the matrix gets its packets and messages: one lane per transport and kind, each fed by a real client as long as it is open.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';

import type { types } from 'mediasoup';
import { SCTP, WEBRTC_PPID, createUdpTransport } from 'werift-sctp';

import { openCallPage } from '../browser/browser.ts';
import { Children } from '../../tools/demo/children.ts';
import { sendOpus } from '../../tools/demo/ffmpeg.ts';
import { until } from '../helpers/until.ts';

export type Lane = {
	readonly transport: 'WebRTC' | 'Plain' | 'Pipe' | 'Direct';
	readonly kind: 'RTP' | 'data';
	/** Who sends. */
	readonly client: string;
	readonly router: types.Router;
	/** Of the producer or data producer. */
	readonly id: string;
	readonly pipe: boolean;
	/** What arrived behind the router, and how much of it says "replaced". */
	readonly arrived: () => { readonly all: number; readonly replaced: number };
	/** What the sender's own browser got of it; only where there is one. */
	readonly seenByBrowser?: () => Promise<number>;
};

export type OpenLanes = { readonly lanes: readonly Lane[]; readonly close: () => Promise<void> };

const listenInfo: types.TransportListenInfo = { protocol: 'udp', ip: '127.0.0.1', recvBufferSize: 4_194_304 };
const payloadType = 100;
const replacement = Buffer.from('replaced');

export async function openLanes(router: types.Router, beyond: types.Router): Promise<OpenLanes> {
	const children = new Children();
	const closers: (() => Promise<void> | void)[] = [() => children.killAll()];
	const lanes: Lane[] = [];

	const close = async (): Promise<void> => {
		for (const closer of closers.reverse()) {
			await closer();
		}
	};

	try {
		const plain = await producePlain(router, 1111);

		sendOpus(children, { port: plain.port, ssrc: 1111, payloadType });
		lanes.push({ transport: 'Plain', kind: 'RTP', client: 'ffmpeg', ...(await rtpLane(router, plain.producer)) });

		const sctp = await openSctpClient(router);

		closers.push(sctp.close);
		lanes.push({ transport: 'Plain', kind: 'data', client: 'werift-sctp', ...(await dataLane(router, sctp.dataProducer)) });

		const near = await producePlain(router, 2222);
		const { pipeProducer } = await router.pipeToRouter({ producerId: near.producer.id, router: beyond, keepId: false });
		const { pipeDataProducer } = await router.pipeToRouter({ dataProducerId: sctp.dataProducer.id, router: beyond, keepId: false });

		sendOpus(children, { port: near.port, ssrc: 2222, payloadType });
		lanes.push({ transport: 'Pipe', kind: 'RTP', client: 'ffmpeg', ...(await rtpLane(beyond, pipeProducer!)), pipe: true });
		lanes.push({ transport: 'Pipe', kind: 'data', client: 'werift-sctp', ...(await dataLane(beyond, pipeDataProducer!)), pipe: true });

		const direct = await openDirectClient(router, children);

		closers.push(direct.close);
		lanes.push({ transport: 'Direct', kind: 'RTP', client: 'ffmpeg, through Node', ...(await rtpLane(router, direct.producer)) });
		lanes.push({ transport: 'Direct', kind: 'data', client: 'Node', ...(await dataLane(router, direct.dataProducer)) });

		const browser = await openCallPage(router);

		closers.push(browser.close);
		await browser.page.call({ video: 'none', data: true });

		const { producers, dataProducers } = browser;

		lanes.push({
			...{ transport: 'WebRTC', kind: 'RTP', client: 'Chromium', ...(await rtpLane(router, producers()[0]!)) },
			seenByBrowser: async () => (await browser.page.received()).audioPackets,
		});
		lanes.push({
			...{ transport: 'WebRTC', kind: 'data', client: 'Chromium', ...(await dataLane(router, dataProducers()[0]!)) },
			seenByBrowser: async () => (await browser.page.received()).messages,
		});

		return { lanes, close };
	} catch (error) {
		await close();
		throw error;
	}
}

type Rest = Pick<Lane, 'router' | 'id' | 'pipe' | 'arrived'>;

async function rtpLane(router: types.Router, producer: types.Producer): Promise<Rest> {
	const transport = await router.createDirectTransport();
	const consumer = await transport.consume({ producerId: producer.id, rtpCapabilities: router.rtpCapabilities });
	let all = 0;
	let replaced = 0;

	consumer.on('rtp', (packet) => {
		all++;
		replaced += Number(packet.includes(replacement));
	});
	await until(`packets of producer ${producer.id}`, () => all > 10);

	return { router, id: producer.id, pipe: false, arrived: () => ({ all, replaced }) };
}

async function dataLane(router: types.Router, dataProducer: types.DataProducer): Promise<Rest> {
	const transport = await router.createDirectTransport();
	const dataConsumer = await transport.consumeData({ dataProducerId: dataProducer.id });
	let all = 0;
	let replaced = 0;

	dataConsumer.on('message', (message) => {
		all++;
		replaced += Number(message.equals(replacement));
	});
	await until(`messages of data producer ${dataProducer.id}`, () => all > 10);

	return { router, id: dataProducer.id, pipe: false, arrived: () => ({ all, replaced }) };
}

async function producePlain(router: types.Router, ssrc: number): Promise<{ port: number; producer: types.Producer }> {
	const transport = await router.createPlainTransport({ listenInfo, rtcpMux: true, comedia: true });

	return { port: transport.tuple.localPort, producer: await transport.produce(opusParameters(ssrc)) };
}

const opusParameters = (ssrc: number): types.ProducerOptions => ({
	kind: 'audio',
	rtpParameters: { codecs: [{ mimeType: 'audio/opus', clockRate: 48000, channels: 2, payloadType }], encodings: [{ ssrc }] },
});

/** A peer that speaks SCTP over bare UDP, as servers without WebRTC do. */
async function openSctpClient(router: types.Router): Promise<{ dataProducer: types.DataProducer; close: () => Promise<void> }> {
	const streamId = 123;
	const transport = await router.createPlainTransport({ listenInfo, comedia: true, enableSctp: true });
	const client = SCTP.client(createUdpTransport(createSocket('udp4'), { port: transport.tuple.localPort, address: '127.0.0.1' }));
	const dataProducer = await transport.produceData({ sctpStreamParameters: { streamId, ordered: true }, label: 'sctp' });

	await Promise.all([client.start(5000), client.stateChanged.connected.asPromise()]);

	let number = 0;
	const timer = setInterval(() => void client.send(streamId, WEBRTC_PPID.STRING, Buffer.from(`message ${++number}`)), 10);

	return {
		dataProducer,
		async close() {
			clearInterval(timer);
			await client.stop();
			client.transport.close();
		},
	};
}

/** ffmpeg sends to a socket of ours, which hands each packet to mediasoup as an app does. */
async function openDirectClient(router: types.Router, children: Children) {
	const transport = await router.createDirectTransport();
	const producer = await transport.produce(opusParameters(3333));
	const dataProducer = await transport.produceData({ label: 'direct' });
	const socket = createSocket('udp4');

	socket.bind(0, '127.0.0.1');
	await once(socket, 'listening');
	socket.on('message', (packet) => producer.send(packet));
	sendOpus(children, { port: socket.address().port, ssrc: 3333, payloadType });

	let number = 0;
	const timer = setInterval(() => dataProducer.send(`message ${++number}`), 10);

	return { producer, dataProducer, close: () => (clearInterval(timer), void socket.close()) };
}
