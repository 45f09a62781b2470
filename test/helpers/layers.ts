// Video in layers, at plain transports: a sender that encodes as browsers do, with VP8 in several encodings (simulcast) or VP9 with all layers in one
// (SVC), and a reader of what its consumers get. What stands in a packet's payload says which one it is.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';

import type { types } from 'mediasoup';

import type { Rtp } from './streams.ts';

export const layeredCodecs: types.RouterRtpCodecCapability[] = [
	{ kind: 'video', mimeType: 'video/VP8', clockRate: 90000 },
	{ kind: 'video', mimeType: 'video/VP9', clockRate: 90000 },
];

const listenInfo: types.TransportListenInfo = { protocol: 'udp', ip: '127.0.0.1', recvBufferSize: 4_194_304 };
const temporalLayers = 2;
const packetsPerFrame = 2;
/** Of two encodings, in ticks: nearly two minutes. */
const clocksApart = 10_000_000;
/** How exactly mediasoup brings the clocks of two encodings together by what their sender reports say. */
const clockTolerance = 45_000;
/** Of NTP's epoch to Unix's. */
const ntpOffsetSeconds = 2_208_988_800;

export type LayeredPacket = {
	readonly rtp: Rtp;
	/** Of simulcast the encoding, of SVC the layer. */
	readonly spatial: number;
	readonly temporal: number;
	/** Counted by the sender, the same in all layers. */
	readonly frame: number;
	/** 0 for a frame's first packet. */
	readonly part: number;
	readonly isKeyFrame: boolean;
	readonly isVp8: boolean;
	readonly pictureId: number;
	readonly tl0PictureIndex: number;
	readonly text: string;
};

export type LayeredSender = {
	readonly producer: types.Producer;
	/** Mapped, one per encoding. */
	readonly ssrcs: readonly number[];
	readonly payloadType: number;
	/** The next frame, of every layer: a key frame where one was asked for. */
	readonly sendFrame: () => Promise<void>;
	/** In all layers together. */
	readonly packetsSent: () => number;
	/** Of the last frame, per encoding. */
	readonly timestamps: () => readonly number[];
	/** How often a key frame of that encoding was asked for. */
	readonly keyFrameRequests: (encoding: number) => number;
	readonly close: () => void;
};

type Encoding = { readonly ssrc: number; seq: number; readonly firstTimestamp: number; timestamp: number; requests: number; wantsKeyFrame: boolean; tl0: number };

let nextSsrc = 300_000;

/** VP8 in that many encodings, each with two temporal layers. */
export function openSimulcast(router: types.Router, count = 3): Promise<LayeredSender> {
	const ssrcs = Array.from({ length: count }, () => nextSsrc++);

	return openLayered(router, 'video/VP8', ssrcs.map((ssrc) => ({ ssrc, scalabilityMode: `L1T${temporalLayers}` })), 1);
}

/** VP9 in one encoding with three spatial layers, of two temporal layers each. */
export function openSvc(router: types.Router, isKsvc: boolean): Promise<LayeredSender> {
	return openLayered(router, 'video/VP9', [{ ssrc: nextSsrc++, scalabilityMode: `L3T${temporalLayers}${isKsvc ? '_KEY' : ''}` }], 3, isKsvc);
}

