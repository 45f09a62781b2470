// Hosts that are gone but not done with: a process may take a while to end (it may be writing a core dump), and the workers have yet to say
// how many packets they held for it. Each is reported once; what does not end by itself is killed.

import type { HostCrash } from './crash-report.ts';
import { CrashReport } from './crash-report.ts';
import type { HostRun, SupervisedWorker } from './host-run.ts';

/** Longer than a worker that is well takes to say how much it held. */
const reportTimeoutMs = 1_000;
export const lingerMs = 5_000;

export class LostHosts {
	readonly #reports = new Map<HostRun, CrashReport>();
	readonly #onCrash: (crash: HostCrash) => void;

	constructor(onCrash: (crash: HostCrash) => void) {
		this.#onCrash = onCrash;
	}

	/** Resolves when it has been reported. */
	add(run: HostRun): Promise<void> {
		const { host } = run;
		const reported = Promise.withResolvers<void>();
		const timer = setTimeout(() => report.flush(), reportTimeoutMs).unref();
		const report = new CrashReport(
			{ pid: host.pid, hung: run.hung, poison: run.poison },
			run.lostReason,
			[...run.connected].map((worker) => worker.pid),
			(crash) => {
				clearTimeout(timer);
				this.#forgetIfDone(run);
				this.#onCrash(crash);
				reported.resolve();
			},
		);

		this.#reports.set(run, report);
		host.killAfter(lingerMs);
		void host.exited.then((exit) => {
			report.exited(exit);
			this.#forgetIfDone(run);
		});

		return reported.promise;
	}

	heldBy(worker: SupervisedWorker, hostPid: number, held: number): void {
		for (const [run, report] of this.#reports) {
			if (run.host.pid === hostPid) {
				report.heldBy(worker.pid, held);
			}
		}
	}

	/** It will not say anything any more. */
	workerGone(worker: SupervisedWorker): void {
		for (const report of this.#reports.values()) {
			report.workerGone(worker.pid);
		}
	}

	/** With what is known by now. */
	reportAll(): void {
		for (const report of this.#reports.values()) {
			report.flush();
		}
	}

	killAll(): void {
		for (const { host } of this.#reports.keys()) {
			host.kill();
		}
	}

	#forgetIfDone(run: HostRun): void {
		if (run.host.exit && this.#reports.get(run)?.sent) {
			this.#reports.delete(run);
		}
	}
}
