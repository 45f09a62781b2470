// Takes batches of packets, or of data messages, through the plugin's synchronous handler: one call into JavaScript per batch, nothing
// allocated per record, and a throw costs that record alone.

import { KnownRouter } from '../../../src/plugin/known-objects.ts';
import type { RecordView } from '../../../src/plugin/record-view.ts';
import { verdictNumbers } from '../../../src/plugin/verdicts.ts';
import { verdictNumber } from './decisions.ts';
import type { RecordMemories } from './record-memories.ts';

export type BatchHandler = {
	run(router: KnownRouter, count: number): void;
	close(): void;
};

export type RecordHandlerOptions<View extends RecordView> = {
	/** As the plugin's author calls it, for the log. */
	readonly name: string;
	readonly memories: RecordMemories;
	readonly isStrict: boolean;
	readonly makeView: (router: KnownRouter) => View;
	readonly handle: (view: View) => unknown;
	/** Sends what is staged. Its verdict's number. */
	readonly replace: (view: View) => number;
	readonly report: (where: string, error: unknown) => void;
};

export class RecordHandler<View extends RecordView> implements BatchHandler {
	readonly #options: RecordHandlerOptions<View>;
	#view: View;

	constructor(options: RecordHandlerOptions<View>) {
		this.#options = options;
		this.#view = options.makeView(new KnownRouter(0));
	}

	run(router: KnownRouter, count: number): void {
		const { memories, isStrict, makeView } = this.#options;
		const { offsets, memories: places, attachments, verdicts } = memories.arrays;

		for (let i = 0; i < count; ++i) {
			if (isStrict) {
				this.#view = makeView(router);
			}
			this.#view.point(memories.of(router.number, places[i]!), offsets[i]!, router, attachments[i]!, i);
			verdicts[i] = this.#decide(this.#view);

			if (isStrict) {
				this.#view.expire();
			}
		}
		this.#view.expire();
	}

	close(): void {
		this.#view.expire();
	}

	#decide(view: View): number {
		const { handle, replace, report, name } = this.#options;

		try {
			const returned = handle(view);
			const verdict = verdictNumber(returned, view);

			if (verdict !== verdictNumbers.pending) {
				return verdict;
			}
			// Of observers nothing is awaited.
			if (!view.isAwaited) {
				return verdictNumbers.accept;
			}

			return returned === 'replace' ? replace(view) : verdict;
		} catch (error) {
			report(name, error);

			return verdictNumbers.error;
		}
	}
}
