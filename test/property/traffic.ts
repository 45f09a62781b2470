// The traffic of the property test and of the soak: streams whose every packet carries its own number, and receivers that know what they got of them.

import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';

import type { types } from 'mediasoup';

const listenInfo: types.TransportListenInfo = { protocol: 'udp', ip: '127.0.0.1', recvBufferSize: 8_388_608 };
const payloadType = 100;
const headerLength = 12;
const payloadLength = 60;

/** What one receiver got of one stream, checked as it came. */
export type Reception = {
	readonly violations: string[];
	received: number;
	readonly numbers: ReadonlySet<number>;
	/** The number of the last packet that came; that before the first one until then. */
	latest: number;
};

export type Receiver = { readonly reception: Reception; readonly close: () => void };

export type Stream = {
	readonly id: string;
	sent: number;
	readonly receptions: readonly Reception[];
	/** Sends the next `count` packets. */
	readonly send: (count: number) => Promise<void>;
	/** How many of them the worker has got. */
	readonly entered: () => Promise<number>;
	/** One more, which is not among `receptions`. */
	readonly addReceiver: () => Promise<Receiver>;
	/** What its receivers get counts on. */
	readonly closeProducer: () => void;
	/** Whatever is held of it is freed; what it received counts on. */
	readonly close: () => void;
};

const maxViolations = 20;

/** Packets of a call go in one direction: one producer, `consumers` receivers. Shuffled: neighbours change places now and then. */
export async function openRtpStream(router: types.Router, firstNumber: number, consumers: number, shuffled: boolean, length = payloadLength): Promise<Stream> {
	const ssrc = 1_000_000 + firstNumber % 1_000_000_000;
	const sender = createSocket('udp4');
	const ingress = await router.createPlainTransport({ listenInfo, rtcpMux: true, comedia: true });
	const producer = await ingress.produce({
		kind: 'audio',
		rtpParameters: { codecs: [{ mimeType: 'audio/opus', clockRate: 48000, channels: 2, payloadType }], encodings: [{ ssrc }] },
	});
	const addReceiver = (): Promise<Receiver> => openReceiver(router, producer, firstNumber, shuffled, length);
	const ends = await Promise.all(Array.from({ length: consumers }, addReceiver));
	let next = firstNumber;

	sender.bind(0, '127.0.0.1');
	await once(sender, 'listening');

	const stream: Stream = {
		id: producer.id,
		sent: 0,
		receptions: ends.map(({ reception }) => reception),
		async send(count) {
			const numbers = Array.from({ length: count }, (_, index) => next + index);

			next += count;
			if (shuffled) {
				for (let index = 1; index < numbers.length; index += 7) {
					[numbers[index - 1], numbers[index]] = [numbers[index]!, numbers[index - 1]!];
				}
			}
			await Promise.all(
				numbers.map(
					(number) =>
						new Promise<void>((resolve, reject) => {
							sender.send(rtpPacket(ssrc, number, length), ingress.tuple.localPort, '127.0.0.1', (error) => (error ? reject(error) : resolve()));
						}),
				),
			);
			stream.sent += count;
		},
		async entered() {
			return (await producer.getStats()).reduce((sum, { packetCount }) => sum + packetCount, 0);
		},
		addReceiver,
		closeProducer: () => producer.close(),
		close() {
			sender.close();
			ingress.close();
			for (const end of ends) {
				end.close();
			}
		},
	};

	return stream;
}

