// RTP as it is on the wire, for tests that look into packets: senders and receivers at plain transports.

import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';

import type { types } from 'mediasoup';

const listenInfo: types.TransportListenInfo = { protocol: 'udp', ip: '127.0.0.1', recvBufferSize: 4_194_304 };
const headerLength = 12;

export type Rtp = {
	readonly seq: number;
	readonly timestamp: number;
	readonly ssrc: number;
	readonly payloadType: number;
	readonly marker: boolean;
	readonly payload: Buffer;
};

export type Receiver = {
	readonly consumer: types.Consumer;
	/** In order of arrival. */
	readonly received: readonly Rtp[];
	/** What the receiver says, RTCP for instance. */
	readonly send: (bytes: Buffer) => void;
	readonly close: () => void;
};

export type Sender = {
	readonly producer: types.Producer;
	/** As the router knows it. */
	readonly ssrc: number;
	readonly payloadType: number;
	readonly send: (seq: number, timestamp: number, payload: Buffer) => Promise<void>;
	/** What else the sender says, RTCP for instance. */
	readonly sendRaw: (bytes: Buffer) => void;
	/** Payload-specific feedback (RFC 4585) that reached the sender. */
	readonly keyFrameRequests: () => number;
	readonly close: () => void;
};

const isRtcp = (message: Buffer): boolean => message[1]! >= 192 && message[1]! <= 223;

export async function openReceiver(router: types.Router, producer: types.Producer): Promise<Receiver> {
	const socket = await boundSocket();
	const transport = await router.createPlainTransport({ listenInfo, rtcpMux: true, comedia: false });
	const received: Rtp[] = [];

	await transport.connect({ ip: '127.0.0.1', port: socket.address().port });

	const consumer = await transport.consume({ producerId: producer.id, rtpCapabilities: router.rtpCapabilities, enableRtx: true });
	const { ssrc, rtx } = consumer.rtpParameters.encodings![0]!;

	socket.on('message', (message) => {
		// The transport probes the network with packets of its own.
		if (!isRtcp(message) && [ssrc, rtx?.ssrc].includes(parse(message).ssrc)) {
			received.push(parse(message));
		}
	});

	return {
		consumer,
		received,
		send: (bytes) => socket.send(bytes, transport.tuple.localPort, '127.0.0.1'),
		close() {
			socket.close();
			transport.close();
		},
	};
}

/** Of VP8. */
export async function openSender(router: types.Router, ssrc: number): Promise<Sender> {
	const socket = await boundSocket();
	const transport = await router.createPlainTransport({ listenInfo, rtcpMux: true, comedia: true });
	const producer = await transport.produce({
		kind: 'video',
		rtpParameters: {
			codecs: [{ mimeType: 'video/VP8', clockRate: 90000, payloadType: 101, rtcpFeedback: [{ type: 'nack', parameter: 'pli' }] }],
			encodings: [{ ssrc }],
		},
	});
	let requests = 0;

	socket.on('message', (message) => {
		requests += message[1] === 206 ? 1 : 0;
	});

	return {
		producer,
		...mappedStream(producer),
		send: (seq, timestamp, payload) =>
			new Promise((resolve, reject) => {
				const header = Buffer.alloc(headerLength);

				header[0] = 0x80;
				header[1] = 101;
				header.writeUInt16BE(seq, 2);
				header.writeUInt32BE(timestamp, 4);
				header.writeUInt32BE(ssrc, 8);
				socket.send(Buffer.concat([header, payload]), transport.tuple.localPort, '127.0.0.1', (error) => (error ? reject(error) : resolve()));
			}),
		sendRaw: (bytes) => socket.send(bytes, transport.tuple.localPort, '127.0.0.1'),
		keyFrameRequests: () => requests,
		close() {
			socket.close();
			transport.close();
		},
	};
}

/** The producer's first stream as the router knows it. */
export function mappedStream(producer: types.Producer): { readonly ssrc: number; readonly payloadType: number } {
	const { codecs, encodings } = producer.consumableRtpParameters;

	return { ssrc: encodings![0]!.ssrc!, payloadType: codecs[0]!.payloadType };
}

/** VP8's payload descriptor and the beginning of a frame (RFC 7741). */
export function vp8(isKeyFrame: boolean, text: string): Buffer {
	return Buffer.concat([Buffer.from([0x10, isKeyFrame ? 0 : 1, 0, 0]), Buffer.from(text)]);
}

export const vp8Text = ({ payload }: Rtp): string => payload.subarray(4).toString();

/** Asks for one packet again (RFC 4585, generic NACK). */
export function nack(mediaSsrc: number, seq: number): Buffer {
	const bytes = Buffer.alloc(16);

	bytes[0] = 0x81;
	bytes[1] = 205;
	bytes.writeUInt16BE(3, 2);
	bytes.writeUInt32BE(1, 4);
	bytes.writeUInt32BE(mediaSsrc, 8);
	bytes.writeUInt16BE(seq, 12);

	return bytes;
}

function parse(message: Buffer): Rtp {
	const csrcs = (message[0]! & 0xf) * 4;
	const extension = (message[0]! & 0x10) !== 0 ? 4 + message.readUInt16BE(headerLength + csrcs + 2) * 4 : 0;

	return {
		seq: message.readUInt16BE(2),
		timestamp: message.readUInt32BE(4),
		ssrc: message.readUInt32BE(8),
		payloadType: message[1]! & 0x7f,
		marker: message[1]! >= 0x80,
		payload: message.subarray(headerLength + csrcs + extension),
	};
}

async function boundSocket(): Promise<Socket> {
	const socket = createSocket({ type: 'udp4', recvBufferSize: 4_194_304 });

	socket.bind(0, '127.0.0.1');
	await once(socket, 'listening');

	return socket;
}

/** What a sender says about its clock (RFC 3550, 6.4.1). */
export function senderReport(ssrc: number, ntpSeconds: number, rtpTimestamp: number): Buffer {
	const bytes = Buffer.alloc(28);

	bytes[0] = 0x80;
	bytes[1] = 200;
	bytes.writeUInt16BE(6, 2);
	bytes.writeUInt32BE(ssrc, 4);
	bytes.writeUInt32BE(ntpSeconds, 8);
	bytes.writeUInt32BE(0x8000_0000, 12);
	bytes.writeUInt32BE(rtpTimestamp, 16);

	return bytes;
}
