// Keeps one plugin's host running: starts it, connects it to every worker, and replaces it at once when it dies. Calls go on meanwhile,
// by each attachment's onAbsent; so what counts here is the time until the next process serves.

import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';

import { EnhancedEventEmitter } from 'mediasoup/extras';

import { CrashBudget } from './crash-budget.ts';
import type { HostCrash } from './crash-report.ts';
import { describeEnd } from './crash-report.ts';
import { defaults } from './defaults.ts';
import { HostDiedError } from './errors.ts';
import { Placement as PlacementCode } from './generated/control.js';
import type { HostProcess, PluginIdentity } from './host-process.ts';
import type { SupervisedWorker } from './host-run.ts';
import { HostRun } from './host-run.ts';
import { HostWork } from './host-work.ts';
import type { LogLevel } from './logger.ts';
import { LostHosts } from './lost-hosts.ts';
import type { Placement } from './options.ts';
import type { HostStateChange } from './worker-link.ts';

/**
 * STOPPED → STARTING → RUNNING
 *              ▲  │       │ died
 *              │  │ died  ▼
 *              │  └──→ BACKOFF ──→ DIED
 *              └──────────┘
 *
 * BACKOFF takes no time after the first fruitless death in a row. A first start that fails, and stop(), lead to STOPPED.
 */
export type SupervisorState = 'stopped' | 'starting' | 'running' | 'backoff' | 'died';

export type SupervisorOptions = {
	readonly pluginId: string;
	readonly file: string;
	readonly configJson: string;
	readonly crashBudget: number;
	readonly placement: Placement;
	/** Starts a process; it may throw when the system has no room for one. */
	readonly startHost: () => HostProcess;
	readonly delays?: SupervisorDelays;
};

export type SupervisorDelays = {
	readonly restartDelayMs: number;
	readonly maxRestartDelayMs: number;
	readonly progressAfterMs: number;
	readonly shutdownGraceMs: number;
};

export type HostRecovery = {
	readonly pid: number;
	/** From when the death was noticed until the next host served all that is attached. */
	readonly downMs: number;
};

export type SupervisorEvents = {
	/** The host is gone, as of now. */
	down: [];
	/** A host has loaded the plugin and is connected to the workers. */
	up: [];
	crash: [HostCrash];
	recovered: [HostRecovery];
	/** Given up. */
	died: [HostDiedError];
	log: [LogLevel, string];
};

const placementCodes: Readonly<Record<Placement, PlacementCode>> = {
	auto: PlacementCode.Auto,
	shared: PlacementCode.Shared,
	isolated: PlacementCode.Isolated,
};

export class Supervisor extends EnhancedEventEmitter<SupervisorEvents> {
	readonly #options: SupervisorOptions;
	readonly #delays: SupervisorDelays;
	readonly #budget: CrashBudget;
	readonly #work: HostWork;
	readonly #workers = new Set<SupervisedWorker>();
	/** Settled when the worker has heard of the plugin. */
	readonly #introductions = new Map<SupervisedWorker, Promise<unknown>>();
	readonly #lostHosts = new LostHosts((crash) => this.#onCrash(crash));
	#state: SupervisorState = 'stopped';
	#run: HostRun | undefined;
	#restartTimer: NodeJS.Timeout | undefined;
	#downSince: number | undefined;
	#starts = 0;
	#deaths = 0;
	#unjudgedDeaths = 0;

