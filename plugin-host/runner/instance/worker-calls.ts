// What a plugin asks of its worker and says to its app: the functions of setup()'s context.

import { InvalidStateError, RequestFailedError } from '../../../src/errors.ts';
import { ppids } from '../../../src/plugin/message-view.ts';
import type { Cause, DataInjection, OnResult, PluginContext, QueryAnswers, ReceivedRtp, RtpInjection } from '../../../src/plugin/plugin-context.ts';
import type { CallResult } from '../../../src/plugin/results.ts';
import { resultOf } from '../../../src/plugin/results.ts';
import type { Addon, DataOut, ReceivedRtp as ReceivedRtpOut, RtpOut } from './addon.ts';
import { Result } from './addon.ts';
import { encodeBody } from './bodies.ts';
import type { Drain, Retries } from './retries.ts';

/** mph_query */
export const queryNumbers = { rtpParameters: 1, consumers: 2, senderReports: 3, scores: 4 } as const satisfies Record<keyof QueryAnswers, number>;

type OnAnswer = (result: number, json: string | undefined) => void;

export type WorkerCallsOptions = {
	readonly addon: Addon;
	readonly instance: number;
	readonly drain: Drain;
	readonly retries: Retries;
	/** A callback of the plugin's threw. */
	readonly report: (where: string, error: unknown) => void;
};

export class WorkerCalls {
	readonly #options: WorkerCallsOptions;
	/** Who waits for an answer, by the call's number. */
	readonly #waiting = new Map<number, OnAnswer>();
	#closed = false;

	constructor(options: WorkerCallsOptions) {
		this.#options = options;
	}

	/** ThreadCallbacks.answer */
	answer(call: number, result: number, json: string | undefined): void {
		const tell = this.#waiting.get(call);

		this.#waiting.delete(call);
		tell?.(result, json);
	}

	close(): void {
		const waiting = [...this.#waiting.values()];

		this.#closed = true;
		this.#waiting.clear();

		// Only queries wait for their end; whoever injected learns nothing more.
		for (const tell of waiting) {
			tell(Result.unknown, undefined);
		}
	}

	readonly inject: PluginContext['inject'] = (rtp: RtpInjection, onResult?: OnResult) => {
		const { addon, instance } = this.#options;
		const { cause } = rtp;
		const out = (cause === undefined || typeof cause === 'bigint' ? rtp : { ...rtp, cause: causeOf(cause) }) as RtpOut;

		return this.#call('inject', onResult, (wantsAnswer) => addon.injectRtp(instance, out, wantsAnswer));
	};

	readonly injectData: PluginContext['injectData'] = (data: DataInjection, onResult?: OnResult) => {
		const { addon, instance } = this.#options;
		const { message, ppid, cause, ...where } = data;
		const isText = typeof message === 'string';
		const bytes = isText ? Buffer.from(message) : (message as Uint8Array);
		const ownPpid = bytes.length === 0 ? (isText ? ppids.emptyString : ppids.emptyBinary) : isText ? ppids.string : ppids.binary;
		const out: DataOut = { ...where, message: bytes, ppid: ppid ?? ownPpid, ...(cause === undefined ? {} : { cause: causeOf(cause) }) };

		return this.#call('injectData', onResult, (wantsAnswer) => addon.injectData(instance, out, wantsAnswer));
	};

	readonly receiveRtp: PluginContext['receiveRtp'] = (rtp: ReceivedRtp, onResult?: OnResult) => {
		const { addon, instance } = this.#options;
		const { cause } = rtp;
		const out = (cause === undefined || typeof cause === 'bigint' ? rtp : { ...rtp, cause: causeOf(cause) }) as ReceivedRtpOut;

		return this.#call('receiveRtp', onResult, (wantsAnswer) => addon.receiveRtp(instance, out, wantsAnswer));
	};

	readonly requestKeyFrame: PluginContext['requestKeyFrame'] = ({ router, producer, ssrc = 0 }, onResult) => {
		const { addon, instance } = this.#options;

		return this.#call('requestKeyFrame', onResult, (wantsAnswer) => addon.requestKeyFrame(instance, router, producer, ssrc, wantsAnswer));
	};

	readonly subscribe: PluginContext['subscribe'] = ({ router, attachment, producer }, wanted = true, onResult) => {
		const { addon, instance } = this.#options;

		return this.#call('subscribe', onResult, (wantsAnswer) => addon.subscribe(instance, router, attachment, producer, wanted, wantsAnswer));
	};

	readonly query: PluginContext['query'] = <What extends keyof QueryAnswers>(what: What, { router, object }: { readonly router: number; readonly object: number }) => {
		const { addon, instance, retries } = this.#options;
		const number = queryNumbers[what];
		const name = `query("${what}") of ${object}`;

		if (number === undefined) {
			return Promise.reject(new TypeError(`query(): what is asked for is "${String(what)}"; it must be one of ${Object.keys(queryNumbers).join(', ')}`));
		}

		return new Promise<QueryAnswers[What]>((resolve, reject) => {
			const fail = (result: number, json?: string): void => {
				const isOver = this.#closed;
				const why = isOver ? 'the plugin is closed' : (json ?? resultOf(result));

				reject(isOver ? new InvalidStateError('MPH_ERR_CLOSED', `${name}: ${why}`) : new RequestFailedError('MPH_ERR_REQUEST_FAILED', `${name}: ${why}`));
			};

			// At most 32 are unanswered at a time; the others wait here.
			retries.run(() => {
				const result = this.#closed ? Result.unknown : addon.query(instance, router, number, object);

				if (result === Result.ok) {
					this.#waiting.set(addon.lastCall(), (answer, json) =>
						answer === Result.ok && json !== undefined && !this.#closed ? resolve(JSON.parse(json) as QueryAnswers[What]) : fail(answer, json),
					);
				} else if (result !== Result.full) {
					fail(result);
				}

				return result;
			});
		});
	};

	readonly post = (name: string, body: unknown): CallResult => {
		const { addon, instance } = this.#options;

		if (typeof name !== 'string' || name === '') {
			throw new TypeError(`post(): the name is ${JSON.stringify(name)}; it must be text`);
		}

		const encoded = encodeBody(`post(): the body of "${name}"`, body);

		return this.#seen(this.#closed ? Result.unknown : addon.post(instance, name, encoded));
	};

	readonly snapshot = (bytes: Uint8Array): CallResult => {
		const { addon, instance } = this.#options;

		if (!(bytes instanceof Uint8Array)) {
			throw new TypeError('snapshot(): the state must be a Uint8Array; Buffer.from(JSON.stringify(state)) makes one');
		}

		return this.#seen(this.#closed ? Result.unknown : addon.snapshot(instance, bytes));
	};

	#call(name: string, onResult: OnResult | undefined, call: (wantsAnswer: boolean) => number): CallResult {
		const result = this.#closed ? Result.unknown : call(onResult !== undefined);

		if (result === Result.ok && onResult) {
			this.#waiting.set(this.#options.addon.lastCall(), (answer) => {
				if (this.#closed) {
					return;
				}
				try {
					onResult(resultOf(answer));
				} catch (error) {
					this.#options.report(`the callback of ${name}()`, error);
				}
			});
		}

		return this.#seen(result);
	}

	#seen(result: number): CallResult {
		this.#options.drain.saw(result);

		return resultOf(result);
	}
}

function causeOf(cause: Cause): bigint {
	return typeof cause === 'bigint' ? cause : cause.cause;
}