async function openLayered(
	router: types.Router,
	mimeType: 'video/VP8' | 'video/VP9',
	rtpEncodings: readonly { readonly ssrc: number; readonly scalabilityMode: string }[],
	spatialLayers: number,
	isKsvc = false,
): Promise<LayeredSender> {
	const socket = createSocket({ type: 'udp4', recvBufferSize: 4_194_304 });

	socket.bind(0, '127.0.0.1');
	await once(socket, 'listening');

	const transport = await router.createPlainTransport({ listenInfo, rtcpMux: true, comedia: true });
	const producer = await transport.produce({
		kind: 'video',
		rtpParameters: {
			codecs: [{ mimeType, clockRate: 90000, payloadType: 101, rtcpFeedback: [{ type: 'nack', parameter: 'pli' }] }],
			encodings: [...rtpEncodings],
		},
	});
	const encodings = rtpEncodings.map(({ ssrc }, index): Encoding => ({ ssrc, seq: 65_400 + index * 40, firstTimestamp: 1_000_000 + index * clocksApart, timestamp: 0, requests: 0, wantsKeyFrame: true, tl0: 0 }));
	const sendBytes = (bytes: Buffer): Promise<void> =>
		new Promise((resolve, reject) => socket.send(bytes, transport.tuple.localPort, '127.0.0.1', (error) => (error ? reject(error) : resolve())));
	const beganAtMs = Date.now();
	let frame = -1;
	let lastMs = -1;

	socket.on('message', (message) => {
		for (const ssrc of keyFramesAskedFor(message)) {
			const asked = encodings.find((encoding) => encoding.ssrc === ssrc)!;

			asked.requests++;
			asked.wantsKeyFrame = true;
		}
	});

	async function sendEncoding(encoding: Encoding, index: number, atMs: number): Promise<void> {
		const timestamp = (encoding.firstTimestamp + (atMs - beganAtMs) * 90) >>> 0;
		const isKeyFrame = encoding.wantsKeyFrame;
		const temporal = isKeyFrame ? 0 : frame % temporalLayers;

		encoding.timestamp = timestamp;
		encoding.wantsKeyFrame = false;
		encoding.tl0 += temporal === 0 ? 1 : 0;
		// Without it nobody can tell how the timestamps of two encodings belong together.
		await sendBytes(senderReport(encoding.ssrc, atMs, timestamp));
		for (let spatial = 0; spatial < spatialLayers; spatial++) {
			for (let part = 0; part < packetsPerFrame; part++) {
				const isLast = part === packetsPerFrame - 1;
				const picture = { frame, isKeyFrame, temporal, tl0: encoding.tl0, isFirst: part === 0, isLast };
				const descriptor = mimeType === 'video/VP8' ? vp8Descriptor(picture) : vp9Descriptor({ ...picture, spatial, isKsvc });
				const text = `layer ${spatialLayers > 1 ? spatial : index} frame ${frame} part ${part}${isKeyFrame ? ' key' : ''}`;

				await sendBytes(Buffer.concat([rtpHeader(encoding, timestamp, isLast && spatial === spatialLayers - 1), descriptor, Buffer.from(text)]));
			}
		}
	}

	return {
		producer,
		ssrcs: producer.consumableRtpParameters.encodings!.map(({ ssrc }) => ssrc!),
		payloadType: producer.consumableRtpParameters.codecs[0]!.payloadType,
		async sendFrame() {
			const atMs = Math.max(Date.now(), lastMs + 1);

			frame++;
			lastMs = atMs;
			for (const [index, encoding] of encodings.entries()) {
				await sendEncoding(encoding, index, atMs);
			}
		},
		packetsSent: () => (frame + 1) * encodings.length * spatialLayers * packetsPerFrame,
		timestamps: () => encodings.map(({ timestamp }) => timestamp),
		keyFrameRequests: (encoding) => encodings[encoding]!.requests,
		close() {
			socket.close();
			transport.close();
		},
	};
}

function rtpHeader(encoding: Encoding, timestamp: number, marker: boolean): Buffer {
	const header = Buffer.alloc(12);

	header[0] = 0x80;
	header[1] = 101 | (marker ? 0x80 : 0);
	header.writeUInt16BE(encoding.seq, 2);
	header.writeUInt32BE(timestamp, 4);
	header.writeUInt32BE(encoding.ssrc, 8);
	encoding.seq = (encoding.seq + 1) & 0xffff;

	return header;
}

type Picture = { readonly frame: number; readonly isKeyFrame: boolean; readonly temporal: number; readonly tl0: number; readonly isFirst: boolean; readonly isLast: boolean };

const pictureIdOf = (frame: number): number => 0x8000 | ((32_700 + frame) & 0x7fff);

/** RFC 7741, with all that it may have, and the byte of a frame that says whether it is a key frame. Receivers may change to the upper layer at any of its frames. */
function vp8Descriptor({ frame, isKeyFrame, temporal, tl0, isFirst }: Picture): Buffer {
	const bytes = Buffer.from([0x80 | (isFirst ? 0x10 : 0), 0xe0, 0, 0, tl0 & 0xff, (temporal << 6) | (temporal > 0 ? 0x20 : 0), isKeyFrame ? 0 : 1]);

	bytes.writeUInt16BE(pictureIdOf(frame), 2);

	return bytes;
}

