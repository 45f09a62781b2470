// Which routers, producers and data producers there are, and in which worker: seen through mediasoup's observers from the moment each is
// made. Closing anything here closes the attachments to it, at once and in the same turn, as mediasoup does with what is its own.

import type { BaseTransportDump, DataProducer, Producer, Router, SctpParameters, Transport, Worker } from 'mediasoup/types';

import type { AttachSettings, ProducerRef } from './attach-options.ts';
import { defaults } from './defaults.ts';
import type { ErrorCode } from './errors.ts';
import { InvalidOptionError, InvalidStateError, NotFoundError } from './errors.ts';
import type { RingSettings, RouterRef } from './options.ts';
import type { WorkerLink } from './worker-link.ts';

/** Something that ends with its router, or with its producers. */
export interface Dependent {
	routerClosed(): void;
	producerClosed(producerId: string): void;
	dataProducerClosed(dataProducerId: string): void;
	workerClosed(): void;
}

/** What is asked of the transport that a data producer is on. Only a direct one has no SCTP. */
type DataTransport = Pick<Transport, 'type'> & {
	readonly sctpParameters?: SctpParameters | undefined;
	dump(): Promise<Pick<BaseTransportDump, 'maxReceiveMessageSize'>>;
};

/** A router of an adopted worker. */
export class RouterPlace {
	readonly router: RouterRef;
	readonly link: WorkerLink;
	readonly producers = new Map<string, ProducerRef>();
	readonly #dataTransports = new Map<string, DataTransport>();
	readonly #dependents = new Set<Dependent>();
	#packetRingSize: number = defaults.packetRingSize;

	constructor(router: RouterRef, link: WorkerLink) {
		this.router = router;
		this.link = link;
	}

	/** Of packet rings that come into being from now on. */
	get packetRingSize(): number {
		return this.#packetRingSize;
	}

	async configure(sizes: RingSettings): Promise<void> {
		await this.link.configureRouter(this.router.id, sizes);
		this.#packetRingSize = sizes.packetRingSize || defaults.packetRingSize;
	}

	add(dependent: Dependent): void {
		this.#dependents.add(dependent);
	}

	remove(dependent: Dependent): void {
		this.#dependents.delete(dependent);
	}

	has(kind: TargetKind, id: string): boolean {
		return (kind === 'producer' ? this.producers : this.#dataTransports).has(id);
	}

	/** Those that an attachment to the router means. */
	dataProducerIds(pipe: boolean): string[] {
		return [...this.#dataTransports].filter(([, { type }]) => pipe || type !== 'pipe').map(([id]) => id);
	}

	/** How long a message of the data producer can be, in bytes. Undefined when that cannot be known. */
	async maxMessageSizeOf(dataProducerId: string): Promise<number | undefined> {
		const transport = this.#dataTransports.get(dataProducerId);

		if (transport?.sctpParameters) {
			return transport.sctpParameters.maxReceiveMessageSize;
		}

		try {
			return (await transport?.dump())?.maxReceiveMessageSize;
		} catch {
			// It is closing.
			return undefined;
		}
	}

	onNewProducer(producer: Producer): void {
		this.producers.set(producer.id, producer);
		producer.observer.once('close', () => {
			this.producers.delete(producer.id);
			this.#tell((dependent) => dependent.producerClosed(producer.id));
		});
	}

	onNewDataProducer(dataProducer: DataProducer, transport: DataTransport): void {
		this.#dataTransports.set(dataProducer.id, transport);
		dataProducer.observer.once('close', () => {
			this.#dataTransports.delete(dataProducer.id);
			this.#tell((dependent) => dependent.dataProducerClosed(dataProducer.id));
		});
	}

	onRouterClosed(): void {
		this.#tell((dependent) => (this.link.closed ? dependent.workerClosed() : dependent.routerClosed()));
	}

	#tell(what: (dependent: Dependent) => void): void {
		for (const dependent of [...this.#dependents]) {
			what(dependent);
		}
	}
}

export type TargetKind = 'producer' | 'dataProducer';

type Named = { readonly kind: TargetKind; readonly id: string };

/** How each kind is called, and what says that it is not there. */
export const targetWords: Readonly<Record<TargetKind, { readonly name: string; readonly notFound: ErrorCode; readonly closed: ErrorCode }>> = {
	producer: { name: 'producer', notFound: 'MPH_ERR_PRODUCER_NOT_FOUND', closed: 'MPH_ERR_PRODUCER_CLOSED' },
	dataProducer: { name: 'data producer', notFound: 'MPH_ERR_DATA_PRODUCER_NOT_FOUND', closed: 'MPH_ERR_DATA_PRODUCER_CLOSED' },
};

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
	placeOfTargets({ router, targets }: Pick<AttachSettings, 'router' | 'targets'>): RouterPlace {
		if (router) {
			return this.placeOf(router);
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
	transport.observer.on('newproducer', (producer: Producer) => place.onNewProducer(producer));
	transport.observer.on('newdataproducer', (dataProducer: DataProducer) => place.onNewDataProducer(dataProducer, transport as DataTransport));
}
