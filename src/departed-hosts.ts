// Hosts that nothing is expected of any more, but whose process may take a while to end (it may be writing a core dump): those told to end,
// and lost ones. The death of one that served is reported once, when the workers have said how many packets they held for it.

import type { HostCrash } from './crash-report.ts';
import { CrashReport } from './crash-report.ts';
import type { HostHandle } from './host-handle.ts';
import type { HostRun, SupervisedWorker } from './host-run.ts';

/** Longer than a worker that is well takes to say how much it held. */
const reportTimeoutMs = 1_000;
/** What has not ended by itself by then is killed. */
const lingerMs = 5_000;

export class DepartedHosts {
	/** Those that are not reported. */
	readonly #leaving = new Set<HostHandle>();
	readonly #reports = new Map<HostRun, CrashReport>();
	readonly #shutdownGraceMs: number;
	readonly #onCrash: (crash: HostCrash) => void;

	constructor(shutdownGraceMs: number, onCrash: (crash: HostCrash) => void) {
		this.#shutdownGraceMs = shutdownGraceMs;
		this.#onCrash = onCrash;
	}

	/** Tells it to end. */
	dismiss(run: HostRun): void {
		run.isLeaving = true;
		run.host.shutdown(this.#shutdownGraceMs);
		this.#leave(run.host);
	}

	/** It was lost, and there is nothing to report. */
	abandon({ host }: HostRun): void {
		host.killAfter(lingerMs);
		this.#leave(host);
	}

	/** Resolves when the processes of those have ended, or should have. */
	async left(): Promise<void> {
		await Promise.all([...this.#leaving].map((host) => host.exitWithin(lingerMs + this.#shutdownGraceMs)));
	}

	/** It was lost as it served. Resolves when that has been reported. */
	report(run: HostRun): Promise<void> {
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
		for (const host of [...this.#leaving, ...[...this.#reports.keys()].map((run) => run.host)]) {
			host.kill();
		}
	}

	#leave(host: HostHandle): void {
		this.#leaving.add(host);
		void host.exited.then(() => this.#leaving.delete(host));
	}

	#forgetIfDone(run: HostRun): void {
		if (run.host.exit && this.#reports.get(run)?.sent) {
			this.#reports.delete(run);
		}
	}
}
