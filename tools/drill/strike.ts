// One event of a drill: the host that serves is ended in one of many ways, always with packets in its hands.

import { monotonicNs, until } from '../lib/until.ts';
import type { Orders } from './orders.ts';
import type { DrillEvent } from './receipt.ts';
import { type Scenario, signals } from './scenarios.ts';
import type { Stage } from './stage.ts';

const poll = { everyMs: 1, withinMs: 60_000 };

/** Processes of others that may stand still; were we to die now, nobody would wake them to see that they have to end. */
const stoppedPids = new Set<number>();

export type Strike = DrillEvent & { readonly pid: number; readonly nextPid: number };

/** Whose hosts are ended. */
export type Target = Pick<Stage, 'readyHost' | 'counters' | 'nextCrash'> & {
	/** Who serves now. */
	readonly hostPid: () => number | undefined | Promise<number | undefined>;
};

export type Striker = (target: Target, scenario: Scenario) => Promise<Strike>;

/** With the drill's own plugin: it does it itself, or stands still with its packets until it is done from outside. */
export function strikeByOrder(orders: Orders): Striker {
	return async (target, scenario) => {
		await until('a host that is ready to be ended', poll, async () => {
			const ready = await target.readyHost();

			return ready !== undefined && ready === orders.serving()?.pid ? ready : undefined;
		});

		const crash = target.nextCrash();

		orders.give(scenario);

		const { pid, inHand } = await until('an order that is followed', poll, async () => orders.followed());
		const signal = signals[scenario];
		const killedAtNs = signal === undefined ? undefined : monotonicNs();

		if (signal !== undefined) {
			send(pid, signal);
		}

		const next = await until('a verdict of the next host', poll, async () => {
			const serving = orders.serving();

			return serving && serving.pid !== pid ? serving : undefined;
		});
		const { held } = await crash;

		stoppedPids.delete(pid);

		return { scenario, held: Math.max(held, inHand), pid, nextPid: next.pid, atNs: killedAtNs ?? orders.followed()!.atNs, servedAtNs: next.sinceNs };
	};
}

/** With any plugin: it is stopped until packets wait for it. */
export const strikeFromOutside: Striker = async (target, scenario) => {
	const pid = await until('a host that is ready to be ended', poll, target.readyHost);
	const crash = target.nextCrash();

	send(pid, 'SIGSTOP');

	let atNs = monotonicNs();

	// The stopped host gave its last verdict long ago, as far as the worker is concerned.
	const { verdicts, held: waiting } = await until('a packet that waits for the stopped host', poll, async () => {
		const counters = await target.counters();

		return counters.held > 0 ? counters : undefined;
	});

	if (scenario !== 'stop') {
		atNs = monotonicNs();
		send(pid, signals[scenario]!);
		// The signal is taken before anything else is done; SIGKILL needs no waking.
		send(pid, 'SIGCONT');
	}

	const nextPid = await until('a verdict of the next host', poll, async () => {
		const next = await target.hostPid();

		return next !== undefined && next !== pid && (await target.counters()).verdicts > verdicts ? next : undefined;
	});
	const servedAtNs = monotonicNs();
	const { held } = await crash;

	stoppedPids.delete(pid);

	return { scenario, held: Math.max(held, waiting), pid, nextPid, atNs, servedAtNs };
};

/** Whether it is still there or not. */
export function send(pid: number, signal: NodeJS.Signals): void {
	if (signal === 'SIGSTOP') {
		stoppedPids.add(pid);
	} else if (signal === 'SIGCONT') {
		stoppedPids.delete(pid);
	}

	try {
		process.kill(pid, signal);
	} catch (error) {
		// It is gone already.
		if ((error as NodeJS.ErrnoException).code !== 'ESRCH') {
			throw error;
		}
	}
}

/** Safe at any time, also from an exit handler. */
export function killStoppedHosts(): void {
	for (const pid of stoppedPids) {
		stoppedPids.delete(pid);
		send(pid, 'SIGKILL');
	}
}
