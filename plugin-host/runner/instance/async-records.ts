// Takes batches of packets, or of data messages, through a handler that returns promises: each gets a copy of its own in pooled memory, and
// the verdict follows when its promise settles. How many may be in its hands is bounded.

import type { KnownRouter } from '../../../src/plugin/known-objects.ts';
import type { Counter } from '../../../src/plugin/plugin-context.ts';
import type { RecordView } from '../../../src/plugin/record-view.ts';
import { verdictNumbers } from '../../../src/plugin/verdicts.ts';
import { Result } from './addon.ts';
import { BytePool } from './byte-pool.ts';
import type { DecisionSink } from './decisions.ts';
import { verdictNumber } from './decisions.ts';
import type { BatchHandler } from './record-handler.ts';
import type { RecordMemories } from './record-memories.ts';
import type { Retries } from './retries.ts';

export type AsyncRecordsOptions<View extends RecordView> = {
	/** As the plugin's author calls it, for the log. */
	readonly name: string;
	readonly memories: RecordMemories;
	readonly isStrict: boolean;
	readonly makeView: (router: KnownRouter) => View;
	readonly handle: (view: View) => unknown;
	/** Of a record that nobody waits for: the rest of its stream shall not be seen. */
	readonly bypass: (view: View) => void;
	readonly sink: DecisionSink;
	readonly retries: Retries;
	/** How many are in the hands of this handler and its sisters. */
	readonly hands: Hands;
	readonly report: (where: string, error: unknown) => void;
};

/** One bound for packets and messages together. */
export class Hands {
	readonly #max: number;
	readonly #over: Counter;
	#count = 0;

	constructor(max: number, over: Counter) {
		this.#max = max;
		this.#over = over;
	}

	get count(): number {
		return this.#count;
	}

	/** False: they are full. */
	take(): boolean {
		if (this.#count >= this.#max) {
			this.#over.add();

			return false;
		}
		++this.#count;

		return true;
	}

	release(): void {
		--this.#count;
	}
}

export class AsyncRecords<View extends RecordView> implements BatchHandler {
	readonly #options: AsyncRecordsOptions<View>;
	readonly #pool = new BytePool();
	readonly #guide: View;
	#closed = false;

	constructor(options: AsyncRecordsOptions<View>, nowhere: KnownRouter) {
		this.#options = options;
		this.#guide = options.makeView(nowhere);
	}

	run(router: KnownRouter, count: number): void {
		const { memories } = this.#options;
		const { offsets, memories: places, attachments, verdicts } = memories.arrays;

		for (let i = 0; i < count; ++i) {
			this.#guide.point(memories.of(router.number, places[i]!), offsets[i]!, router, attachments[i]!, i);
			verdicts[i] = this.#begin(router);
		}
		this.#guide.expire();
	}

	close(): void {
		this.#closed = true;
	}

	#begin(router: KnownRouter): number {
		const { hands, makeView, isStrict } = this.#options;

		if (!hands.take()) {
			return verdictNumbers.error;
		}

		const view = makeView(router);
		// In strict mode memory is not used again, but detached: who kept it notices.
		const bytes = isStrict ? new Uint8Array(this.#guide.copyLength) : this.#pool.take(this.#guide.copyLength);

		this.#guide.copyInto(view, bytes);
		void this.#follow(view, bytes);

		return this.#guide.isAwaited ? verdictNumbers.pending : verdictNumbers.accept;
	}

	/** Never rejects. */
	async #follow(view: View, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
		const { handle, report, name, sink } = this.#options;
		let verdict: number;
		let returned: unknown;

		try {
			// Even what is decided at once is told after the batch, which says that it is pending.
			returned = await (async () => handle(view))();
			verdict = returned === 'pending' ? verdictNumber(undefinedVerdict, view) : verdictNumber(returned, view);
		} catch (error) {
			report(name, error);
			verdict = verdictNumbers.error;
		}

		if (this.#closed) {
			sink.late();
		} else if (view.isAwaited) {
			this.#decide(view, returned === 'replace' && verdict === verdictNumbers.pending ? view.staged : undefined, verdict, bytes);

			return;
		} else if (verdict === verdictNumbers.bypass) {
			this.#options.bypass(view);
		}
		this.#release(view, bytes);
	}

	#decide(view: View, replacement: Uint8Array | undefined, verdict: number, bytes: Uint8Array<ArrayBuffer>): void {
		const { sink, retries, report, name } = this.#options;
		const record = view.ref;

		retries.run(() => {
			let result = replacement ? sink.replace(record, replacement) : sink.verdict(record, verdict);

			if (result === Result.full) {
				return result;
			}
			if (result === Result.invalid && replacement) {
				report(name, new RangeError(`a replacement of ${replacement.length} bytes does not fit the verdict ring`));
				result = sink.verdict(record, verdictNumbers.error);
			}
			if (result === Result.unknown) {
				sink.late();
			}
			this.#release(view, bytes);

			return result;
		});
	}

	#release(view: View, bytes: Uint8Array<ArrayBuffer>): void {
		view.expire();
		this.#options.hands.release();

		if (this.#options.isStrict) {
			bytes.buffer.transfer(0);
		} else {
			this.#pool.give(bytes);
		}
	}
}

/** What a promise may not come to: it is the pending verdict itself. */
const undefinedVerdict = "'pending' by a promise";
