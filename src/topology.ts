// Which routers, producers and data producers there are, and in which worker: seen through mediasoup's observers from the moment each is
// made. Closing anything here closes the attachments to it, at once and in the same turn, as mediasoup does with what is its own.

import type { DataProducer, Producer, Router, Transport, Worker } from 'mediasoup/types';

import type { AttachSettings, DirectTransportRef } from './attach-options.ts';
import { InvalidOptionError, InvalidStateError, NotFoundError } from './errors.ts';
import type { RouterRef } from './options.ts';
import type { DataTransport, TargetKind } from './router-place.ts';
import { RouterPlace, targetWords } from './router-place.ts';
import type { WorkerLink } from './worker-link.ts';

type Named = { readonly kind: TargetKind; readonly id: string };

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

	/** The router that is named, or the one that has all targets. Which targets there are in a router that is named, its worker knows best. */
	placeOfTargets({ router, targets, transport }: Pick<AttachSettings, 'router' | 'targets'> & Partial<Pick<AttachSettings, 'transport'>>): RouterPlace {
		if (router) {
			return this.placeOf(router);
		}
		if (transport) {
			return this.#placeOfTransport(transport);
		}

		const named: readonly Named[] = [
			...(targets?.producerIds ?? []).map((id) => ({ kind: 'producer', id }) as const),
			...(targets?.dataProducerIds ?? []).map((id) => ({ kind: 'dataProducer', id }) as const),
		];
		const [place, ...others] = this.#placesWith(named);

		if (!place) {
			throw this.#nowhere(named);
		}
		if (others.length > 0) {
			const { kind, id } = named[0]!;
			const routerIds = [place, ...others].map((candidate) => candidate.router.id);

			throw new InvalidOptionError(
				'MPH_ERR_OPTION_VALUE',
				`attach(): ${targetWords[kind].name} ${id} is piped and exists in routers ${routerIds.join(' and ')}; name the one that is meant with the option "router"`,
			);
		}

		return place;
	}

	#placesWith(named: readonly Named[]): RouterPlace[] {
		return [...this.#places.values()].filter((place) => named.every(({ kind, id }) => place.has(kind, id)));
	}

	#placeOfTransport({ id, closed }: DirectTransportRef): RouterPlace {
		if (closed) {
			throw new InvalidStateError('MPH_ERR_TRANSPORT_CLOSED', `transport ${id} is closed`);
		}

		const place = [...this.#places.values()].find((candidate) => candidate.hasTransport(id));

		if (!place) {
			throw new NotFoundError('MPH_ERR_TRANSPORT_NOT_FOUND', `no router of an adopted worker has a DirectTransport ${id}`);
		}

		return place;
	}

	#nowhere(named: readonly Named[]): Error {
		for (const { kind, id } of named) {
			if (this.#placesWith([{ kind, id }]).length === 0) {
				return new NotFoundError(targetWords[kind].notFound, `no router of an adopted worker has a ${targetWords[kind].name} ${id}`);
			}
		}

		return new InvalidOptionError(
			'MPH_ERR_OPTION_VALUE',
			`attach(): no router has all of ${named.map(({ id }) => id).join(', ')}; an attachment is to what is in one router`,
		);
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
	place.onNewTransport(transport);
	transport.observer.on('newproducer', (producer: Producer) => place.onNewProducer(producer));
	transport.observer.on('newdataproducer', (dataProducer: DataProducer) => place.onNewDataProducer(dataProducer, transport as DataTransport));
}
