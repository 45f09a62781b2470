// A call of one: produces what the browser's fake device gives, and consumes it again through the worker.

import { Device, type types } from 'mediasoup-client';

import type { CallOptions, Page, ReceivedMedia, Signalling } from '../signalling.ts';
import { picture, pictureError } from './picture.ts';

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

let messages = 0;
let lastMessage = '';

async function call({ video = 'device', layers, audio = true, data = false }: CallOptions = {}): Promise<void> {
	const device = await Device.factory();

	await device.load({ routerRtpCapabilities: await signalling.getRouterCapabilities() });

	const transport = device.createSendTransport(await signalling.createTransport());
	const producers = await produce(transport, await tracks(video, audio), layers && layered(device, layers));
	const dataProducer = data ? await produceData(transport) : undefined;

	await consume(device, producers, dataProducer);
}

async function tracks(video: CallOptions['video'], audio: boolean): Promise<MediaStreamTrack[]> {
	const size = { width: 640, height: 480, frameRate: 30 };
	const device = audio || video === 'device' ? await navigator.mediaDevices.getUserMedia({ audio, video: video === 'device' ? size : false }) : undefined;

	return [...(device?.getTracks() ?? []), ...(video === 'picture' ? picture().getTracks() : [])];
}

/**
 * Of as many layers as browsers make of this size, at bitrates that nobody has to probe for. All layers are sent whatever the browser estimates, which on a
 * machine with other work is less than they need.
 */
function layered(device: Device, layers: NonNullable<CallOptions['layers']>): Omit<types.ProducerOptions, 'track'> {
	const codecOf = (mimeType: string): types.RtpCodecCapability => device.recvRtpCapabilities.codecs!.find((codec) => codec.mimeType === mimeType)!;
	const codecOptions = { videoGoogleStartBitrate: 600, videoGoogleMinBitrate: 500 };

	return layers === 'svc'
		? { codec: codecOf('video/VP9'), codecOptions, encodings: [{ scalabilityMode: 'L2T3_KEY', maxBitrate: 400_000 }] }
		: {
				codec: codecOf('video/VP8'),
				codecOptions,
				encodings: [
					{ scalabilityMode: 'L1T3', scaleResolutionDownBy: 2, maxBitrate: 120_000 },
					{ scalabilityMode: 'L1T3', scaleResolutionDownBy: 1, maxBitrate: 300_000 },
				],
			};
}

async function produce(transport: types.Transport, media: readonly MediaStreamTrack[], video: Omit<types.ProducerOptions, 'track'> = {}): Promise<types.Producer[]> {
	connectOnDemand(transport);
	transport.on('produce', ({ kind, rtpParameters }, done, fail) => {
		signalling.produce({ transportId: transport.id, kind, rtpParameters }).then(done, fail);
	});

	transport.on('producedata', ({ sctpStreamParameters, label = '', protocol = '' }, done, fail) => {
		signalling.produceData({ transportId: transport.id, sctpStreamParameters, label, protocol }).then(done, fail);
	});

	return Promise.all(
		media.map(async (track) => {
			const producer = await transport.produce({ track, ...(track.kind === 'video' ? video : {}) });

			// A busy machine is no reason for a smaller picture: frames may be left out instead.
			await producer.rtpSender!.setParameters({ ...producer.rtpSender!.getParameters(), degradationPreference: 'maintain-resolution' } as RTCRtpSendParameters);

			return producer;
		}),
	);
}

/** Text and binary in turn. */
async function produceData(transport: types.Transport): Promise<types.DataProducer> {
	const dataProducer = await transport.produceData({ ordered: true, label: 'numbers' });
	let number = 0;

	setInterval(() => {
		if (dataProducer.readyState === 'open') {
			const text = `message ${++number}`;

			dataProducer.send(number % 2 === 0 ? text : new TextEncoder().encode(text));
		}
	}, 10);

	return dataProducer;
}

async function consume(device: Device, producers: readonly types.Producer[], dataProducer: types.DataProducer | undefined): Promise<void> {
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
	if (dataProducer !== undefined) {
		const dataConsumer = await transport.consumeData(await signalling.consumeData({ transportId: transport.id, dataProducerId: dataProducer.id }));

		dataConsumer.on('message', (message: string | ArrayBuffer | Blob) => {
			messages++;
			if (!(message instanceof Blob)) {
				lastMessage = typeof message === 'string' ? message : new TextDecoder().decode(message);
			}
		});
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

	element.id = kind;
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
		frameHeight: video?.frameHeight ?? 0,
		freezeCount: video?.freezeCount ?? 0,
		totalFreezesSeconds: video?.totalFreezesDuration ?? 0,
		audioPackets: audio?.packetsReceived ?? 0,
		packetsLost: inbound.reduce((sum, entry) => sum + (entry.packetsLost ?? 0), 0),
		concealedSamples: audio?.concealedSamples ?? 0,
		totalSamples: audio?.totalSamplesReceived ?? 0,
		audioEnergy: audio?.totalAudioEnergy ?? 0,
		messages,
		lastMessage,
		pictureError: pictureError(document.querySelector('video')),
	};
}

window.page = { call, received };
