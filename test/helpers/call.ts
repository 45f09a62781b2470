// A call of one stream through a real worker: a UDP socket sends RTP into a PlainTransport, another gets what its consumer sends. Each
// packet carries its own number in the payload, so that a packet that was left out is told from one that was renumbered.

import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';

import type { types } from 'mediasoup';

export const mediaCodecs: types.RouterRtpCodecCapability[] = [
	{ kind: 'audio', mimeType: 'audio/opus', clockRate: 48000, channels: 2 },
	{ kind: 'video', mimeType: 'video/VP8', clockRate: 90000 },
];

// Bursts must not be lost before the worker sees them.
const listenInfo: types.TransportListenInfo = { protocol: 'udp', ip: '127.0.0.1', recvBufferSize: 4_194_304 };
const payloadType = 100;
const headerLength = 12;
const payloadLength = 100;

export type ReceivedPacket = {
	/** As the consumer numbered it. */
	readonly seq: number;
	/** As it was sent. */
	readonly number: number;
};

export type Call = {
	readonly producer: types.Producer;
	readonly consumer: types.Consumer;
	/** For other senders of this producer's stream. */
	readonly ingress: { readonly port: number; readonly ssrc: number; readonly payloadType: number };
	/** In order of arrival. */
	readonly received: readonly ReceivedPacket[];
	/** Sends the packet with this number; its sequence number is the same modulo 65536. */
	readonly send: (number: number) => Promise<void>;
	/** Sends a range, the last one included. */
	readonly sendRange: (first: number, last: number) => Promise<void>;
	readonly close: () => void;
};

let nextSsrc = 10_000;

export async function openCall(router: types.Router): Promise<Call> {
	const ssrc = nextSsrc++;
	const sender = createSocket('udp4');
	const receiver = await boundSocket();
	const received: ReceivedPacket[] = [];

	receiver.on('message', (message) => {
		// RTCP has its own payload types (RFC 5761).
		if (message[1]! < 192 || message[1]! > 223) {
			received.push({ seq: message.readUInt16BE(2), number: message.readUInt32BE(message.length - payloadLength) });
		}
	});

	const ingress = await router.createPlainTransport({ listenInfo, rtcpMux: true, comedia: true });
	const egress = await router.createPlainTransport({ listenInfo, rtcpMux: true, comedia: false });
	const producer = await ingress.produce({
		kind: 'audio',
		rtpParameters: {
			codecs: [{ mimeType: 'audio/opus', clockRate: 48000, channels: 2, payloadType }],
			encodings: [{ ssrc }],
		},
	});

	await egress.connect({ ip: '127.0.0.1', port: receiver.address().port });

	const consumer = await egress.consume({ producerId: producer.id, rtpCapabilities: router.rtpCapabilities });

	const send = (number: number): Promise<void> =>
		new Promise((resolve, reject) => {
			sender.send(rtpPacket(ssrc, number), ingress.tuple.localPort, '127.0.0.1', (error) => (error ? reject(error) : resolve()));
		});

	return {
		producer,
		consumer,
		ingress: { port: ingress.tuple.localPort, ssrc, payloadType },
		received,
		send,
		async sendRange(first, last) {
			for (let number = first; number <= last; number++) {
				await send(number);
			}
		},
		close() {
			sender.close();
			receiver.close();
			ingress.close();
			egress.close();
		},
	};
}

export type Flow = {
	/** The number of the last one so far. */
	readonly sent: number;
	/** Resolves when nothing is sent any more. */
	readonly stop: () => Promise<void>;
};

/** Packets from number 1 on, one every two milliseconds or so. */
export function keepSending(call: Call): Flow {
	let [sent, isSending] = [0, true];
	const sending = (async () => {
		while (isSending) {
			await call.send(++sent);
			await new Promise((resolve) => setTimeout(resolve, 2));
		}
	})();

	return {
		get sent() {
			return sent;
		},
		async stop() {
			isSending = false;
			await sending;
		},
	};
}

async function boundSocket(): Promise<Socket> {
	const socket = createSocket({ type: 'udp4', recvBufferSize: 4_194_304 });

	socket.bind(0, '127.0.0.1');
	await once(socket, 'listening');

	return socket;
}

function rtpPacket(ssrc: number, number: number): Buffer {
	const packet = Buffer.alloc(headerLength + payloadLength);

	packet[0] = 0x80;
	packet[1] = payloadType;
	packet.writeUInt16BE(number & 0xffff, 2);
	packet.writeUInt32BE((number * 960) >>> 0, 4);
	packet.writeUInt32BE(ssrc, 8);
	packet.writeUInt32BE(number, headerLength);

	return packet;
}

/** Whether the sequence numbers follow each other without a gap, in the order in which the packets came. */
export function isGapless(packets: readonly ReceivedPacket[]): boolean {
	return packets.every(({ seq }, index) => index === 0 || seq === ((packets[index - 1]!.seq + 1) & 0xffff));
}

export function isAscending(packets: readonly ReceivedPacket[]): boolean {
	return packets.every(({ number }, index) => index === 0 || number > packets[index - 1]!.number);
}
