// Waiting for what announces itself, under a watchdog.

import type { EventEmitter } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';

const watchdogMs = 60_000;

/** What `promise` resolves with; rejects, naming it, when it takes far too long. */
export async function inTime<T>(what: string, promise: Promise<T>): Promise<T> {
	const stop = new AbortController();
	const watchdog = delay(watchdogMs, undefined, { signal: stop.signal }).then(() => {
		throw new Error(`${what}: not within ${watchdogMs} ms`);
	});

	watchdog.catch(() => {});

	try {
		return await Promise.race([promise, watchdog]);
	} finally {
		stop.abort();
	}
}

/** The first argument of the next such event. Ask before what causes it is begun. */
export function nextEvent<T>(emitter: EventEmitter, event: string): Promise<T> {
	return inTime(`event "${event}"`, new Promise<T>((resolve) => emitter.once(event, (argument: T) => resolve(argument))));
}
