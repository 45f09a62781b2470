// A router of an adopted worker: what lives in it, as far as it can be a target, and who ends with that.

import type { BaseTransportDump, DataProducer, Producer, SctpParameters, Transport } from 'mediasoup/types';

import { defaults } from './defaults.ts';
import type { ErrorCode } from './errors.ts';
import type { RingSettings, RouterRef } from './options.ts';
import type { WorkerLink } from './worker-link.ts';

export type TargetKind = 'producer' | 'dataProducer';

/** How each kind is called, and what says that it is not there. */
export const targetWords: Readonly<Record<TargetKind, { readonly name: string; readonly notFound: ErrorCode; readonly closed: ErrorCode }>> = {
	producer: { name: 'producer', notFound: 'MPH_ERR_PRODUCER_NOT_FOUND', closed: 'MPH_ERR_PRODUCER_CLOSED' },
	dataProducer: { name: 'data producer', notFound: 'MPH_ERR_DATA_PRODUCER_NOT_FOUND', closed: 'MPH_ERR_DATA_PRODUCER_CLOSED' },
};

/** Something that ends with its router, or with its producers. */
export interface Dependent {
	routerClosed(): void;
	producerClosed(producerId: string): void;
	dataProducerClosed(dataProducerId: string): void;
	transportClosed(transportId: string): void;
	workerClosed(): void;
}

/** What is asked of the transport that a data producer is on. Only a direct one has no SCTP. */
export type DataTransport = Pick<Transport, 'type'> & {
	readonly sctpParameters?: SctpParameters | undefined;
	dump(): Promise<Pick<BaseTransportDump, 'maxReceiveMessageSize'>>;
};

/** A router of an adopted worker. */
export class RouterPlace {
	readonly router: RouterRef;
	readonly link: WorkerLink;
	readonly #transportIds = new Set<string>();
	readonly #producerIds = new Set<string>();
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
		return kind === 'producer' ? this.#producerIds.has(id) : this.#dataTransports.has(id);
	}

	hasTransport(id: string): boolean {
		return this.#transportIds.has(id);
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

	onNewTransport(transport: Transport): void {
		this.#transportIds.add(transport.id);
		transport.observer.once('close', () => {
			this.#transportIds.delete(transport.id);
			this.#tell((dependent) => dependent.transportClosed(transport.id));
		});
	}

	onNewProducer(producer: Producer): void {
		this.#producerIds.add(producer.id);
		producer.observer.once('close', () => {
			this.#producerIds.delete(producer.id);
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
