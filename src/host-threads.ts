// Threads of a host for scripts: each serves one worker, and may end (an exhausted heap, an error that nobody caught, too many throws) while
// the process and its other threads go on. Then the worker says that the host is gone, the host says that it lost the worker, in either order,
// and the two are brought together anew. If only the worker says so, the process itself is gone or about to be.

import { performance } from 'node:perf_hooks';

import { EnhancedEventEmitter } from 'mediasoup/extras';

import { CrashBudget } from './crash-budget.ts';
import type { HostCrash } from './crash-report.ts';
import { exitTimeoutMs } from './host-handle.ts';
import type { HostLauncher } from './host-launcher.ts';
import type { HostRun, SupervisedWorker } from './host-run.ts';
import { HostWork } from './host-work.ts';
import type { LogLevel } from './logger.ts';
import type { HostRecovery, SupervisorDelays, SupervisorOptions } from './supervisor-types.ts';

export type HostThreadsOptions = Pick<SupervisorOptions, 'unitId' | 'crashBudget'> & {
	readonly delays: SupervisorDelays;
	readonly launcher: HostLauncher;
	/** Who serves the worker now, if anybody does. */
	readonly servingIn: (worker: SupervisedWorker) => HostRun | undefined;
};

export type HostThreadsEvents = {
	/** The whole host is of no use any more. */
	lost: [HostRun, reason: string];
	crash: [HostCrash];
	recovered: [HostRecovery];
	log: [LogLevel, string];
};

/** What is known of one thread's end. */
type End = {
	/** The worker has said so. */
	gone?: { readonly reason: string; readonly held: number };
	/** The host has said so. */
	lostReason?: string;
	/** Whether it served there, and did not only wait. */
	readonly served: boolean;
	readonly at: number;
	readonly timer: NodeJS.Timeout;
};

/** From the end of a thread that served until the worker is served again. */
type Outage = { readonly run: HostRun; readonly since: number };

export class HostThreads extends EnhancedEventEmitter<HostThreadsEvents> {
	readonly #options: HostThreadsOptions;
	readonly #work: HostWork;
	readonly #ends = new Map<HostRun, Map<SupervisedWorker, End>>();
	readonly #budgets = new Map<SupervisedWorker, CrashBudget>();
	readonly #connectedAt = new WeakMap<HostRun, WeakMap<SupervisedWorker, number>>();
	readonly #outages = new Map<SupervisedWorker, Outage>();
	#deaths = 0;

