// The producers and data producers that an attachment names, as they are now: added and removed by the app, gone when they close.

import type { Outgoing, TargetFields } from './control/outgoing.ts';
import { InvalidOptionError, NotFoundError } from './errors.ts';
import type { RouterPlace, TargetKind } from './router-place.ts';
import { targetWords } from './router-place.ts';
import { isObject } from './validate.ts';

export type AttachmentTargetsOptions = {
	readonly attachmentId: string;
	readonly place: RouterPlace;
	readonly fields: TargetFields;
	/** Rejects when a data producer has messages that the attachment cannot take. */
	readonly check: (call: string, dataProducerId: string) => Promise<void>;
	/** Throws when the attachment is closed. */
	readonly assertOpen: (call: string) => void;
	/** Ends the attachment. */
	readonly close: () => void;
};

export class AttachmentTargets {
	readonly #options: AttachmentTargetsOptions;
	readonly #ids: Readonly<Record<TargetKind, Set<string>>>;

	constructor(options: AttachmentTargetsOptions) {
		this.#options = options;
		this.#ids = { producer: new Set(options.fields.producerIds), dataProducer: new Set(options.fields.dataProducerIds) };
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

	/** Resolves when the worker knows it. */
	async add(call: string, kind: TargetKind, target: unknown): Promise<void> {
		const { place, check, assertOpen } = this.#options;
		const id = readTargetId(call, kind, target);

		if (!place.has(kind, id)) {
			throw new NotFoundError(targetWords[kind].notFound, `${call}: router ${place.router.id} has no ${targetWords[kind].name} ${id}`);
		}
		if (kind === 'dataProducer') {
			await check(call, id);
			assertOpen(call);
		}
		if (this.#ids[kind].has(id)) {
			return;
		}

		// At once, so that its closing is not missed.
		this.#ids[kind].add(id);

		try {
			await place.link.addTarget(this.#change(kind, id));
		} catch (error) {
			this.#ids[kind].delete(id);
			throw this.#reason(call, error);
		}
	}

	/** Resolves when the worker has let go of it. */
	async remove(call: string, kind: TargetKind, target: unknown): Promise<void> {
		const { attachmentId, place, close } = this.#options;
		const id = readTargetId(call, kind, target);

		if (!this.#ids[kind].has(id)) {
			throw new NotFoundError(targetWords[kind].notFound, `${call}: ${targetWords[kind].name} ${id} is no target of attachment ${attachmentId}`);
		}
		if (!this.#areKept && this.#size === 1) {
			close();

			return;
		}

		try {
			await place.link.removeTarget(this.#change(kind, id));
		} catch (error) {
			throw this.#reason(call, error);
		}
		this.#ids[kind].delete(id);

		// The others may have closed meanwhile.
		if (this.areOver) {
			close();
		}
	}

	/** Returns false when it was none. */
	closed(kind: TargetKind, id: string): boolean {
		return this.#ids[kind].delete(id);
	}

	/** Whether the attachment outlives the last of them. */
	get #areKept(): boolean {
		return this.#options.fields.keepWithoutTargets;
	}

	get #size(): number {
		return this.#ids.producer.size + this.#ids.dataProducer.size;
	}

	/** What closed the attachment meanwhile says more than that the worker does not know it any more. */
	#reason(call: string, error: unknown): unknown {
		this.#options.assertOpen(call);

		return error;
	}

	#change(kind: TargetKind, id: string): Outgoing['AddTarget'] {
		return {
			attachmentId: this.#options.attachmentId,
			producerId: kind === 'producer' ? id : undefined,
			dataProducerId: kind === 'dataProducer' ? id : undefined,
		};
	}
}

/** What the app gave to `call` as a producer or its id. */
function readTargetId(call: string, kind: TargetKind, target: unknown): string {
	const id = isObject(target) ? target['id'] : target;

	if (typeof id !== 'string' || id === '') {
		throw new InvalidOptionError('MPH_ERR_OPTION_TYPE', `${call}: the argument must be a ${targetWords[kind].name} or its id`);
	}

	return id;
}