	constructor(options: SupervisorOptions) {
		super();
		this.#options = options;
		this.#delays = options.delays ?? defaults;
		this.#budget = new CrashBudget({
			deaths: options.crashBudget,
			delayMs: this.#delays.restartDelayMs,
			maxDelayMs: this.#delays.maxRestartDelayMs,
		});
		this.#work = new HostWork(options.pluginId, this.#delays.progressAfterMs);
	}

	get state(): SupervisorState {
		return this.#state;
	}

	/** Undefined while there is none. */
	get host(): HostProcess | undefined {
		return this.#run?.host;
	}

	get starts(): number {
		return this.#starts;
	}

	get deaths(): number {
		return this.#deaths;
	}

	/** The first start is not tried again: whoever waits for it should hear what is wrong. */
	async start(workers: Iterable<SupervisedWorker>): Promise<PluginIdentity> {
		for (const worker of workers) {
			this.#workers.add(worker);
		}

		try {
			const run = this.#launch();
			const identity = await run.loaded;
			const [refusal] = await run.refusals();

			if (refusal !== undefined) {
				throw refusal;
			}
			if (this.#run !== run) {
				throw run.host.diedError('as soon as it had started');
			}
			this.#up(run);

			return identity;
		} catch (error) {
			this.stop();
			throw error;
		}
	}

	/** Connects the host to one more worker, now or as soon as there is one. */
	addWorker(worker: SupervisedWorker): void {
		if (this.#state !== 'stopped' && !this.#workers.has(worker)) {
			const token = this.#issueToken(worker);

			this.#workers.add(worker);
			if (this.#run) {
				this.#connect(this.#run, worker, token);
			}
		}
	}

	removeWorker(worker: SupervisedWorker): void {
		this.#workers.delete(worker);
		this.#introductions.delete(worker);
		this.#work.forget(worker);
		this.#run?.forget(worker);
		this.#lostHosts.workerGone(worker);
	}

	/** Resolves when the worker knows the plugin; rejects when it and the host do not come together. */
	async introduced(worker: SupervisedWorker): Promise<void> {
		await this.#introductions.get(worker);

		try {
			await this.#run?.connectionWith(worker);
		} catch (error) {
			// The next host is on its way.
			if (!(error instanceof HostDiedError)) {
				throw error;
			}
		}
	}

	/** A worker tells that a host connected or went. */
	onHostState(worker: SupervisedWorker, { connected, hostPid, held, reason }: HostStateChange): void {
		if (connected) {
			return;
		}
		if (this.#run?.host.pid === hostPid && !worker.closed) {
			this.#lose(this.#run, `worker ${worker.pid}: ${reason}`);
		}
		this.#lostHosts.heldBy(worker, hostPid, held);
	}

	/** To be called whenever all that is attached is being served. */
	served(): void {
		if (this.#state !== 'running' || !this.#run) {
			return;
		}

		const now = performance.now();

		this.#run.servedAt ??= now;

		if (this.#downSince !== undefined) {
			const downMs = now - this.#downSince;

			this.#downSince = undefined;
			// Nobody should hear of the recovery before the crash.
			this.#lostHosts.reportAll();
			this.emit('recovered', { pid: this.#run.host.pid!, downMs });
		}
	}

	/** For good. Nothing is restarted from now on; the host is told to end when `released` is settled. */
	stop(released: Promise<unknown> = Promise.resolve()): void {
		const run = this.#run;

		this.#state = 'stopped';
		this.#run = undefined;
		clearTimeout(this.#restartTimer);
		void released.finally(() => run?.host.shutdown(this.#delays.shutdownGraceMs));
		this.#lostHosts.killAll();
	}

	/** Throws when there is not even a process. */
	#launch(): HostRun {
		const { pluginId, file, configJson, placement, startHost } = this.#options;

		this.#state = 'starting';
		this.#starts++;

		// The workers answer while the process starts.
		const tokens = [...this.#workers].map((worker) => [worker, this.#issueToken(worker)] as const);
		const host = startHost();
		const run = new HostRun(host, { pluginId, file, config: configJson, placement: placementCodes[placement] });

		this.#run = run;
		host.on('log', (level, line) => this.emit('log', level, line));
		host.on('workerlost', (workerPid, reason) => this.#onWorkerLost(run, workerPid, reason));
		host.once('channelclose', () => this.#lose(run, ''));
		host.once('exit', () => this.#lose(run, ''));

		for (const [worker, token] of tokens) {
			this.#connect(run, worker, token);
		}

		return run;
	}

	async #relaunch(): Promise<void> {
		let run: HostRun | undefined;

		try {
			run = this.#launch();
			await run.loaded;

			const refusals = await run.refusals();

			// Of use to one worker at least, or as good as dead.
			if (refusals.length > 0 && run.connected.size === 0) {
				throw refusals[0];
			}
			this.#up(run);
		} catch (error) {
			if (!run) {
				this.#died((error as Error).message, undefined);
			} else if (this.#run === run) {
				run.host.kill();
				this.#lose(run, (error as Error).message);
			}
		}
	}

	/** Tries again for as long as both are there: calls of that worker depend on it. */
	#connect(run: HostRun, worker: SupervisedWorker, token: Promise<string>, retryMs = this.#delays.restartDelayMs): void {
		run.connect(worker, token).catch((error: Error) => {
			// The first start fails as a whole, and with a lost host there is nothing to try.
			if (this.#run !== run || error instanceof HostDiedError || this.#isFirstStart()) {
				return;
			}
			this.emit('log', 'error', `${error.message}; trying again in ${retryMs} ms`);
			setTimeout(() => {
				if (this.#run === run && this.#workers.has(worker)) {
					this.#connect(run, worker, this.#issueToken(worker), Math.min(retryMs * 2, this.#delays.maxRestartDelayMs));
				}
			}, retryMs).unref();
		});
	}

	#up(run: HostRun): void {
		if (this.#run === run) {
			this.#state = 'running';
			this.emit('up');
		}
	}

	/** The host is of no use any more, whether its process has ended or not. Only the first call for a run counts. */
	#lose(run: HostRun, reason: string): void {
		if (run !== this.#run) {
			return;
		}
		this.#run = undefined;
		run.isLost = true;

		// start() rejects and says why.
		if (this.#isFirstStart()) {
			this.#state = 'stopped';
			run.host.kill();

			return;
		}

		this.#lostHosts.add(run, reason);
		this.#downSince ??= performance.now();
		this.emit('down');
		this.#died(reason, run);
	}

	/** Decides on the next start. Without `run` there was no process. */
	#died(reason: string, run: HostRun | undefined): void {
		const restartsAtOnce = this.#budget.allowsRestartAtOnce && this.#unjudgedDeaths === 0;
		const judged = this.#work.wasDoneBy(run, this.#workers).then((hadWorked) => {
			this.#unjudgedDeaths--;
			this.#budget.died(hadWorked);
		});

		this.#unjudgedDeaths++;
		this.#deaths++;
		this.#state = 'backoff';

		if (restartsAtOnce) {
			void this.#relaunch();
		} else {
			void judged.then(() => this.#afterJudgement(reason, run));
		}
	}

	#afterJudgement(reason: string, run: HostRun | undefined): void {
		const { deathsInRow, delayMs, exhausted } = this.#budget;

		if (this.#state !== 'backoff') {
			return;
		}
		if (exhausted) {
			this.#giveUp(run ? describeEnd(run.host.exit, reason) : reason);
		} else if (delayMs === 0) {
			void this.#relaunch();
		} else {
			this.emit('log', 'warn', `the host died ${deathsInRow} times in a row without doing any work; the next one starts in ${delayMs} ms`);
			this.#restartTimer = setTimeout(() => void this.#relaunch(), delayMs).unref();
		}
	}

	#giveUp(reason: string): void {
		this.#state = 'died';
		this.emit(
			'died',
			new HostDiedError(
				'MPH_ERR_HOST_DIED',
				`the host of ${this.#options.file} died ${this.#budget.deathsInRow} times in a row without doing any work (last: ${reason}); the plugin is given up, and its attachments follow onAbsent until they are closed`,
			),
		);
	}

	#onCrash(crash: HostCrash): void {
		if (this.#state !== 'stopped') {
			this.emit('crash', crash);
		}
	}

	#isFirstStart(): boolean {
		return this.#state === 'starting' && this.#starts === 1;
	}

	#issueToken(worker: SupervisedWorker): Promise<string> {
		const token = randomBytes(32).toString('hex');
		const issued = worker.issueHostToken(this.#options.pluginId, token).then(() => token);

		this.#introductions.set(worker, issued);
		// Whoever connects hears of it.
		issued.catch(() => {});

		return issued;
	}

	#onWorkerLost(run: HostRun, workerPid: number, reason: string): void {
		for (const worker of run.connected) {
			if (worker.pid === workerPid) {
				run.connected.delete(worker);
			}
		}
		if (reason) {
			this.emit('log', 'warn', `the host lost worker ${workerPid}: ${reason}`);
		}
	}
}
