// A call of one: produces what the browser's fake device gives, and consumes it again through the worker.

import { Device, type types } from 'mediasoup-client';

import type { Page, ReceivedMedia, Signalling } from '../signalling.ts';

declare global {
	interface Window {
		/** Made by the test: calls into its process. */
		signal: (method: keyof Signalling, request?: unknown) => Promise<unknown>;
		page: Page;
	}
}

const signalling = new Proxy({} as Signalling, {
	get: (_, method) => (request?: unknown) => window.signal(method as keyof Signalling, request),
});

const consumers: types.Consumer[] = [];

async function call(): Promise<void> {
	const device = await Device.factory();

	await device.load({ routerRtpCapabilities: await signalling.getRouterCapabilities() });

	const producers = await produce(device);

	await consume(device, producers);
}

async function produce(device: Device): Promise<types.Producer[]> {
	const transport = device.createSendTransport(await signalling.createTransport());

	connectOnDemand(transport);
	transport.on('produce', ({ kind, rtpParameters }, done, fail) => {
		signalling.produce({ transportId: transport.id, kind, rtpParameters }).then(done, fail);
	});

	const media = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 640, height: 480, frameRate: 30 } });

	return Promise.all(media.getTracks().map((track) => transport.produce({ track })));
}

async function consume(device: Device, producers: readonly types.Producer[]): Promise<void> {
	const transport = device.createRecvTransport(await signalling.createTransport());

	connectOnDemand(transport);
	for (const { id: producerId } of producers) {
		const consumer = await transport.consume(
			await signalling.consume({ transportId: transport.id, producerId, rtpCapabilities: device.recvRtpCapabilities }),
		);

		consumers.push(consumer);
		play(consumer);
		await signalling.resume({ consumerId: consumer.id });
	}
}

function connectOnDemand(transport: types.Transport): void {
	transport.on('connect', ({ dtlsParameters }, done, fail) => {
		signalling.connectTransport({ id: transport.id, dtlsParameters }).then(done, fail);
	});
}

/** What nobody plays is decoded, too, but only what is rendered can freeze. */
function play({ kind, track }: types.Consumer): void {
	const element = document.createElement(kind === 'video' ? 'video' : 'audio');

	element.autoplay = true;
	element.srcObject = new MediaStream([track]);
	document.body.append(element);
}

async function received(): Promise<ReceivedMedia> {
	const reports = await Promise.all(consumers.map((consumer) => consumer.getStats()));
	const inbound = reports.flatMap((report) => [...report.values()].filter((entry) => entry.type === 'inbound-rtp')) as RTCInboundRtpStreamStats[];
	const video = inbound.find((entry) => entry.kind === 'video');
	const audio = inbound.find((entry) => entry.kind === 'audio');

	return {
		framesDecoded: video?.framesDecoded ?? 0,
		freezeCount: video?.freezeCount ?? 0,
		totalFreezesSeconds: video?.totalFreezesDuration ?? 0,
		audioPackets: audio?.packetsReceived ?? 0,
		packetsLost: inbound.reduce((sum, entry) => sum + (entry.packetsLost ?? 0), 0),
	};
}

window.page = { call, received };
