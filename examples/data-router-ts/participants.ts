// Who is there, by router: data consumers by id, and how many data producers are open.

import type { LifecycleEvent } from 'mediasoup-plugin-host/plugin';

type Room = { readonly consumers: Map<string, number>; readonly producers: Set<number> };

export class Participants {
	readonly #rooms = new Map<number, Room>();

	hear(event: LifecycleEvent): void {
		switch (event.type) {
			case 'dataConsumerCreated':
				this.#room(event.router).consumers.set(event.dataConsumerId, event.dataConsumer);
				break;
			case 'dataConsumerClosed':
				this.#room(event.router).consumers.delete(event.dataConsumerId);
				break;
			case 'dataProducerCreated':
				this.#room(event.router).producers.add(event.dataProducer);
				break;
			case 'dataProducerClosed':
				this.#room(event.router).producers.delete(event.dataProducer);
				break;
			case 'routerClosed':
				this.#rooms.delete(event.router);
				break;
			default:
		}
	}

	/** Number of a data consumer, if it is there. */
	find(router: number, id: string): number | undefined {
		return this.#room(router).consumers.get(id);
	}

	/** Open data producers. */
	count(router: number): number {
		return this.#room(router).producers.size;
	}

	#room(router: number): Room {
		let room = this.#rooms.get(router);

		if (!room) {
			room = { consumers: new Map(), producers: new Set() };
			this.#rooms.set(router, room);
		}

		return room;
	}
}
