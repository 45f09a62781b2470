// Waiting for a condition, with an end.

import { setTimeout as sleep } from 'node:timers/promises';

export type UntilOptions = { readonly everyMs: number; readonly withinMs: number };

/** Asks `probe` again and again and resolves with its first answer that is not undefined. Throws when there is none in time. */
export async function until<T>(what: string, { everyMs, withinMs }: UntilOptions, probe: () => Promise<T | undefined>): Promise<T> {
	const giveUpAt = performance.now() + withinMs;

	for (;;) {
		const answer = await probe();

		if (answer !== undefined) {
			return answer;
		}
		if (performance.now() > giveUpAt) {
			throw new Error(`${what} did not happen within ${withinMs / 1000} s`);
		}
		await sleep(everyMs);
	}
}

/** CLOCK_MONOTONIC, as the RTP tools report it. Exact for the first hundred days after boot. */
export function monotonicNs(): number {
	return Number(process.hrtime.bigint());
}
