// Killing a host, at random moments but always with packets in its hands. A packet is held for some 100 µs, too short to be met by
// chance: so the host is stopped first, and killed once the worker says that packets wait for it.

import { monotonicNs, until } from '../lib/until.ts';
import type { FilterFigures } from './figures.ts';
import type { Kill } from './receipt.ts';

const poll = { everyMs: 1, withinMs: 10_000 };

/** The one process of others that may stand still; were we to die now, nobody would wake it to see that it has to end. */
let stoppedPid: number | undefined;

/** `figures` gives the filter's as they are now; it must not need the host for it. Resolves when the next host has given a verdict. */
export async function killWhileHolding(figures: () => Promise<FilterFigures>): Promise<Kill> {
	const when = (what: string, condition: (now: FilterFigures) => boolean): Promise<FilterFigures> =>
		until(what, poll, async () => {
			const now = await figures();

			return condition(now) ? now : undefined;
		});
	const before = await when('a host that serves', (now) => now.hostPid !== undefined);

	stoppedPid = before.hostPid!;
	process.kill(stoppedPid, 'SIGSTOP');

	const stoppedAtNs = monotonicNs();

	await when('a packet that waits for the stopped host', (now) => now.held >= 1);
	killStoppedHost();

	const killedAtNs = monotonicNs();
	const lost = await when('the end of the connection to the killed host', (now) => now.disconnects > before.disconnects);
	const recovered = await when('a verdict of the next host', (now) => now.verdicts > lost.verdicts);

	return {
		stoppedAtNs,
		killedAtNs,
		recoveredAtNs: monotonicNs(),
		held: lost.heldAtLastDisconnect,
		packets: recovered.packets - before.packets,
		verdicts: recovered.verdicts - before.verdicts,
	};
}

/** Safe at any time, also from an exit handler. */
export function killStoppedHost(): void {
	if (stoppedPid !== undefined) {
		process.kill(stoppedPid, 'SIGKILL');
		stoppedPid = undefined;
	}
}

/** When to kill, in seconds from the start: one random moment in each of equal parts, with room to recover before the next. */
export function killTimes(seconds: number, kills: number, random: () => number = Math.random): number[] {
	const lead = 1;
	const part = (seconds - 2 * lead) / kills;

	return Array.from({ length: kills }, (_, index) => lead + part * (index + 0.6 * random()));
}