async function openReceiver(
	router: types.Router,
	producer: types.Producer,
	firstNumber: number,
	shuffled: boolean,
	length: number,
): Promise<Receiver> {
	const socket = await boundSocket();
	const egress = await router.createPlainTransport({ listenInfo, rtcpMux: true, comedia: false });
	const seen = new Set<number>();
	const reception: Reception = { violations: [], received: 0, numbers: seen, latest: firstNumber - 1 };
	const seqs = new Set<number>();
	let lastSeq: number | undefined;

	await egress.connect({ ip: '127.0.0.1', port: socket.address().port });
	await egress.consume({ producerId: producer.id, rtpCapabilities: router.rtpCapabilities });

	socket.on('message', (message) => {
		if (message[1]! >= 192 && message[1]! <= 223) {
			return;
		}

		const complain = (text: string): void => void (reception.violations.length < maxViolations && reception.violations.push(text));
		const payload = message.subarray(headerLength + (message[0]! & 0x10 ? 4 + 4 * message.readUInt16BE(headerLength + 2) : 0));
		const number = payload.readUInt32BE(0);
		const seq = message.readUInt16BE(2);

		reception.received++;
		checkPayload(payload, number, length, complain);
		if (seen.has(number)) {
			complain(`packet ${number} came twice`);
		}
		seen.add(number);
		// A stream of 65536 packets uses each number once more.
		if (seqs.has(seq)) {
			complain(`sequence number ${seq} came twice, with packet ${number}`);
		}
		seqs.add(seq);
		seqs.delete((seq + 32_768) & 0xffff);
		if (!shuffled) {
			if (number <= reception.latest) {
				complain(`packet ${number} came after ${reception.latest}`);
			}
			if (lastSeq !== undefined && seq !== ((lastSeq + 1) & 0xffff)) {
				complain(`packet ${number} has sequence number ${seq} after ${lastSeq}`);
			}
		} else if (lastSeq !== undefined && number > reception.latest !== ((seq - lastSeq) & 0xffff) < 32_768) {
			complain(`packet ${number} after ${reception.latest} has sequence number ${seq} after ${lastSeq}`);
		}
		reception.latest = number;
		lastSeq = seq;
	});

	return { reception, close: () => (egress.close(), socket.close()) };
}

/** Messages of a data producer on a DirectTransport. */
export async function openDataStream(router: types.Router, firstNumber: number, consumers: number, length = payloadLength): Promise<Stream> {
	// What fits the smallest packet ring.
	const transport = await router.createDirectTransport({ maxReceiveMessageSize: 16_384 });
	const dataProducer = await transport.produceData({ label: 'numbers' });
	const addReceiver = (): Promise<Receiver> => openDataReceiver(transport, dataProducer, firstNumber, length);
	const receivers = await Promise.all(Array.from({ length: consumers }, addReceiver));
	let next = firstNumber;

	const stream: Stream = {
		id: dataProducer.id,
		sent: 0,
		receptions: receivers.map(({ reception }) => reception),
		async send(count) {
			for (let index = 0; index < count; index++) {
				dataProducer.send(original(next++, length));
			}
			stream.sent += count;
		},
		async entered() {
			return (await dataProducer.getStats()).reduce((sum, { messagesReceived }) => sum + messagesReceived, 0);
		},
		addReceiver,
		closeProducer: () => dataProducer.close(),
		close: () => transport.close(),
	};

	return stream;
}

async function openDataReceiver(
	transport: types.DirectTransport,
	dataProducer: types.DataProducer,
	firstNumber: number,
	length: number,
): Promise<Receiver> {
	const dataConsumer = await transport.consumeData({ dataProducerId: dataProducer.id });
	const seen = new Set<number>();
	const reception: Reception = { violations: [], received: 0, numbers: seen, latest: firstNumber - 1 };

	dataConsumer.on('message', (message) => {
		const complain = (text: string): void => void (reception.violations.length < maxViolations && reception.violations.push(text));
		const number = message.readUInt32BE(0);

		reception.received++;
		checkPayload(message, number, length, complain);
		if (number <= reception.latest) {
			complain(`message ${number} came after ${reception.latest}`);
		}
		seen.add(number);
		reception.latest = number;
	});

	return { reception, close: () => dataConsumer.close() };
}

/** Either as it was sent, or as random-verdicts replaces it; nothing in between. */
function checkPayload(payload: Buffer, number: number, length: number, complain: (text: string) => void): void {
	const isOriginal = payload.length === length && payload.subarray(4).every((byte) => byte === 0);
	const isReplacement = payload.subarray(4).every((byte, index) => byte === ((number + index + 4) & 0xff));

	if (!isOriginal && !isReplacement) {
		complain(`packet ${number} has ${payload.length} bytes of payload that nobody wrote`);
	}
}

function original(number: number, length: number): Buffer {
	const payload = Buffer.alloc(length);

	payload.writeUInt32BE(number, 0);

	return payload;
}

function rtpPacket(ssrc: number, number: number, length: number): Buffer {
	const header = Buffer.alloc(headerLength);

	header[0] = 0x80;
	header[1] = payloadType;
	header.writeUInt16BE(number & 0xffff, 2);
	header.writeUInt32BE((number * 960) >>> 0, 4);
	header.writeUInt32BE(ssrc, 8);

	return Buffer.concat([header, original(number, length)]);
}

async function boundSocket(): Promise<Socket> {
	const socket = createSocket({ type: 'udp4', recvBufferSize: 8_388_608 });

	socket.bind(0, '127.0.0.1');
	await once(socket, 'listening');

	return socket;
}
