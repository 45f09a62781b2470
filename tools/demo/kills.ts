// Killing a host, at random moments but always with packets in its hands. A packet is held for some 100 µs, too short to be met by
// chance: so the host is stopped first, and killed once the worker says that packets wait for it.

import { monotonicNs, until } from '../lib/until.ts';
import type { FilterCounters } from './figures.ts';
import type { Kill } from './receipt.ts';

const poll = { everyMs: 1, withinMs: 10_000 };

/** The one process of others that may stand still; were we to die now, nobody would wake it to see that it has to end. */
let stoppedPid: number | undefined;

export type KillTarget = {
	readonly hostPid: () => Promise<number | undefined>;
	/** Must not need the host: it is asked while that stands still. */
	readonly counters: () => Promise<FilterCounters>;
	/** Resolves at the next death of the host with the number of packets that the worker held for it. */
	readonly nextCrash: () => Promise<number>;
};

/** Resolves when the next host has given a verdict. */
export async function killWhileHolding({ hostPid, counters, nextCrash }: KillTarget): Promise<Kill> {
	const pid = await until('a host that serves', poll, hostPid);
	const before = await counters();
	const crash = nextCrash();

	stoppedPid = pid;
	process.kill(pid, 'SIGSTOP');

	const stoppedAtNs = monotonicNs();

	await until('a packet that waits for the stopped host', poll, async () => ((await counters()).held > 0 ? true : undefined));
	killStoppedHost();

	const killedAtNs = monotonicNs();
	// The stopped host gave its last verdict long ago, as far as the worker is concerned.
	const { verdicts } = await counters();
	const recovered = await until('a verdict of the next host', poll, async () => {
		const now = await counters();

		return now.verdicts > verdicts ? now : undefined;
	});
	const recoveredAtNs = monotonicNs();

	return {
		stoppedAtNs,
		killedAtNs,
		recoveredAtNs,
		held: await crash,
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
