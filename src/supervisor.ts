// Keeps one plugin's host running: starts it, connects it to every worker, and replaces it at once when it dies or when it is told to. Calls
// go on meanwhile: with a standby the workers have promoted it before this hears of the death, without one they follow onAbsent.

import { performance } from 'node:perf_hooks';

import { EnhancedEventEmitter } from 'mediasoup/extras';

import { CrashBudget } from './crash-budget.ts';
import type { HostCrash } from './crash-report.ts';
import { describeEnd } from './crash-report.ts';
import { defaults } from './defaults.ts';
import { HostDiedError, InvalidStateError } from './errors.ts';
import { HostPhase, Placement as PlacementCode } from './generated/control.js';
import { HostLauncher } from './host-launcher.ts';
import type { HostProcess, PluginIdentity } from './host-process.ts';
import type { HostRun, PluginCode, SupervisedWorker } from './host-run.ts';
import { HostWork } from './host-work.ts';
import type { LogLevel } from './logger.ts';
import { LostHosts, lingerMs } from './lost-hosts.ts';
import type { Placement } from './options.ts';
import { replaceHost } from './replacement.ts';
import type { HostStateChange } from './worker-link.ts';

/**
 * STOPPED → STARTING → RUNNING
 *              ▲  │       │ died
 *              │  │ died  ▼
 *              │  └──→ BACKOFF ──→ QUARANTINED, DIED
 *              └──────────┘              │ release()
 *              ▲─────────────────────────┘
 *
 * BACKOFF takes no time after the first fruitless death in a row; with a standby the next state after RUNNING is RUNNING. A first start that
 * fails, and stop(), lead to STOPPED.
 */
export type SupervisorState = 'stopped' | 'starting' | 'running' | 'backoff' | 'quarantined' | 'died';

export type SupervisorOptions = PluginCode & {
	readonly pluginId: string;
	readonly crashBudget: number;
	readonly standby: boolean;
	readonly hangMs: number;
	readonly memoryLimit: number;
	readonly placement: Placement;
	readonly timeoutMs: number;
	/** Starts a process; it may throw when the system has no room for one. */
	readonly startHost: (file: string) => HostProcess;
	readonly delays?: SupervisorDelays;
};

export type SupervisorDelays = {
	readonly restartDelayMs: number;
	readonly maxRestartDelayMs: number;
	readonly progressAfterMs: number;
	readonly probationMs: number;
	readonly shutdownGraceMs: number;
};

export type HostRecovery = {
	readonly pid: number;
	/** From when the death was noticed until the next host served all that is attached. */
	readonly downMs: number;
	/** Whether it was ready before: then nothing was absent meanwhile. */
	readonly standby: boolean;
};

export type HostRestart = {
	readonly pid: number;
	readonly previousPid: number | undefined;
	readonly tookMs: number;
};

export type HostQuarantine = {
	/** How the last host died. */
	readonly error: HostDiedError;
	readonly deathsInRow: number;
};

export type SupervisorEvents = {
	/** What is the plugin's from now on. */
	adopted: [PluginCode, PluginIdentity];
	/** No host is there, as of now. */
	down: [];
	/** A host has loaded the plugin and is connected to the workers, or took over there. */
	up: [];
	crash: [HostCrash];
	recovered: [HostRecovery];
	restarted: [HostRestart];
	/** A second host is ready to take over in every worker. */
	standby: [{ readonly pid: number }];
	quarantine: [HostQuarantine];
	/** Given up. */
	died: [HostDiedError];
	log: [LogLevel, string];
};

export type PlannedCall = 'restart()' | 'upgrade()' | 'release()';

const placementCodes: Readonly<Record<Placement, PlacementCode>> = {
	auto: PlacementCode.Auto,
	shared: PlacementCode.Shared,
	isolated: PlacementCode.Isolated,
};

