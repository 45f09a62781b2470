// Data messages through a real worker: from a data producer of a DirectTransport to a data consumer of another, or over SCTP.

import type { types } from 'mediasoup';

export type ReceivedMessage = { readonly text: string; readonly ppid: number };

export type DataCall = {
	readonly producer: types.DataProducer;
	readonly consumer: types.DataConsumer;
	/** In order of arrival. */
	readonly received: readonly ReceivedMessage[];
	/** Sends the numbers of a range as text, the last one included. */
	readonly sendRange: (first: number, last: number) => void;
	readonly close: () => void;
};

const listenInfo: types.TransportListenInfo = { protocol: 'udp', ip: '127.0.0.1' };

export async function openDataCall(router: types.Router, subchannels: number[] = []): Promise<DataCall> {
	const ingress = await router.createDirectTransport();
	const producer = await ingress.produceData({ label: 'a "label" of the test', protocol: 'räsonable\n' });

	return withConsumer(router, producer, subchannels, [ingress]);
}

/**
 * Two plain transports that are connected to each other: what is sent into that of the router elsewhere leaves its SCTP association and enters
 * that of the other, whose data producer is the call's.
 */
export async function openSctpCall(router: types.Router, elsewhere: types.Router): Promise<DataCall> {
	const options: types.PlainTransportOptions = { listenInfo, rtcpMux: true, comedia: false, enableSctp: true };
	const [sender, receiver] = [await elsewhere.createPlainTransport(options), await router.createPlainTransport(options)];
	const source = await elsewhere.createDirectTransport();

	await sender.connect({ ip: '127.0.0.1', port: receiver.tuple.localPort });
	await receiver.connect({ ip: '127.0.0.1', port: sender.tuple.localPort });

	const sourceProducer = await source.produceData();
	const sourceConsumer = await sender.consumeData({ dataProducerId: sourceProducer.id });
	const producer = await receiver.produceData({ sctpStreamParameters: { streamId: sourceConsumer.sctpStreamParameters!.streamId, ordered: true } });
	const call = await withConsumer(router, producer, [], [source, sender, receiver]);

	return {
		...call,
		sendRange(first, last) {
			sendNumbers(sourceProducer, first, last);
		},
	};
}

async function withConsumer(
	router: types.Router,
	producer: types.DataProducer,
	subchannels: number[],
	transports: readonly types.Transport[],
): Promise<DataCall> {
	const egress = await router.createDirectTransport();
	const consumer = await egress.consumeData({ dataProducerId: producer.id, subchannels });
	const received: ReceivedMessage[] = [];

	consumer.on('message', (message, ppid) => received.push({ text: message.toString(), ppid }));

	return {
		producer,
		consumer,
		received,
		sendRange(first, last) {
			sendNumbers(producer, first, last);
		},
		close() {
			for (const transport of [...transports, egress]) {
				transport.close();
			}
		},
	};
}

function sendNumbers(producer: types.DataProducer, first: number, last: number): void {
	for (let number = first; number <= last; number++) {
		producer.send(String(number));
	}
}

/** What sendRange() sent, as it is received. */
export const numbers = (first: number, last: number): ReceivedMessage[] =>
	Array.from({ length: last - first + 1 }, (_, index) => ({ text: String(first + index), ppid: 51 }));
