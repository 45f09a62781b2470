// What packets and messages have their instance do: decide, now or later, and not to see a stream any more.

import type { BypassUnit } from '../../../src/generated/layout.js';
import type { Counter } from '../../../src/plugin/plugin-context.ts';
import type { RecordRef, RecordView, ViewServices } from '../../../src/plugin/record-view.ts';
import type { CallResult } from '../../../src/plugin/results.ts';
import { resultOf } from '../../../src/plugin/results.ts';
import type { PendingVerdict } from '../../../src/plugin/verdicts.ts';
import { verdictNumbers } from '../../../src/plugin/verdicts.ts';
import type { Addon } from './addon.ts';
import { Result } from './addon.ts';
import type { DecisionSink } from './decisions.ts';
import { LaterVerdict } from './decisions.ts';
import type { RecordMemories } from './record-memories.ts';
import type { Drain } from './retries.ts';
import type { ScriptCounters } from './script-counters.ts';

const smallestScratch = 2_048;

export type RecordServicesOptions = {
	readonly addon: Addon;
	readonly instance: number;
	readonly memories: RecordMemories;
	readonly isStrict: boolean;
	readonly drain: Drain;
	readonly counters: ScriptCounters;
	readonly report: (where: string, error: unknown) => void;
};

export class RecordServices implements ViewServices, DecisionSink {
	readonly isStrict: boolean;
	readonly #options: RecordServicesOptions;
	readonly #late: Counter;
	readonly #replaceFull: Counter;
	#scratch = new ArrayBuffer(0);
	#closed = false;

	constructor(options: RecordServicesOptions) {
		this.#options = options;
		this.isStrict = options.isStrict;
		this.#late = options.counters.get('script.lateForNobody');
		this.#replaceFull = options.counters.get('script.replaceFull');
	}

	causeOf(index: number): bigint {
		return this.#options.memories.arrays.causes[index] ?? 0n;
	}

	scratch(length: number): ArrayBuffer {
		if (this.#scratch.byteLength < length) {
			this.#scratch = new ArrayBuffer(Math.max(length, smallestScratch, this.#scratch.byteLength * 2));
		}

		return this.#scratch;
	}

	verdict({ router, ticket }: RecordRef, verdict: number): number {
		const { addon, instance, drain } = this.#options;
		const result = this.#closed ? Result.unknown : addon.verdict(instance, router, ticket, verdict);

		drain.saw(result);

		return result;
	}

	replace({ router, ticket }: RecordRef, payload: Uint8Array): number {
		const { addon, instance, drain } = this.#options;
		const result = this.#closed ? Result.unknown : addon.replace(instance, router, ticket, payload);

		drain.saw(result);

		return result;
	}

	extend({ router, ticket }: RecordRef, microseconds: number): CallResult {
		const { addon, instance } = this.#options;

		return resultOf(this.#closed ? Result.unknown : addon.extend(instance, router, ticket, microseconds));
	}

	bypass(router: number, attachment: number, producer: number, ssrc: number, unit: BypassUnit, amount: number): CallResult {
		const { addon, instance, drain } = this.#options;
		const result = this.#closed ? Result.unknown : addon.bypass(instance, router, attachment, producer, ssrc, unit, amount);

		drain.saw(result);

		return resultOf(result);
	}

	later(record: RecordRef): PendingVerdict {
		return new LaterVerdict(this, record);
	}

	late(): void {
		this.#late.add();
	}

	/**
	 * Sends what is staged. That is the answer: the verdict in the batch is pending. Where there is no room for it, the plugin could not decide.
	 */
	sendStaged(view: RecordView): number {
		const staged = view.staged;
		const result = staged ? this.replace(view.ref, staged) : Result.invalid;

		if (result === Result.ok) {
			return verdictNumbers.pending;
		}
		if (result === Result.full) {
			this.#replaceFull.add();
		} else {
			this.#options.report('replace', new RangeError(`a replacement of ${staged?.length} bytes is refused: ${resultOf(result)}`));
		}

		return verdictNumbers.error;
	}

	close(): void {
		this.#closed = true;
	}
}