export class Supervisor extends EnhancedEventEmitter<SupervisorEvents> {
	readonly #options: SupervisorOptions;
	readonly #delays: SupervisorDelays;
	readonly #launcher: HostLauncher;
	readonly #work: HostWork;
	readonly #lostHosts = new LostHosts((crash) => this.#onCrash(crash));
	/** Told to end. */
	readonly #leaving = new Set<HostProcess>();
	#code: PluginCode;
	#budget: CrashBudget;
	/** Why there is no host and none on its way. */
	#end: 'stopped' | 'quarantined' | 'died' | undefined = 'stopped';
	/** The one that serves, or will first. */
	#run: HostRun | undefined;
	#standby: HostRun | undefined;
	#successor: HostRun | undefined;
	/** What is under way. */
	#call: PlannedCall | undefined;
	#standbyIsDue = false;
	#toldStandby: HostRun | undefined;
	/** The one that the workers promoted when another one died. */
	#promoted: HostRun | undefined;
	#crashReported: Promise<void> = Promise.resolve();
	#restartTimer: NodeJS.Timeout | undefined;
	#downSince: number | undefined;
	#deaths = 0;
	#unjudgedDeaths = 0;

	constructor(options: SupervisorOptions) {
		super();
		this.#options = options;
		this.#delays = options.delays ?? defaults;
		this.#code = options;
		this.#budget = this.#freshBudget();
		this.#work = new HostWork(options.pluginId, this.#delays.progressAfterMs);
		this.#launcher = new HostLauncher({
			...{ pluginId: options.pluginId, hangMs: options.hangMs, startHost: options.startHost },
			load: { placement: placementCodes[options.placement], memoryLimit: options.memoryLimit },
			isActive: (run) => run === this.#run,
			retryDelayMs: this.#delays.restartDelayMs,
			maxRetryDelayMs: this.#delays.maxRestartDelayMs,
		});
		this.#launcher.on('log', (level, line) => this.emit('log', level, line));
		this.#launcher.on('lost', (run) => this.#lose(run, ''));
	}

	get state(): SupervisorState {
		return this.#end ?? (!this.#run ? 'backoff' : this.#run.isUp ? 'running' : 'starting');
	}

	/** Undefined while there is none. */
	get host(): HostProcess | undefined {
		return this.#run?.host;
	}

	/** Undefined while there is none that could take over in every worker. */
	get standbyHost(): HostProcess | undefined {
		const run = this.#standby;

		return run?.isUp && [...run.connected].every((worker) => worker.closed || run.isWarmIn(worker)) ? run.host : undefined;
	}

	get starts(): number {
		return this.#launcher.starts;
	}

	get deaths(): number {
		return this.#deaths;
	}

	/** Of all processes that run now, on their way out or not. */
	get livingPids(): number[] {
		return this.#launcher.livingPids;
	}

	/** The youngest host with that number, lost or not, as far as it is remembered. */
	runOf(hostPid: number): HostRun | undefined {
		return this.#launcher.runOf(hostPid);
	}

	/** The first start is not tried again: whoever waits for it should hear what is wrong. */
	async start(workers: Iterable<SupervisedWorker>): Promise<void> {
		for (const worker of workers) {
			this.#launcher.workers.add(worker);
		}

		try {
			await this.#tryOut(this.#code);
		} catch (error) {
			this.stop();
			throw error;
		}
	}

	/** Connects the hosts to one more worker, now or as soon as there is one. */
	addWorker(worker: SupervisedWorker): void {
		if (this.#end !== 'stopped') {
			this.#launcher.addWorker(worker);
		}
	}

	removeWorker(worker: SupervisedWorker): void {
		this.#work.forget(worker);
		this.#launcher.removeWorker(worker);
		this.#lostHosts.workerGone(worker);
		this.#look();
	}

	/** Resolves when the worker knows the plugin; rejects when it and the host do not come together. */
	async introduced(worker: SupervisedWorker): Promise<void> {
		await this.#launcher.introduced(worker, this.#run);
	}

	/** A worker tells what a host is there. */
	onHostState(worker: SupervisedWorker, { hostPid, phase, held, reason }: HostStateChange): void {
		const run = this.#launcher.runOf(hostPid);

		run?.setPhase(worker, phase);

		if (phase !== HostPhase.Gone) {
			this.#look();

			return;
		}
		if (run && !worker.closed) {
			if (reason.startsWith('hang') && !run.isLost) {
				run.hung = true;
				run.host.kill();
			}
			this.#lose(run, `worker ${worker.pid}: ${reason}`);
		}
		this.#lostHosts.heldBy(worker, hostPid, held);
	}

	/** To be called whenever all that is attached is being served. */
	served(): void {
		const run = this.#run;
		const wasStandby = run !== undefined && this.#promoted === run;

		// What a standby took over never was absent: that it is served again is for the workers to say.
		if (!run?.isUp || this.#end || (wasStandby && !run.servesEverywhere)) {
			return;
		}

		const now = performance.now();

		run.servedAt ??= now;

		if (this.#downSince === undefined) {
			return;
		}

		const recovery = { pid: run.host.pid!, downMs: now - this.#downSince, standby: wasStandby };

		this.#downSince = undefined;

		// Nobody should hear of the recovery before the crash. A standby is faster than what is to be known of that.
		if (wasStandby) {
			void this.#crashReported.then(() => this.#end !== 'stopped' && this.emit('recovered', recovery));
		} else {
			this.#lostHosts.reportAll();
			this.emit('recovered', recovery);
		}
	}

	/**
	 * Another host takes over from the one that serves, as planned. If it cannot, the old one serves on and it rejects with the reason. Where
	 * none serves, a host is started.
	 */
	async replace(call: PlannedCall, code = this.#code): Promise<void> {
		if (this.#call) {
			throw new InvalidStateError('MPH_ERR_BUSY', `${call}: ${this.#call} of the plugin ${this.#code.file} is under way; wait for it first`);
		}
		this.#call = call;

		try {
			await (this.#run ? this.#replaceBy(code) : this.#startAnew(code));
		} catch (error) {
			throw this.#end === 'stopped' ? new InvalidStateError('MPH_ERR_CLOSED', `${call}: the plugin was closed`, { cause: error }) : error;
		} finally {
			this.#call = undefined;
			this.#look();
			this.#startMissing();
		}
	}

	/** For good. Nothing is restarted from now on; the hosts are told to end when `released` is settled. */
	stop(released: Promise<unknown> = Promise.resolve()): void {
		const runs = [this.#run, this.#standby, this.#successor].filter((run) => run !== undefined);

		this.#end = 'stopped';
		this.#run = this.#standby = undefined;
		clearTimeout(this.#restartTimer);

		for (const run of runs) {
			run.isLeaving = true;
			void released.finally(() => run.host.shutdown(this.#delays.shutdownGraceMs));
		}
		this.#successor?.lose('the plugin was closed');

		for (const host of this.#leaving) {
			host.kill();
		}
		this.#lostHosts.killAll();
	}

	/** Starts a host as the one that serves. Nobody but the caller hears of it when that fails. */
	async #tryOut(code: PluginCode): Promise<void> {
		this.#end = undefined;

		const run = this.#launcher.launch(code);

		this.#run = run;
		run.isOnTrial = true;

		try {
			const identity = await run.loaded;
			const [refusal] = await run.refusals();

			if (refusal !== undefined) {
				throw refusal;
			}
			if (this.#run !== run) {
				throw run.host.diedError('as soon as it had started');
			}
			this.#adopt(code, identity);
			this.#up(run);
		} catch (error) {
			if (this.#run === run) {
				this.#run = undefined;
			}
			run.isLost = true;
			run.host.kill();
			throw error;
		}
	}

	/** Out of quarantine, or instead of waiting for the next try. */
	async #startAnew(code: PluginCode): Promise<void> {
		const before = this.#end;

		clearTimeout(this.#restartTimer);

		try {
			await this.#tryOut(code);
		} catch (error) {
			if (this.#end !== 'stopped') {
				this.#end = before;
			}
			throw error;
		}
	}

	async #replaceBy(code: PluginCode): Promise<void> {
		const began = performance.now();

		// A worker has room for three.
		await this.#departures();

		const { pluginId, timeoutMs, hangMs } = this.#options;
		const successor = this.#launcher.launch(code);
		const previousPid = this.#run?.host.pid;

		this.#successor = successor;
		successor.isOnTrial = true;

		try {
			const identity = await replaceHost({
				...{ pluginId, successor, timeoutMs, hangMs, probationMs: this.#delays.probationMs },
				workers: this.#launcher.workers,
				old: () => this.#run,
			});

			if (this.#end === 'stopped') {
				throw successor.host.diedError('as it had taken over');
			}
			this.#adopt(code, identity);
			this.#succeed(successor);
			this.emit('restarted', { pid: successor.host.pid!, previousPid, tookMs: performance.now() - began });
		} catch (error) {
			this.#successor = undefined;

			if (this.#end === 'stopped') {
				throw error;
			}
			if (this.#run === successor) {
				// It had taken over from one that died; there is no other one.
				successor.host.kill();
				this.#lose(successor, (error as Error).message);
			} else {
				this.#dismiss(successor);
			}
			throw error;
		}
	}

	#adopt(code: PluginCode, identity: PluginIdentity): void {
		this.#code = code;
		this.#budget = this.#freshBudget();
		this.emit('adopted', code, identity);
	}

	#succeed(successor: HostRun): void {
		for (const run of [this.#run, this.#standby]) {
			if (run && run !== successor) {
				this.#dismiss(run);
			}
		}
		this.#end = this.#successor = this.#standby = undefined;
		this.#run = successor;
		this.#up(successor);
	}

	async #relaunch(): Promise<void> {
		await this.#bringUp(() => (this.#run = this.#launcher.launch(this.#code)));
	}

	async #launchStandby(): Promise<void> {
		if (this.#standbyIsDue) {
			return;
		}
		this.#standbyIsDue = true;
		await this.#departures();
		this.#standbyIsDue = false;

		if (this.#wantsStandby) {
			await this.#bringUp(() => (this.#standby = this.#launcher.launch(this.#code)));
		}
	}

	async #bringUp(launch: () => HostRun): Promise<void> {
		let run: HostRun | undefined;

		try {
			run = launch();
			await run.loaded;

			const refusals = await run.refusals();

			// Of use to one worker at least, or as good as dead.
			if (refusals.length > 0 && run.connected.size === 0) {
				throw refusals[0];
			}
			if (!run.isLost && !run.isLeaving) {
				this.#up(run);
			}
		} catch (error) {
			if (!run) {
				this.#died((error as Error).message, undefined, this.#run !== undefined);
			} else if (!run.isLost && !run.isLeaving) {
				run.host.kill();
				this.#lose(run, (error as Error).message);
			}
		}
	}

	#up(run: HostRun): void {
		run.isUp = true;
		run.upAt = performance.now();
		run.isOnTrial = false;

		if (run === this.#run) {
			this.emit('up');
			this.#startMissing();
		}
		this.#look();
	}

	/** Phases have changed. */
	#look(): void {
		const [run, standby] = [this.#run, this.#standby];

		// Whom the workers promote is for them to choose.
		if (!this.#call && run && standby?.servesAnywhere && !run.servesAnywhere) {
			this.#run = standby;
			this.#standby = run;
		}
		if (this.#promoted === this.#run && this.#downSince !== undefined && this.#run?.isUp && this.#run.servesEverywhere) {
			this.emit('up');
		}
		if (this.standbyHost && this.#standby !== this.#toldStandby) {
			this.#toldStandby = this.#standby;
			this.emit('standby', { pid: this.standbyHost.pid! });
		}
	}

	/** The host is of no use any more, whether its process has ended or not. Only the first call for a run counts. */
	#lose(run: HostRun, reason: string): void {
		if (run.isLost) {
			return;
		}
		run.lose(reason);

		if (run.isLeaving) {
			return;
		}
		// A start on trial: its caller says why.
		if (run.isOnTrial && run !== this.#successor) {
			this.#run = undefined;
			run.host.kill();

			return;
		}
		if (run === this.#run) {
			this.#loseActive(run);
		} else if (run === this.#standby) {
			this.#standby = undefined;
			run.host.killAfter(lingerMs);
			this.#leave(run.host);
			this.emit('log', 'warn', `the standby, host ${run.host.pid}, is gone${reason && ` (${reason})`}`);
			this.#died(reason, run, true);
		}
	}

	#loseActive(run: HostRun): void {
		const next = this.#standby ?? (this.#successor !== run ? this.#successor : undefined);

		if (next === this.#standby) {
			this.#standby = undefined;
		}
		this.#run = this.#promoted = next;
		this.#crashReported = Promise.all([this.#crashReported, this.#lostHosts.add(run)]).then(() => {});
		this.#downSince ??= performance.now();

		if (!next) {
			this.emit('down');
		}
		this.#died(run.lostReason, run, false);
		this.#look();
	}

	/** Decides on the next start. Without `run` there was no process. */
	#died(reason: string, run: HostRun | undefined, wasStandby: boolean): void {
		const restartsAtOnce = this.#budget.allowsRestartAtOnce && this.#unjudgedDeaths === 0;
		const hadWorked = wasStandby ? this.#work.hadWaited(run) : this.#work.wasDoneBy(run, this.#launcher.workers);
		const judged = hadWorked.then((worked) => {
			this.#unjudgedDeaths--;
			this.#budget.died(worked);
		});

		this.#unjudgedDeaths++;
		this.#deaths++;

		if (restartsAtOnce) {
			this.#startMissing();
		} else {
			void judged.then(() => this.#afterJudgement(reason, run));
		}
	}

	#afterJudgement(reason: string, run: HostRun | undefined): void {
		const { deathsInRow, delayMs, exhausted } = this.#budget;

		if (this.#end || (this.#run && !this.#wantsStandby)) {
			return;
		}
		if (exhausted) {
			this.#giveUp(reason, run);
		} else if (delayMs === 0) {
			this.#startMissing();
		} else {
			this.emit('log', 'warn', `the host died ${deathsInRow} times in a row without doing any work; the next one starts in ${delayMs} ms`);
			clearTimeout(this.#restartTimer);
			this.#restartTimer = setTimeout(() => this.#startMissing(), delayMs).unref();
		}
	}

	#startMissing(): void {
		if (this.#end) {
			return;
		}
		clearTimeout(this.#restartTimer);

		if (!this.#run) {
			void this.#relaunch();
		} else if (this.#wantsStandby) {
			void this.#launchStandby();
		}
	}

	get #wantsStandby(): boolean {
		return !this.#end && this.#options.standby && !this.#standby && !this.#call && this.#run?.isUp === true;
	}

	#giveUp(reason: string, run: HostRun | undefined): void {
		const { deathsInRow } = this.#budget;
		const last = run ? describeEnd(run.host.exit, reason) : reason;
		const words = `the host of ${this.#code.file} died ${deathsInRow} times in a row without doing any work (last: ${last})`;

		if (this.#run) {
			this.emit('log', 'error', `${words}; host ${this.#run.host.pid} serves on without a standby`);

			return;
		}
		if (run?.host.pid === undefined) {
			this.#end = 'died';
			this.emit(
				'died',
				new HostDiedError('MPH_ERR_HOST_DIED', `${words}; the plugin is given up, and its attachments follow onAbsent until they are closed`),
			);
		} else {
			this.#end = 'quarantined';
			this.emit('quarantine', {
				error: new HostDiedError(
					'MPH_ERR_QUARANTINED',
					`${words}; the plugin is quarantined, and its attachments follow onAbsent until release() is called`,
				),
				deathsInRow,
			});
		}
	}

	#onCrash(crash: HostCrash): void {
		if (this.#end !== 'stopped') {
			this.emit('crash', crash);
		}
	}

	#dismiss(run: HostRun): void {
		run.isLeaving = true;
		run.host.shutdown(this.#delays.shutdownGraceMs);
		this.#leave(run.host);
	}

	#leave(host: HostProcess): void {
		this.#leaving.add(host);
		void host.exited.then(() => this.#leaving.delete(host));
	}

	async #departures(): Promise<void> {
		await Promise.all([...this.#leaving].map((host) => host.exitWithin(lingerMs + this.#delays.shutdownGraceMs)));
	}

	#freshBudget(): CrashBudget {
		return new CrashBudget({
			deaths: this.#options.crashBudget,
			delayMs: this.#delays.restartDelayMs,
			maxDelayMs: this.#delays.maxRestartDelayMs,
		});
	}
}
