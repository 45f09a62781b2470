// Gathers what is known of one host's death: how the process ended (from the system), and how many packets were held for it (from each
// worker that it served). These come in any order, some may never come; the report goes out once, when it is complete or when it has to.

import type { HostExit } from './host-handle.ts';
import { describeExit } from './host-handle.ts';

export type HostCrash = {
	/** Undefined when the process could not even be started. */
	readonly pid: number | undefined;
	/** Both null: it did not end by itself (a worker cut it off), or the system has not said yet. */
	readonly code: number | null;
	readonly signal: NodeJS.Signals | null;
	/** Packets that were held for it when it went. */
	readonly held: number;
	readonly heldByWorker: readonly { readonly workerPid: number; readonly held: number }[];
	/** It made no progress any more and was killed for that. */
	readonly hung: boolean;
	/** Files with a packet that it died of, as did a host before it; the packet is skipped from now on. */
	readonly poison: readonly string[];
	/** Process id of the worker whose thread ended while the process lives on, as hosts for scripts can. Undefined: it is the whole host. */
	readonly workerPid: number | undefined;
	/** In words, for a log. */
	readonly reason: string;
};

export type CrashedHost = {
	readonly pid: number | undefined;
	readonly hung: boolean;
	/** May grow. */
	readonly poison: readonly string[];
};

export class CrashReport {
	readonly #host: CrashedHost;
	readonly #reason: string;
	readonly #silentWorkers: Set<number>;
	readonly #held = new Map<number, number>();
	readonly #send: (crash: HostCrash) => void;
	#exit: HostExit | undefined;
	#sent = false;

	/** `reason`: if there is more to it than that it ended. `workerPids`: those that will say how much they held for it. */
	constructor(host: CrashedHost, reason: string, workerPids: Iterable<number>, send: (crash: HostCrash) => void) {
		this.#host = host;
		this.#reason = reason;
		this.#silentWorkers = new Set(workerPids);
		this.#send = send;
	}

	get sent(): boolean {
		return this.#sent;
	}

	exited(exit: HostExit): void {
		this.#exit = exit;
		this.#sendIfComplete();
	}

	heldBy(workerPid: number, held: number): void {
		this.#silentWorkers.delete(workerPid);
		this.#held.set(workerPid, held);
		this.#sendIfComplete();
	}

	/** The worker is gone, too. */
	workerGone(workerPid: number): void {
		this.#silentWorkers.delete(workerPid);
		this.#sendIfComplete();
	}

	/** With what is known by now. */
	flush(): void {
		if (this.#sent) {
			return;
		}
		this.#sent = true;

		const { pid, hung, poison } = this.#host;
		const heldByWorker = [...this.#held].map(([workerPid, held]) => ({ workerPid, held }));

		this.#send({
			pid,
			code: this.#exit?.code ?? null,
			signal: this.#exit?.signal ?? null,
			held: heldByWorker.reduce((sum, { held }) => sum + held, 0),
			heldByWorker,
			hung,
			poison: [...poison],
			workerPid: undefined,
			reason: describeEnd(this.#exit, [this.#reason, ...poison.map((file) => `of a packet that is in ${file}`)].filter(Boolean).join('; ')),
		});
	}

	#sendIfComplete(): void {
		if (this.#exit && this.#silentWorkers.size === 0) {
			this.flush();
		}
	}
}

/** "was ended by SIGKILL; worker 4711: too many strikes" */
export function describeEnd(exit: HostExit | undefined, reason: string): string {
	return [describeExit(exit), reason].filter(Boolean).join('; ');
}
