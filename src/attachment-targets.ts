// The producers and data producers that an attachment names, as they are now: added and removed by the app, gone when they close.

import type { Outgoing, TargetFields } from './control/outgoing.ts';
import { InvalidOptionError, NotFoundError } from './errors.ts';
import type { RouterPlace, TargetKind } from './topology.ts';
import { targetWords } from './topology.ts';
import { isObject } from './validate.ts';

export class AttachmentTargets {
	readonly #attachmentId: string;
	readonly #place: RouterPlace;
	readonly #ids: Readonly<Record<TargetKind, Set<string>>>;
	/** Whether the attachment outlives the last of them. */
	readonly #areKept: boolean;

	constructor(attachmentId: string, place: RouterPlace, { producerIds, dataProducerIds, keepWithoutTargets }: TargetFields) {
		this.#attachmentId = attachmentId;
		this.#place = place;
		this.#ids = { producer: new Set(producerIds), dataProducer: new Set(dataProducerIds) };
		this.#areKept = keepWithoutTargets;
	}

	get fields(): TargetFields {
		return {
			producerIds: this.idsOf('producer'),
			dataProducerIds: this.idsOf('dataProducer'),
			keepWithoutTargets: this.#areKept,
		};
	}

	/** Whether the attachment ends, as nothing is left of it. */
	get areOver(): boolean {
		return !this.#areKept && this.#size === 0;
	}

	idsOf(kind: TargetKind): readonly string[] {
		return [...this.#ids[kind]];
	}

	/** Whether the attachment would end without it. */
	isLast(kind: TargetKind, id: string): boolean {
		return !this.#areKept && this.#size === 1 && this.#ids[kind].has(id);
	}

	/** Resolves when the worker knows it. */
	async add(kind: TargetKind, id: string): Promise<void> {
		if (this.#ids[kind].has(id)) {
			return;
		}

		// At once, so that its closing is not missed.
		this.#ids[kind].add(id);

		try {
			await this.#place.link.addTarget(this.#change(kind, id));
		} catch (error) {
			this.#ids[kind].delete(id);
			throw error;
		}
	}

	/** Resolves when the worker has let go of it. */
	async remove(kind: TargetKind, id: string): Promise<void> {
		await this.#place.link.removeTarget(this.#change(kind, id));
		this.#ids[kind].delete(id);
	}

	/** Returns false when it was none. */
	closed(kind: TargetKind, id: string): boolean {
		return this.#ids[kind].delete(id);
	}

	/** That it can be added. */
	assertExists(call: string, kind: TargetKind, id: string): void {
		if (!this.#place.has(kind, id)) {
			throw new NotFoundError(targetWords[kind].notFound, `${call}: router ${this.#place.router.id} has no ${targetWords[kind].name} ${id}`);
		}
	}

	/** That it can be removed. */
	assertNamed(call: string, kind: TargetKind, id: string): void {
		if (!this.#ids[kind].has(id)) {
			throw new NotFoundError(targetWords[kind].notFound, `${call}: ${targetWords[kind].name} ${id} is no target of attachment ${this.#attachmentId}`);
		}
	}

	get #size(): number {
		return this.#ids.producer.size + this.#ids.dataProducer.size;
	}

	#change(kind: TargetKind, id: string): Outgoing['AddTarget'] {
		return {
			attachmentId: this.#attachmentId,
			producerId: kind === 'producer' ? id : undefined,
			dataProducerId: kind === 'dataProducer' ? id : undefined,
		};
	}
}

/** What the app gave to `call` as a producer or its id. */
export function readTargetId(call: string, kind: TargetKind, target: unknown): string {
	const id = isObject(target) ? target['id'] : target;

	if (typeof id !== 'string' || id === '') {
		throw new InvalidOptionError('MPH_ERR_OPTION_TYPE', `${call}: the argument must be a ${targetWords[kind].name} or its id`);
	}

	return id;
}
