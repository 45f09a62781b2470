// Verdicts by name, and the numbers of mph_verdict.

import type { CallResult } from './results.ts';
import type { ReadonlyBytes } from './readonly-bytes.ts';

/**
 * accept: next in the chain, then routed. drop: receivers see no gap. take: not routed, the plugin has it now. bypass: accepted, like the rest of
 * its stream, which the plugin sees no more. replace: accepted with what `edit()` or `replace()` made. pending: `later()` decides. error: the
 * attachment's `onError` decides.
 */
export type Verdict = 'accept' | 'drop' | 'take' | 'bypass' | 'replace' | 'pending' | 'error';

/** What a promise may come to. */
export type LateVerdict = Exclude<Verdict, 'pending'>;

/** Decides, once, what was 'pending'. 'full': wait for drain() and try again. 'unknown': nobody waits for it any more. */
export interface PendingVerdict {
	accept(): CallResult;
	drop(): CallResult;
	take(): CallResult;
	bypass(): CallResult;
	/** The attachment's `onError` decides. */
	error(): CallResult;
	/** Accepts it with another payload, or another message. Copied before it returns. */
	replace(bytes: Uint8Array | ReadonlyBytes): CallResult;
	/** Moves the deadline to that many microseconds from now, at most the attachment's deadline; once. */
	extend(microseconds: number): CallResult;
}

export const verdictNumbers = { pending: 0, accept: 1, drop: 2, take: 3, bypass: 4, error: 5 } as const satisfies Partial<Record<Verdict, number>>;

export type DirectVerdict = keyof typeof verdictNumbers;
