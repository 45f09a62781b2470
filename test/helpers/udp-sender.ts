// A thread that sends RTP packets by UDP, so that they come while the loop of the test's own thread stands still. workerData says what; each
// packet ends with its number and 96 bytes.

import { createSocket } from 'node:dgram';
import { setTimeout as pause } from 'node:timers/promises';
import { workerData } from 'node:worker_threads';

export type UdpSenderData = {
	readonly port: number;
	readonly ssrc: number;
	readonly payloadType: number;
	readonly first: number;
	readonly last: number;
	/** Its first number becomes 1 when all are sent. */
	readonly done: Int32Array;
};

/** What the smallest receive buffers hold. */
const burst = 20;

const { port, ssrc, payloadType, first, last, done } = workerData as UdpSenderData;
const socket = createSocket('udp4');

for (let number = first; number <= last; ++number) {
	const packet = Buffer.alloc(112);

	packet.set([0x80, payloadType]);
	packet.writeUInt16BE(number & 0xffff, 2);
	packet.writeUInt32BE(number * 960, 4);
	packet.writeUInt32BE(ssrc, 8);
	packet.writeUInt32BE(number, 12);
	await new Promise((resolve) => socket.send(packet, port, '127.0.0.1', resolve));
	if (number % burst === 0) {
		await pause(1);
	}
}
socket.close();
Atomics.store(done, 0, 1);
Atomics.notify(done, 0);
