// createDirectTransport(): mediasoup's own DirectTransport, with its packets and messages on rings. docs/direct-transport.md says what that is.

import type { AppData, DataProducer, DirectTransport, DirectTransportOptions, Producer, Router } from 'mediasoup/types';

import type { PluginHost } from '../plugin-host.ts';
import { ppids } from '../plugin/message-view.ts';
import { DirectHub } from './direct-hub.ts';
import type { RouterLine, Sender } from './router-line.ts';
import type { Sequencer } from './sequencer.ts';

const hubs = new WeakMap<PluginHost, DirectHub>();

/** What asks the worker, by the channel. Not what calls another one of them. */
const calls = {
	transport: ['dump', 'getStats', 'produce', 'consume', 'produceData', 'consumeData', 'enableTraceEvent'],
	producer: ['dump', 'getStats', 'pause', 'resume', 'enableTraceEvent'],
	consumer: ['dump', 'getStats', 'pause', 'resume', 'setPreferredLayers', 'setPriority', 'requestKeyFrame', 'enableTraceEvent'],
	dataProducer: ['dump', 'getStats', 'pause', 'resume'],
	dataConsumer: [
		...['dump', 'getStats', 'pause', 'resume', 'setBufferedAmountLowThreshold', 'getBufferedAmount', 'send'],
		...['setSubchannels', 'addSubchannel', 'removeSubchannel'],
	],
} as const;

/**
 * As `router.createDirectTransport(options)`: what it returns is mediasoup's own, but packets and messages go by shared memory. Rejects when the
 * router's worker has no plugin host.
 */
export async function createDirectTransport<TransportAppData extends AppData = AppData>(
	pluginHost: PluginHost,
	router: Router,
	options?: DirectTransportOptions<TransportAppData>,
): Promise<DirectTransport<TransportAppData>> {
	return createOnRings(pluginHost, router, () => router.createDirectTransport<TransportAppData>(options));
}

/** @private `create`: mediasoup's own way, where the router's method is another one. */
export async function createOnRings<TransportAppData extends AppData>(
	pluginHost: PluginHost,
	router: Router,
	create: () => Promise<DirectTransport<TransportAppData>>,
): Promise<DirectTransport<TransportAppData>> {
	const hub = hubOf(pluginHost);
	const plugin = await hub.plugin;
	const transport = await create();
	const line = hub.lineOf(router);

	hub.addTransport(transport);
	follow(transport, line);

	try {
		await plugin.attach({ transport, mode: 'divert', onAbsent: 'accept', onOverflow: 'accept' });
		await openedWithin(line, pluginHost.settings.timeoutMs);
	} catch (error) {
		transport.close();
		throw error;
	}

	return transport;
}

function hubOf(pluginHost: PluginHost): DirectHub {
	const known = hubs.get(pluginHost);

	if (known) {
		return known;
	}

	const hub = new DirectHub(pluginHost);

	hubs.set(pluginHost, hub);
	// What was missing may be there the next time.
	hub.plugin.catch(() => hubs.delete(pluginHost));

	return hub;
}

/** Until then, and so afterwards, what is sent goes by the channel. */
async function openedWithin(line: RouterLine, ms: number): Promise<void> {
	const { promise: late, resolve } = Promise.withResolvers<void>();
	const timer = setTimeout(resolve, ms);

	await Promise.race([line.opened, late]);
	clearTimeout(timer);
}

function follow(transport: DirectTransport, line: RouterLine): void {
	const { sequencer } = line;

	sequence(transport, calls.transport, sequencer);
	transport.observer.on('newproducer', (producer) => {
		sequence(producer, calls.producer, sequencer);
		sendByRing(producer, line);
	});
	transport.observer.on('newdataproducer', (dataProducer) => {
		sequence(dataProducer, calls.dataProducer, sequencer);
		sendDataByRing(dataProducer, line);
	});
	transport.observer.on('newconsumer', (consumer) => sequence(consumer, calls.consumer, sequencer));
	transport.observer.on('newdataconsumer', (dataConsumer) => sequence(dataConsumer, calls.dataConsumer, sequencer));
}

type Callable = Record<string, (...args: unknown[]) => Promise<unknown>>;

function sequence(object: object, names: readonly string[], sequencer: Sequencer): void {
	const callable = object as Callable;

	for (const name of names) {
		const call = callable[name]!;

		callable[name] = (...args) => sequencer.call(() => call.apply(object, args));
	}
}

function sendByRing(producer: Producer, line: RouterLine): void {
	const sendByChannel = producer.send.bind(producer);

	producer.observer.once('close', () => line.sequencer.retry());
	producer.send = (rtpPacket) => {
		if (!Buffer.isBuffer(rtpPacket)) {
			throw new TypeError('rtpPacket must be a Buffer');
		}

		let packet = rtpPacket;

		send(line, () => (packet = Buffer.from(packet)), {
			id: producer.id,
			get closed() {
				return producer.closed;
			},
			send: ({ context, router }, number) => context.receiveRtp({ router, producer: number, packet }),
			sendByChannel: () => sendByChannel(packet),
		});
	};
}

function sendDataByRing(dataProducer: DataProducer, line: RouterLine): void {
	const sendByChannel = dataProducer.send.bind(dataProducer);

	dataProducer.observer.once('close', () => line.sequencer.retry());
	dataProducer.send = (message, ppid, subchannels, requiredSubchannel, ignoredSubchannel) => {
		if (typeof message !== 'string' && !Buffer.isBuffer(message)) {
			throw new TypeError('message must be a string or a Buffer');
		}

		const wirePpid = typeof ppid === 'number' ? ppid : ppidOf(message);
		let bytes = wireBytesOf(message, wirePpid);
		const filter = { requiredSubchannel, ignoredSubchannel };
		let meant = subchannels;

		send(line, () => ([bytes, meant] = [Buffer.from(bytes), meant && [...meant]]), {
			id: dataProducer.id,
			get closed() {
				return dataProducer.closed;
			},
			send: ({ context, router }, number) =>
				context.injectData({ router, dataProducer: number, message: bytes, ppid: wirePpid, asReceived: true, subchannels: meant ?? [], ...defined(filter) }),
			sendByChannel: () => sendByChannel(bytes, wirePpid, meant, requiredSubchannel, ignoredSubchannel),
		});
	};
}

function send(line: RouterLine, keep: () => void, sender: Sender): void {
	line.sequencer.send({ keep, try: () => line.send(sender), elsewhere: () => line.sendElsewhere(sender) });
}

/** RFC 8831, as mediasoup chooses it. */
function ppidOf(message: string | Buffer): number {
	const isEmpty = message.length === 0;

	return typeof message === 'string' ? (isEmpty ? ppids.emptyString : ppids.string) : isEmpty ? ppids.emptyBinary : ppids.binary;
}

/** Those that stand for an empty message, whatever it is, are mediasoup's. */
function wireBytesOf(message: string | Buffer, ppid: number): Buffer {
	if (ppid === ppids.emptyString) {
		return Buffer.from(' ');
	}
	if (ppid === ppids.emptyBinary) {
		return Buffer.alloc(1);
	}

	return typeof message === 'string' ? Buffer.from(message) : message;
}

/** Without those that are not there. */
function defined<T extends object>(fields: T): { [Name in keyof T]?: Exclude<T[Name], undefined> } {
	return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null)) as { [Name in keyof T]?: Exclude<T[Name], undefined> };
}
