// What handlers return, as mph_verdict; and decisions that come later.

import { PluginHostError } from '../../../src/errors.ts';
import type { RecordRef, RecordView } from '../../../src/plugin/record-view.ts';
import type { CallResult } from '../../../src/plugin/results.ts';
import { resultOf } from '../../../src/plugin/results.ts';
import type { PendingVerdict, Verdict } from '../../../src/plugin/verdicts.ts';
import { verdictNumbers } from '../../../src/plugin/verdicts.ts';
import { show } from '../../../src/validate.ts';
import { Result } from './addon.ts';

const { accept, drop, take, bypass, pending, error } = verdictNumbers;

/** The verdict of a handler that returned. Throws MPH_ERR_VERDICT for what is none. 'replace' is `pending`: sendReplacement() answers. */
export function verdictNumber(verdict: unknown, view: RecordView): number {
	switch (verdict as Verdict | undefined) {
		case undefined:
		case 'accept':
			return accept;
		case 'drop':
			return drop;
		case 'take':
			return take;
		case 'bypass':
			return bypass;
		case 'error':
			return error;
		case 'pending':
			return view.isLeftOpen ? pending : refuse("'pending' without later(), so that nobody could ever decide");
		case 'replace':
			return view.staged ? pending : refuse("'replace' without edit() or replace(), so that there is nothing to replace it with");
		default:
			return refuseOther(verdict);
	}
}

function refuseOther(verdict: unknown): never {
	if (verdict instanceof Promise) {
		// What it comes to matters to nobody, a rejection neither.
		verdict.catch(() => {});
		refuse('a promise; use onPacketAsync or onDataAsync, or return "pending" and decide by later()');
	}
	refuse(`${show(verdict)}; verdicts are 'accept', 'drop', 'take', 'bypass', 'replace', 'pending', 'error' and undefined`);
}

function refuse(what: string): never {
	throw new PluginHostError('MPH_ERR_VERDICT', `the verdict is ${what}`);
}

export type DecisionSink = {
	verdict(record: RecordRef, verdict: number): number;
	replace(record: RecordRef, payload: Uint8Array): number;
	extend(record: RecordRef, microseconds: number): CallResult;
	/** Nobody waited for it any more. */
	late(): void;
};

/** What later() returns. */
export class LaterVerdict implements PendingVerdict {
	readonly #sink: DecisionSink;
	readonly #record: RecordRef;
	#isDecided = false;

	constructor(sink: DecisionSink, record: RecordRef) {
		this.#sink = sink;
		this.#record = record;
	}

	accept(): CallResult {
		return this.#decide((record) => this.#sink.verdict(record, accept));
	}

	drop(): CallResult {
		return this.#decide((record) => this.#sink.verdict(record, drop));
	}

	take(): CallResult {
		return this.#decide((record) => this.#sink.verdict(record, take));
	}

	bypass(): CallResult {
		return this.#decide((record) => this.#sink.verdict(record, bypass));
	}

	error(): CallResult {
		return this.#decide((record) => this.#sink.verdict(record, error));
	}

	replace(bytes: Uint8Array): CallResult {
		return this.#decide((record) => this.#sink.replace(record, bytes));
	}

	extend(microseconds: number): CallResult {
		return this.#isDecided ? 'unknown' : this.#sink.extend(this.#record, microseconds);
	}

	#decide(decide: (record: RecordRef) => number): CallResult {
		// Observers have nothing to decide.
		if (this.#isDecided || this.#record.ticket === 0) {
			return 'unknown';
		}

		const result = decide(this.#record);

		this.#isDecided = result === Result.ok || result === Result.unknown;

		if (result === Result.unknown) {
			this.#sink.late();
		}

		return resultOf(result);
	}
}
