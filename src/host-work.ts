// Judges whether a host that died had done anything, which decides whether its death counts as part of a crash loop. The host is not
// there to be asked; the workers are, who count the verdicts that they get.

import { performance } from 'node:perf_hooks';

import { exitTimeoutMs } from './host-handle.ts';
import type { HostRun, SupervisedWorker } from './host-run.ts';

/** No crash of its own ends a process with one of these: somebody killed it. */
const killSignals: readonly NodeJS.Signals[] = ['SIGKILL', 'SIGTERM', 'SIGHUP'];

export class HostWork {
	readonly #unitId: string;
	readonly #workAfterMs: number;
	readonly #verdictsSeen = new Map<SupervisedWorker, number>();

	/** A host that served for `workAfterMs` has done its work, even if there was nothing to give a verdict on. */
	constructor(unitId: string, workAfterMs: number) {
		this.#unitId = unitId;
		this.#workAfterMs = workAfterMs;
	}

	forget(worker: SupervisedWorker): void {
		this.#verdictsSeen.delete(worker);
	}

	/** To be called when the host is lost. Undefined stands for one that could not even be started. Never rejects. */
	async wasDoneBy(run: HostRun | undefined, workers: Iterable<SupervisedWorker>): Promise<boolean> {
		const lostAt = performance.now();
		const gaveVerdicts = await Promise.all([...workers].map((worker) => this.#sawNewVerdicts(worker)));

		if (gaveVerdicts.includes(true)) {
			return true;
		}
		// That it lived for a while was not for its threads to do.
		if (run?.servedAt === undefined || run.isCondemned) {
			return false;
		}

		return lostAt - run.servedAt >= this.#workAfterMs || wasKilled(run);
	}

	/** Likewise, of the verdicts of one worker alone. */
	wasDoneIn(worker: SupervisedWorker): Promise<boolean> {
		return this.#sawNewVerdicts(worker);
	}

	/** Likewise for one that only waited: there is nothing that workers could tell of it. */
	async hadWaited(run: HostRun | undefined): Promise<boolean> {
		return run?.upAt !== undefined && !run.isCondemned && (performance.now() - run.upAt >= this.#workAfterMs || wasKilled(run));
	}

	async #sawNewVerdicts(worker: SupervisedWorker): Promise<boolean> {
		let verdicts: number;

		try {
			verdicts = await worker.verdictsOf(this.#unitId);
		} catch {
			// A worker that closes meanwhile has nothing to say about it.
			return false;
		}

		const seen = this.#verdictsSeen.get(worker) ?? 0;

		this.#verdictsSeen.set(worker, verdicts);

		return verdicts > seen;
	}
}

async function wasKilled({ host, hung }: HostRun): Promise<boolean> {
	// Then it was us.
	if (hung) {
		return false;
	}

	const exit = await host.exitWithin(exitTimeoutMs);

	return !!exit?.signal && killSignals.includes(exit.signal);
}