	constructor(options: HostThreadsOptions) {
		super();
		this.#options = options;
		this.#work = new HostWork(options.unitId, options.delays.progressAfterMs);
		options.launcher.on('threadlost', (run, worker, reason) => this.#workerLost(run, worker, reason));
		options.launcher.on('connected', (run, worker) => this.#connected(run, worker));
	}

	get deaths(): number {
		return this.#deaths;
	}

	/** The worker says that the host is gone there. */
	gone(run: HostRun, worker: SupervisedWorker, reason: string, held: number): void {
		const end = this.#endOf(run, worker);

		end.gone = { reason, held };
		this.#settleIfKnown(run, worker, end);
	}

	/** Nothing is to be done for its threads any more. Returns what workers have said that they held for it. */
	runLost(run: HostRun): readonly { readonly worker: SupervisedWorker; readonly held: number }[] {
		const ends = [...(this.#ends.get(run) ?? [])];

		this.#ends.delete(run);
		ends.forEach(([, { timer }]) => clearTimeout(timer));

		return ends.flatMap(([worker, { gone }]) => (gone ? [{ worker, held: gone.held }] : []));
	}

	/** The worker is gone. */
	forget(worker: SupervisedWorker): void {
		this.#work.forget(worker);
		this.#budgets.delete(worker);
		this.#outages.delete(worker);

		for (const ends of this.#ends.values()) {
			clearTimeout(ends.get(worker)?.timer);
			ends.delete(worker);
		}
	}

	/** What is to be run is another thing from now on, or is to have another chance. */
	startOver(): void {
		this.#budgets.clear();
	}

	/** Whether there is somebody again where nobody was told. */
	get hasRecovered(): boolean {
		return [...this.#outages.keys()].some((worker) => this.#options.servingIn(worker));
	}

	/** All that is attached is being served. */
	served(): void {
		for (const [worker, { run, since }] of [...this.#outages]) {
			const next = this.#options.servingIn(worker);

			if (next) {
				this.#outages.delete(worker);
				this.emit('recovered', { pid: next.host.pid!, downMs: performance.now() - since, standby: next !== run, workerPid: worker.pid });
			}
		}
	}

	#connected(run: HostRun, worker: SupervisedWorker): void {
		const times = this.#connectedAt.get(run) ?? new WeakMap<SupervisedWorker, number>();

		this.#connectedAt.set(run, times.set(worker, performance.now()));
	}

	/** The host says that it lost the worker. */
	#workerLost(run: HostRun, worker: SupervisedWorker, reason: string): void {
		const end = this.#endOf(run, worker);

		end.lostReason = reason;
		this.#settleIfKnown(run, worker, end);
	}

	#endOf(run: HostRun, worker: SupervisedWorker): End {
		const ends = this.#ends.get(run) ?? new Map<SupervisedWorker, End>();
		const known = ends.get(worker);

		if (known) {
			return known;
		}

		const timer = setTimeout(() => this.#onlyOneSaid(run, worker), exitTimeoutMs).unref();
		const end: End = { served: run.servesIn(worker), at: performance.now(), timer };

		this.#ends.set(run, ends.set(worker, end));

		return end;
	}

	#settleIfKnown(run: HostRun, worker: SupervisedWorker, end: End): void {
		if (end.gone && end.lostReason !== undefined) {
			void this.#ended(run, worker, end);
		}
	}

	#onlyOneSaid(run: HostRun, worker: SupervisedWorker): void {
		const end = this.#ends.get(run)!.get(worker)!;

		if (run.isOver) {
			this.#ends.delete(run);
		} else if (end.gone) {
			this.#lose(run, worker, `worker ${worker.pid}: ${end.gone.reason}`);
		} else {
			// The worker may have closed, or may be too busy to say so; to try again does no harm.
			void this.#ended(run, worker, end);
		}
	}

	async #ended(run: HostRun, worker: SupervisedWorker, end: End): Promise<void> {
		const reason = end.lostReason || end.gone?.reason || 'it does not say why';
		const held = end.gone?.held ?? 0;
		const words = `the thread for worker ${worker.pid} ended: ${reason}`;

		clearTimeout(end.timer);
		this.#ends.get(run)?.delete(worker);
		run.disconnected(worker);

		if (run.isOnTrial) {
			this.#lose(run, worker, words);

			return;
		}
		this.#deaths++;

		if (end.served) {
			this.#outages.set(worker, { run, since: this.#outages.get(worker)?.since ?? end.at });
			this.emit('crash', {
				...{ pid: run.host.pid, code: null, signal: null, held, heldByWorker: [{ workerPid: worker.pid, held }] },
				...{ hung: false, poison: [], workerPid: worker.pid, reason: words },
			});
		} else {
			this.emit('log', 'warn', `host ${run.host.pid}, which only waits there: ${words}`);
		}

		const budget = this.#budgetOf(worker);

		budget.died(await this.#hadWorked(run, worker, end));

		// Where other workers have sound threads, theirs are not given up for this one.
		if (budget.exhausted && run.connected.size === 0 && !run.isOver) {
			this.#budgets.delete(worker);
			run.isCondemned = true;
			this.#lose(run, worker, `${words}, as ${budget.deathsInRow} in a row did without any work done`);
		} else {
			this.#connectAfter(run, worker, budget.delayMs);
		}
	}

	#connectAfter(run: HostRun, worker: SupervisedWorker, delayMs: number): void {
		const { launcher } = this.#options;

		if (delayMs === 0) {
			launcher.connectAnew(run, worker);
		} else {
			this.emit('log', 'warn', `the thread for worker ${worker.pid} ended again without any work done; the next one starts in ${delayMs} ms`);
			setTimeout(() => launcher.connectAnew(run, worker), delayMs).unref();
		}
	}

	#lose(run: HostRun, worker: SupervisedWorker, reason: string): void {
		this.#outages.delete(worker);
		run.host.kill();
		this.emit('lost', run, reason);
	}

	async #hadWorked(run: HostRun, worker: SupervisedWorker, end: End): Promise<boolean> {
		const connectedAt = this.#connectedAt.get(run)?.get(worker) ?? end.at;

		return (end.served && (await this.#work.wasDoneIn(worker))) || end.at - connectedAt >= this.#options.delays.progressAfterMs;
	}

	#budgetOf(worker: SupervisedWorker): CrashBudget {
		const { crashBudget, delays } = this.#options;
		const budget =
			this.#budgets.get(worker) ?? new CrashBudget({ deaths: crashBudget, delayMs: delays.restartDelayMs, maxDelayMs: delays.maxRestartDelayMs });

		this.#budgets.set(worker, budget);

		return budget;
	}
}
