// A peer that speaks SCTP over bare UDP, and stops listening when it is told to: then what is sent to it fills the buffer of its transport.

import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';

import type { types } from 'mediasoup';
import { SCTP, createUdpTransport } from 'werift-sctp';

export type SctpPeer = {
	readonly consumer: types.DataConsumer;
	/** In order of arrival. */
	readonly received: readonly Buffer[];
	readonly stopListening: () => void;
	readonly listenAgain: () => void;
	readonly close: () => Promise<void>;
};

export async function openSctpPeer(router: types.Router, dataProducer: types.DataProducer, sctpSendBufferSize: number): Promise<SctpPeer> {
	const transport = await router.createPlainTransport({ listenInfo: { protocol: 'udp', ip: '127.0.0.1' }, comedia: true, enableSctp: true, sctpSendBufferSize });
	const socket = createSocket('udp4');
	const client = SCTP.client(createUdpTransport(socket, { port: transport.tuple.localPort, address: '127.0.0.1' }));
	const received: Buffer[] = [];

	client.onReceive.subscribe((_streamId, _ppid, data) => received.push(data));
	await Promise.all([client.start(5000), client.stateChanged.connected.asPromise()]);

	const listeners = socket.listeners('message') as Parameters<Socket['on']>[1][];

	return {
		consumer: await transport.consumeData({ dataProducerId: dataProducer.id, ordered: true }),
		received,
		stopListening: () => void socket.removeAllListeners('message'),
		listenAgain: () => listeners.forEach((listener) => socket.on('message', listener)),
		async close() {
			await client.stop();
			client.transport.close();
			transport.close();
		},
	};
}
