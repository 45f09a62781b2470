// Events as the addon has them, with the numbers of mph_event_type, made into what plugins get; and what is known by them.

import { KnownRouter } from '../../../src/plugin/known-objects.ts';
import type { LifecycleEvent } from '../../../src/plugin/events.ts';
import type { PluginEvent } from './addon.ts';

export type EventName = LifecycleEvent['type'];

/** In the order of mph_event_type, which begins at 1. */
export const eventNames: readonly EventName[] = [
	...(['routerOpened', 'routerClosed'] as const),
	...(['producerCreated', 'producerClosed', 'producerPaused', 'producerResumed'] as const),
	...(['attachmentAdded', 'attachmentRemoved', 'transportCreated', 'transportClosed'] as const),
	...(['consumerCreated', 'consumerClosed', 'consumerPaused', 'consumerResumed'] as const),
	...(['dataProducerCreated', 'dataProducerClosed', 'dataProducerPaused', 'dataProducerResumed'] as const),
	...(['dataConsumerCreated', 'dataConsumerClosed', 'dataConsumerPaused', 'dataConsumerResumed'] as const),
];

const kindAudio = 1;

export class EventReader {
	/** Stands for a router where there is none yet. */
	readonly nowhere = new KnownRouter(0);
	readonly #routers = new Map<number, KnownRouter>();

	router(number: number): KnownRouter {
		let router = this.#routers.get(number);

		if (!router) {
			router = new KnownRouter(number);
			this.#routers.set(number, router);
		}

		return router;
	}

	/** Undefined: of a kind that this library does not know yet. What is created or added is known from here on. */
	read(event: PluginEvent): LifecycleEvent | undefined {
		const type = eventNames[event.type - 1];

		if (type === undefined) {
			return undefined;
		}

		const router = this.router(event.router);

		router.id = event.routerId ?? router.id;

		const parameters = parse(event.parameters);
		const context = type === 'attachmentAdded' ? (parse(event.context) ?? {}) : router.attachments.get(event.attachment)?.context;

		if (type === 'producerCreated' || type === 'dataProducerCreated') {
			router.producers.set(event.producer, { id: event.producerId ?? '', mimeType: event.mimeType });
		} else if (type === 'consumerCreated' || type === 'dataConsumerCreated') {
			router.consumers.set(event.consumer, event.consumerId ?? '');
		} else if (type === 'attachmentAdded') {
			router.attachments.set(event.attachment, { id: event.attachmentId ?? '', context });
		}

		return eventOf(type, event, router, parameters, context);
	}

	/** After the plugin has heard of it: what closed is not known any more. */
	forget(event: LifecycleEvent): void {
		const router = this.router(event.router);

		switch (event.type) {
			case 'routerClosed':
				this.#routers.delete(event.router);
				break;
			case 'producerClosed':
				router.producers.delete(event.producer);
				break;
			case 'dataProducerClosed':
				router.producers.delete(event.dataProducer);
				break;
			case 'consumerClosed':
				router.consumers.delete(event.consumer);
				break;
			case 'dataConsumerClosed':
				router.consumers.delete(event.dataConsumer);
				break;
			case 'attachmentRemoved':
				router.attachments.delete(event.attachment);
				break;
			default:
		}
	}
}

function eventOf(type: EventName, event: PluginEvent, router: KnownRouter, parameters: unknown, context: unknown): LifecycleEvent {
	const { producer, consumer, transport, transportId, paused } = event;
	const producerId = event.producerId ?? router.producers.get(producer)?.id;
	const consumerId = event.consumerId ?? router.consumers.get(consumer) ?? '';
	const base = { at: event.at, router: router.number, routerId: router.id };

	switch (type) {
		case 'routerOpened':
		case 'routerClosed':
			return { ...base, type, workerPid: event.workerPid };
		case 'transportCreated':
		case 'transportClosed':
			return { ...base, type, transport, transportId: transportId ?? '', parameters };
		case 'attachmentAdded':
		case 'attachmentRemoved': {
			const attachmentId = event.attachmentId ?? router.attachments.get(event.attachment)?.id ?? '';

			return { ...base, type, attachment: event.attachment, attachmentId, context, observe: event.observe };
		}
		case 'producerCreated':
		case 'producerClosed':
		case 'producerPaused':
		case 'producerResumed': {
			const kind = event.kind === kindAudio ? 'audio' : 'video';
			const mimeType = event.mimeType ?? router.producers.get(producer)?.mimeType;
			const media = { kind, mimeType, clockRate: event.clockRate, ssrcs: event.ssrcs } as const;

			return { ...base, type, producer, producerId: producerId ?? '', ...media, paused, transport, transportId, parameters };
		}
		case 'dataProducerCreated':
		case 'dataProducerClosed':
		case 'dataProducerPaused':
		case 'dataProducerResumed':
			return { ...base, type, dataProducer: producer, dataProducerId: producerId ?? '', paused, transport, transportId, parameters };
		case 'consumerCreated':
		case 'consumerClosed':
		case 'consumerPaused':
		case 'consumerResumed':
			return { ...base, type, consumer, consumerId, producer, producerId, paused, transport, transportId, parameters };
		case 'dataConsumerCreated':
		case 'dataConsumerClosed':
		case 'dataConsumerPaused':
		case 'dataConsumerResumed': {
			const of = { dataProducer: producer, dataProducerId: producerId };

			return { ...base, type, dataConsumer: consumer, dataConsumerId: consumerId, ...of, paused, transport, transportId, parameters };
		}
	}
}

/** The worker and the app have made the text; one that is no JSON counts as none. */
function parse(text: string | undefined): unknown {
	try {
		return text === undefined ? undefined : (JSON.parse(text) as unknown);
	} catch {
		return undefined;
	}
}
