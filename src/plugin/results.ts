// What becomes of a call: mph_result, by name.

/**
 * ok: it is on its way. full: no room now, wait for drain(). unknown: nothing with that number or id is there, or nobody waits for that verdict any
 * more. invalid: an argument makes no sense. limited: more per second than the app allows. malformed: the worker cannot make a packet of it.
 */
export type CallResult = 'ok' | 'full' | 'unknown' | 'invalid' | 'limited' | 'malformed';

const results: readonly CallResult[] = ['ok', 'full', 'unknown', 'invalid', 'limited', 'malformed'];

export function resultOf(code: number): CallResult {
	return results[code] ?? 'invalid';
}
