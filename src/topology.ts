// Which routers and producers there are, and in which worker: seen through mediasoup's observers from the moment each is made. Closing
// anything here closes the attachments to it, at once and in the same turn, as mediasoup does with what is its own.

import type { Producer, Router, Transport, Worker } from 'mediasoup/types';

import { InvalidOptionError, InvalidStateError, NotFoundError } from './errors.ts';
import type { ProducerRef, RouterRef } from './options.ts';
import type { WorkerLink } from './worker-link.ts';

/** Something that ends with its router or producer. */
export interface Dependent {
	routerClosed(): void;
	producerClosed(): void;
	workerClosed(): void;
}

/** A router of an adopted worker. */
export class RouterPlace {
	readonly router: RouterRef;
	readonly link: WorkerLink;
	readonly producers = new Map<string, ProducerRef>();
	readonly #dependents = new Map<Dependent, string | undefined>();

	constructor(router: RouterRef, link: WorkerLink) {
		this.router = router;
		this.link = link;
	}

	add(dependent: Dependent, producerId: string | undefined): void {
		this.#dependents.set(dependent, producerId);
	}

	remove(dependent: Dependent): void {
		this.#dependents.delete(dependent);
	}

	onProducerClosed(producer: ProducerRef): void {
		this.producers.delete(producer.id);

		for (const [dependent, producerId] of [...this.#dependents]) {
			if (producerId === producer.id) {
				dependent.producerClosed();
			}
		}
	}

	onRouterClosed(): void {
		for (const dependent of [...this.#dependents.keys()]) {
			if (this.link.closed) {
				dependent.workerClosed();
			} else {
				dependent.routerClosed();
			}
		}
	}
}

export class Topology {
	readonly #places = new Map<string, RouterPlace>();

	/** Call it in the turn in which the worker appears: what it has made before stays unknown. */
	observe(worker: Pick<Worker, 'observer'>, link: WorkerLink): void {
		worker.observer.on('newrouter', (router) => this.#observeRouter(router, link));
	}

	/** The link has ended; the worker may go on without it. */
	dropWorker(link: WorkerLink): void {
		for (const place of this.#places.values()) {
			if (place.link === link) {
				place.onRouterClosed();
			}
		}
	}

	/** Throws when it is closed or unknown. */
	placeOf(router: RouterRef): RouterPlace {
		if (router.closed) {
			throw new InvalidStateError('MPH_ERR_ROUTER_CLOSED', `router ${router.id} is closed`);
		}

		const place = this.#places.get(router.id);

		if (!place) {
			throw new NotFoundError(
				'MPH_ERR_ROUTER_NOT_FOUND',
				`router ${router.id} belongs to no adopted worker; call createPluginHost() first, with the mediasoup module that makes the worker`,
			);
		}

		return place;
	}

	/** The one router that has the producer. */
	placeOfProducer(producerId: string): RouterPlace {
		const places = [...this.#places.values()].filter((place) => place.producers.has(producerId));

		if (places.length > 1) {
			throw new InvalidOptionError(
				'MPH_ERR_OPTION_VALUE',
				`attach(): producer ${producerId} is piped and exists in routers ${places.map(({ router }) => router.id).join(' and ')}; name the one that is meant with the option "router"`,
			);
		}
		if (!places[0]) {
			throw new NotFoundError('MPH_ERR_PRODUCER_NOT_FOUND', `no router of an adopted worker has a producer ${producerId}`);
		}

		return places[0];
	}

	#observeRouter(router: Router, link: WorkerLink): void {
		const place = new RouterPlace(router, link);

		this.#places.set(router.id, place);
		router.observer.on('newtransport', (transport) => observeTransport(transport, place));
		router.observer.once('close', () => {
			this.#places.delete(router.id);
			place.onRouterClosed();
		});
	}
}

function observeTransport(transport: Transport, place: RouterPlace): void {
	transport.observer.on('newproducer', (producer: Producer) => {
		place.producers.set(producer.id, producer);
		producer.observer.once('close', () => place.onProducerClosed(producer));
	});
}