/** RFC 9628, in non-flexible mode, and a byte that keeps the text where VP8 has it. */
function vp9Descriptor({ frame, isKeyFrame, temporal, tl0, isFirst, isLast, spatial, isKsvc }: Picture & { readonly spatial: number; readonly isKsvc: boolean }): Buffer {
	const flags = 0x80 | (isKeyFrame ? 0 : 0x40) | 0x20 | (isFirst ? 0x08 : 0) | (isLast ? 0x04 : 0);
	const dependsOnLower = spatial > 0 && (isKeyFrame || !isKsvc);
	const bytes = Buffer.from([flags, 0, 0, (temporal << 5) | (temporal > 0 ? 0x10 : 0) | (spatial << 1) | (dependsOnLower ? 1 : 0), tl0 & 0xff, 0, 0]);

	bytes.writeUInt16BE(pictureIdOf(frame), 1);

	return bytes;
}

/** What a consumer got, as its descriptor and its text say. */
export function readLayered(rtp: Rtp): LayeredPacket {
	const text = rtp.payload.subarray(7).toString();
	const said = /layer (\d) frame (\d+) part (\d)( key)?/i.exec(text);

	if (!said) {
		throw new Error(`"${text}" is of no layered sender`);
	}

	// VP8 has bit X where VP9 has I, and L, which VP9's second byte never looks like.
	const isVp8 = rtp.payload[1] === 0xe0;

	return {
		rtp,
		spatial: Number(said[1]),
		frame: Number(said[2]),
		part: Number(said[3]),
		isKeyFrame: said[4] !== undefined,
		isVp8,
		temporal: isVp8 ? rtp.payload[5]! >> 6 : rtp.payload[3]! >> 5,
		pictureId: rtp.payload.readUInt16BE(isVp8 ? 2 : 1) & 0x7fff,
		tl0PictureIndex: rtp.payload[4]!,
		text,
	};
}

/** What a receiver would take offence at, packet by packet in the order of arrival. */
export function faultsOf(packets: readonly LayeredPacket[]): string[] {
	return packets.slice(1).flatMap(({ rtp, spatial }, index) => {
		const before = packets[index]!;
		const step = (rtp.seq - before.rtp.seq) & 0xffff;
		const elapsed = (rtp.timestamp - before.rtp.timestamp) | 0;
		const isOrdered = elapsed >= (spatial === before.spatial ? 0 : -clockTolerance) && elapsed < clocksApart / 2;

		return [...(step === 1 ? [] : [`${rtp.seq} follows ${before.rtp.seq}`]), ...(isOrdered ? [] : [`timestamp ${rtp.timestamp} follows ${before.rtp.timestamp}`])];
	});
}

/** Frames of which a part is missing, the last one aside, which may be on its way. On its way down in SVC mediasoup itself may tear one of the upper temporal layer. */
export function tornFrames(packets: readonly LayeredPacket[]): string[] {
	const parts = new Map<string, number>();

	for (const { spatial, frame, temporal, isVp8 } of packets) {
		if (!isVp8 && temporal > 0) {
			continue;
		}
		parts.set(`${frame} of layer ${spatial}`, (parts.get(`${frame} of layer ${spatial}`) ?? 0) + 1);
	}

	return [...parts].slice(0, -1).flatMap(([name, count]) => (count === packetsPerFrame ? [] : [name]));
}

/** PLI of RFC 4585, in a compound packet. */
function keyFramesAskedFor(message: Buffer): number[] {
	const ssrcs: number[] = [];

	for (let at = 0; at + 12 <= message.length; at += (message.readUInt16BE(at + 2) + 1) * 4) {
		if (message[at + 1] === 206 && (message[at]! & 0x1f) === 1) {
			ssrcs.push(message.readUInt32BE(at + 8));
		}
	}

	return ssrcs;
}

function senderReport(ssrc: number, atMs: number, timestamp: number): Buffer {
	const bytes = Buffer.alloc(28);

	bytes[0] = 0x80;
	bytes[1] = 200;
	bytes.writeUInt16BE(6, 2);
	bytes.writeUInt32BE(ssrc, 4);
	bytes.writeUInt32BE(Math.floor(atMs / 1000) + ntpOffsetSeconds, 8);
	bytes.writeUInt32BE(Math.floor(((atMs % 1000) / 1000) * 2 ** 32), 12);
	bytes.writeUInt32BE(timestamp, 16);

	return bytes;
}
