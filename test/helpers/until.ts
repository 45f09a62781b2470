// Waiting for what must come, under a watchdog: no sleeps, and no bound on how long a busy machine may take.

import { setTimeout as delay } from 'node:timers/promises';

const watchdogMs = 20_000;
const pollMs = 5;

/** Resolves with the first value that is neither false nor undefined; rejects with the name of what never came. */
export async function until<T>(what: string, probe: () => Promise<T | false | undefined> | T | false | undefined): Promise<T> {
	const end = performance.now() + watchdogMs;

	for (;;) {
		const value = await probe();

		if (value !== false && value !== undefined) {
			return value;
		}
		if (performance.now() > end) {
			throw new Error(`${what}: not within ${watchdogMs} ms`);
		}
		await delay(pollMs);
	}
}
