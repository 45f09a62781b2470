// What lives in a router, as it comes and goes, in order with the packets. A host that comes late hears first of what is there.

import type { KindName } from './record-names.ts';

type InRouter = {
	/** Milliseconds of CLOCK_MONOTONIC, like `packet.receivedAt`. */
	readonly at: number;
	/** Number of the router in this instance. */
	readonly router: number;
	readonly routerId: string;
};

type OnTransport = { readonly transport: number; readonly transportId: string | undefined };

export type RouterEvent = InRouter & {
	/** Opened: before anything else of that router. */
	readonly type: 'routerOpened' | 'routerClosed';
	readonly workerPid: number;
};

export type TransportEvent = InRouter & {
	readonly type: 'transportCreated' | 'transportClosed';
	readonly transport: number;
	readonly transportId: string;
	/** Of created ones: `{ type: 'webrtc' | 'plain' | 'pipe' | 'direct' }`. */
	readonly parameters: unknown;
};

export type ProducerEvent = InRouter &
	OnTransport & {
		/** Closed: the last that is heard of it. */
		readonly type: 'producerCreated' | 'producerClosed' | 'producerPaused' | 'producerResumed';
		readonly producer: number;
		readonly producerId: string;
		readonly kind: Exclude<KindName, 'data'>;
		/** Of its first codec, as "audio/opus". */
		readonly mimeType: string | undefined;
		readonly clockRate: number;
		readonly paused: boolean;
		/** Mapped ones, one per encoding. */
		readonly ssrcs: readonly number[];
		/** Of created ones: mediasoup's RtpParameters, with `type`. Undefined where they are too long; query() has them. */
		readonly parameters: unknown;
	};

export type DataProducerEvent = InRouter &
	OnTransport & {
		readonly type: 'dataProducerCreated' | 'dataProducerClosed' | 'dataProducerPaused' | 'dataProducerResumed';
		readonly dataProducer: number;
		readonly dataProducerId: string;
		readonly paused: boolean;
		/** Of created ones: `{ type: 'sctp' | 'direct', label, protocol, sctpStreamParameters }`. */
		readonly parameters: unknown;
	};

export type ConsumerEvent = InRouter &
	OnTransport & {
		readonly type: 'consumerCreated' | 'consumerClosed' | 'consumerPaused' | 'consumerResumed';
		readonly consumer: number;
		readonly consumerId: string;
		readonly producer: number;
		readonly producerId: string | undefined;
		readonly paused: boolean;
		/** Of created ones: mediasoup's RtpParameters, with `type`. */
		readonly parameters: unknown;
	};

export type DataConsumerEvent = InRouter &
	OnTransport & {
		readonly type: 'dataConsumerCreated' | 'dataConsumerClosed' | 'dataConsumerPaused' | 'dataConsumerResumed';
		readonly dataConsumer: number;
		readonly dataConsumerId: string;
		readonly dataProducer: number;
		readonly dataProducerId: string | undefined;
		readonly paused: boolean;
		readonly parameters: unknown;
	};

export type AttachmentEvent = InRouter & {
	readonly type: 'attachmentAdded' | 'attachmentRemoved';
	readonly attachment: number;
	readonly attachmentId: string;
	/** What the app gave to attach(). */
	readonly context: unknown;
	/** It only observes or diverts: no verdict is awaited. */
	readonly observe: boolean;
};

export type LifecycleEvent = RouterEvent | TransportEvent | ProducerEvent | DataProducerEvent | ConsumerEvent | DataConsumerEvent | AttachmentEvent;
