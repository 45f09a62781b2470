// The traffic of the property test: streams whose every packet carries its own number, and receivers that know what they got of them.

import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';

import type { types } from 'mediasoup';

const listenInfo: types.TransportListenInfo = { protocol: 'udp', ip: '127.0.0.1', recvBufferSize: 8_388_608 };
const payloadType = 100;
const headerLength = 12;
const payloadLength = 60;

/** What one receiver got of one stream, checked as it came. */
export type Reception = { readonly violations: string[]; received: number };

export type Stream = {
	readonly id: string;
	sent: number;
	readonly receptions: readonly Reception[];
	/** Sends the next `count` packets. */
	readonly send: (count: number) => Promise<void>;
	/** Whatever is held of it is freed; what it received counts on. */
	readonly close: () => void;
};

const maxViolations = 20;

/** Packets of a call go in one direction: one producer, `consumers` receivers. Shuffled: neighbours change places now and then. */
export async function openRtpStream(router: types.Router, firstNumber: number, consumers: number, shuffled: boolean): Promise<Stream> {
	const ssrc = 1_000_000 + firstNumber % 1_000_000_000;
	const sender = createSocket('udp4');
	const ingress = await router.createPlainTransport({ listenInfo, rtcpMux: true, comedia: true });
	const producer = await ingress.produce({
		kind: 'audio',
		rtpParameters: { codecs: [{ mimeType: 'audio/opus', clockRate: 48000, channels: 2, payloadType }], encodings: [{ ssrc }] },
	});
	const ends = await Promise.all(Array.from({ length: consumers }, () => openReceiver(router, producer, firstNumber, shuffled)));
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
							sender.send(rtpPacket(ssrc, number), ingress.tuple.localPort, '127.0.0.1', (error) => (error ? reject(error) : resolve()));
						}),
				),
			);
			stream.sent += count;
		},
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
): Promise<{ reception: Reception; close: () => void }> {
	const socket = await boundSocket();
	const egress = await router.createPlainTransport({ listenInfo, rtcpMux: true, comedia: false });
	const reception: Reception = { violations: [], received: 0 };
	const seen = new Set<number>();
	const seqs = new Set<number>();
	let lastNumber = firstNumber - 1;
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
		checkPayload(payload, number, complain);
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
			if (number <= lastNumber) {
				complain(`packet ${number} came after ${lastNumber}`);
			}
			if (lastSeq !== undefined && seq !== ((lastSeq + 1) & 0xffff)) {
				complain(`packet ${number} has sequence number ${seq} after ${lastSeq}`);
			}
		} else if (lastSeq !== undefined && number > lastNumber !== ((seq - lastSeq) & 0xffff) < 32_768) {
			complain(`packet ${number} after ${lastNumber} has sequence number ${seq} after ${lastSeq}`);
		}
		lastNumber = number;
		lastSeq = seq;
	});

	return { reception, close: () => (egress.close(), socket.close()) };
}

/** Messages of a data producer on a DirectTransport. */
export async function openDataStream(router: types.Router, firstNumber: number, consumers: number): Promise<Stream> {
	const transport = await router.createDirectTransport();
	const dataProducer = await transport.produceData({ label: 'numbers' });
	const receptions = await Promise.all(
		Array.from({ length: consumers }, async () => {
			const dataConsumer = await transport.consumeData({ dataProducerId: dataProducer.id });
			const reception: Reception = { violations: [], received: 0 };
			let lastNumber = firstNumber - 1;

			dataConsumer.on('message', (message) => {
				const complain = (text: string): void => void (reception.violations.length < maxViolations && reception.violations.push(text));
				const number = message.readUInt32BE(0);

				reception.received++;
				checkPayload(message, number, complain);
				if (number <= lastNumber) {
					complain(`message ${number} came after ${lastNumber}`);
				}
				lastNumber = number;
			});

			return reception;
		}),
	);
	let next = firstNumber;

	const stream: Stream = {
		id: dataProducer.id,
		sent: 0,
		receptions,
		async send(count) {
			for (let index = 0; index < count; index++) {
				dataProducer.send(original(next++));
			}
			stream.sent += count;
		},
		close: () => transport.close(),
	};

	return stream;
}

/** Either as it was sent, or as random-verdicts replaces it; nothing in between. */
function checkPayload(payload: Buffer, number: number, complain: (text: string) => void): void {
	const isOriginal = payload.length === payloadLength && payload.subarray(4).every((byte) => byte === 0);
	const isReplacement = payload.subarray(4).every((byte, index) => byte === ((number + index + 4) & 0xff));

	if (!isOriginal && !isReplacement) {
		complain(`packet ${number} has ${payload.length} bytes of payload that nobody wrote`);
	}
}

function original(number: number): Buffer {
	const payload = Buffer.alloc(payloadLength);

	payload.writeUInt32BE(number, 0);

	return payload;
}

function rtpPacket(ssrc: number, number: number): Buffer {
	const header = Buffer.alloc(headerLength);

	header[0] = 0x80;
	header[1] = payloadType;
	header.writeUInt16BE(number & 0xffff, 2);
	header.writeUInt32BE((number * 960) >>> 0, 4);
	header.writeUInt32BE(ssrc, 8);

	return Buffer.concat([header, original(number)]);
}

async function boundSocket(): Promise<Socket> {
	const socket = createSocket({ type: 'udp4', recvBufferSize: 8_388_608 });

	socket.bind(0, '127.0.0.1');
	await once(socket, 'listening');

	return socket;
}
