// Waiting for what must come, under a watchdog: no sleeps, and no bound on how long a busy machine may take.

import { until as untilWithin } from '../../tools/lib/until.ts';

const patience = { everyMs: 5, withinMs: 60_000 };

/** Resolves with the first value that is neither false nor undefined; rejects with the name of what never came. */
export function until<T>(what: string, probe: () => Promise<T | false | undefined> | T | false | undefined): Promise<T> {
	return untilWithin(what, patience, async () => {
		const value = await probe();

		return value === false ? undefined : value;
	});
}
