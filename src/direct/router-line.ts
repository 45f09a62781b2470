// The way to one router of what the app sends: its ring while an instance serves it, else mediasoup's own channel.

import type { PluginContext } from '../plugin/plugin-context.ts';
import type { CallResult } from '../plugin/results.ts';
import type { Sending } from './sequencer.ts';
import { Sequencer } from './sequencer.ts';

/** The instance that serves the router, and the router's number there. */
export type Link = { readonly context: PluginContext; readonly router: number };

/** A producer or data producer, and mediasoup's own way of sending as it. */
export type Sender = {
	readonly id: string;
	readonly closed: boolean;
	/** Of it, by the ring. */
	send(link: Link, number: number): CallResult;
	sendByChannel(): void;
};

export class RouterLine {
	readonly sequencer = new Sequencer(() => this.#taken());
	/** Resolves when the worker has taken all that went by mediasoup's channel before. Never rejects. */
	readonly #channelTaken: () => Promise<void>;
	/** By the ids of producers and data producers. */
	readonly #numbers = new Map<string, number>();
	readonly #opened = Promise.withResolvers<void>();
	readonly #asking = new Set<() => void>();
	#link: Link | undefined;
	#hasUsedChannel = false;
	#isDraining = false;

	constructor(channelTaken: () => Promise<void>) {
		this.#channelTaken = channelTaken;
	}

	/** Resolves when an instance has served it for the first time. */
	get opened(): Promise<void> {
		return this.#opened.promise;
	}

	get isOpen(): boolean {
		return this.#link !== undefined;
	}

	open(link: Link): void {
		this.close();
		this.#link = link;
		this.#opened.resolve();

		if (this.#hasUsedChannel) {
			this.#hasUsedChannel = false;
			// Else the ring could overtake it.
			void this.sequencer.call(this.#channelTaken);
		}
	}

	/** The instance is gone, or the router. */
	close(): void {
		this.#link = undefined;
		this.#numbers.clear();
		this.#asking.forEach((resolve) => resolve());
		this.sequencer.lost();
	}

	created(id: string, number: number): void {
		this.#numbers.set(id, number);
		this.sequencer.retry();
	}

	closed(id: string): void {
		this.#numbers.delete(id);
	}

	/** As Send.try(). */
	send(sender: Sender): Sending {
		if (sender.closed) {
			// As mediasoup's own, which the worker has nobody for.
			return 'channel';
		}
		if (!this.#link) {
			sender.sendByChannel();
			this.#hasUsedChannel = true;

			return 'channel';
		}

		const number = this.#numbers.get(sender.id);

		// The instance hears of it before long.
		if (number === undefined) {
			return 'full';
		}

		const result = sender.send(this.#link, number);

		if (result === 'full') {
			this.#retryAfterDrain(this.#link.context);
		}

		return result === 'ok' ? 'ring' : result === 'full' ? 'full' : 'elsewhere';
	}

	/** As Send.elsewhere(). */
	async sendElsewhere(sender: Sender): Promise<void> {
		if (!sender.closed) {
			sender.sendByChannel();
			await this.#channelTaken();
		}
	}

	#retryAfterDrain(context: PluginContext): void {
		if (!this.#isDraining) {
			this.#isDraining = true;
			void context.drain().then(() => {
				this.#isDraining = false;
				this.sequencer.retry();
			});
		}
	}

	/** The worker answers what it takes from the ring in order, even that there is no such subscription. */
	#taken(): Promise<void> {
		return new Promise((resolve) => {
			const done = (): void => {
				this.#asking.delete(done);
				resolve();
			};
			const ask = (): void => {
				const link = this.#link;
				const result = link?.context.subscribe({ router: link.router, attachment: 0, producer: 0 }, false, done);

				if (result === 'full') {
					void link!.context.drain().then(ask);
				} else if (result !== 'ok') {
					done();
				}
			};

			this.#asking.add(done);
			ask();
		});
	}
}
