// Keeps the host of one unit running: starts it, connects it to every worker, and replaces it at once when it dies or when it is told to. Calls
// go on meanwhile: with a standby the workers have promoted it before this hears of the death, without one they follow onAbsent.

import { performance } from 'node:perf_hooks';

import { EnhancedEventEmitter } from 'mediasoup/extras';

import type { CrashLoop } from './deaths.ts';
import { Deaths } from './deaths.ts';
import { defaults } from './defaults.ts';
import { DepartedHosts } from './departed-hosts.ts';
import { InvalidStateError } from './errors.ts';
import { HostPhase } from './generated/control.js';
import { HostLauncher } from './host-launcher.ts';
import { HostPlugins } from './host-plugins.ts';
import type { HostHandle, PluginIdentity } from './host-handle.ts';
import { HostRoles } from './host-roles.ts';
import type { HostRun, PluginCode, PluginCodes, SupervisedWorker } from './host-run.ts';
import { HostThreads } from './host-threads.ts';
import { HostTrials } from './host-trials.ts';
import { Outage } from './outage.ts';
import { ServingHosts } from './serving-hosts.ts';
import type { PlannedCall, SupervisorEvents, SupervisorOptions, SupervisorState } from './supervisor-types.ts';
import { Turns } from './turns.ts';
import type { HostStateChange } from './worker-link.ts';

export class Supervisor extends EnhancedEventEmitter<SupervisorEvents> {
	readonly serving: ServingHosts;
	readonly #options: Required<SupervisorOptions>;
	readonly #launcher: HostLauncher;
	readonly #deaths: Deaths;
	readonly #departed: DepartedHosts;
	readonly #outage: Outage;
	readonly #plugins: HostPlugins;
	readonly #turns = new Turns();
	readonly #roles = new HostRoles();
	readonly #trials: HostTrials;
	readonly #threads: HostThreads;
	#standbyIsDue = false;
	#toldStandby: HostRun | undefined;

	constructor(options: SupervisorOptions) {
		super();
		this.#options = { delays: defaults, ...options };
		this.#launcher = new HostLauncher({ ...this.#options, isActive: (run) => run === this.#roles.active });
		this.#launcher.on('log', (level, line, pluginId) => this.emit('log', level, line, pluginId));
		this.#launcher.on('lost', (run) => this.#lose(run, ''));
		this.#launcher.on('post', (post) => this.emit('post', post));
		this.serving = new ServingHosts({ launcher: this.#launcher, roles: this.#roles });
		this.#plugins = new HostPlugins(options.codes);
		this.#deaths = new Deaths({ ...this.#options, name: this.#plugins.name, workers: this.#launcher.workers, isHostMissing: () => this.#isHostMissing });
		this.#deaths.on('log', (level, line) => this.emit('log', level, line, ''));
		this.#deaths.on('start', () => this.#startMissing());
		this.#deaths.on('crashloop', (loop) => this.#giveUp(loop));
		this.#departed = new DepartedHosts(this.#options.delays.shutdownGraceMs, (crash) => this.#roles.isStopped || this.emit('crash', crash));
		this.#trials = new HostTrials({
			...{ ...this.#options, roles: this.#roles, launcher: this.#launcher, departed: this.#departed },
			onPassed: (run) => this.#adopt(run),
			onUp: (run) => this.#up(run),
			onLost: (run, reason) => this.#lose(run, reason),
		});
		this.#outage = new Outage(this.#departed, (recovery) => this.#roles.isStopped || this.emit('recovered', recovery));
		this.#threads = new HostThreads({ ...this.#options, launcher: this.#launcher, servingIn: (worker) => this.serving.of(worker) });
		this.#threads.on('lost', (run, reason) => this.#lose(run, reason));
		this.#threads.on('crash', (crash) => this.#roles.isStopped || (this.emit('crash', crash), this.#look()));
		this.#threads.on('recovered', (recovery) => this.#roles.isStopped || this.emit('recovered', recovery));
		this.#launcher.on('connected', () => this.#look());
		this.#threads.on('log', (level, line) => this.emit('log', level, line, ''));
	}

	get state(): SupervisorState {
		return this.#roles.state;
	}

	/** Undefined while there is none. */
	get host(): HostHandle | undefined {
		return this.#roles.active?.host;
	}

	/** Undefined while there is none that could take over in every worker. */
	get standbyHost(): HostHandle | undefined {
		return this.#roles.readyStandby?.host;
	}

	get starts(): number {
		return this.#launcher.starts;
	}

	get deaths(): number {
		return this.#deaths.count;
	}

	get threadDeaths(): number {
		return this.#threads.deaths;
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
		[...workers].forEach((worker) => this.#launcher.workers.add(worker));
		await this.#startFirst(this.#plugins.codes);
	}

	/** Connects the hosts to one more worker, now or as soon as there is one. */
	addWorker(worker: SupervisedWorker): void {
		if (!this.#roles.isStopped) {
			this.#launcher.addWorker(worker);
		}
	}

	removeWorker(worker: SupervisedWorker): void {
		this.#deaths.forget(worker);
		this.#threads.forget(worker);
		this.#launcher.removeWorker(worker);
		this.#departed.workerGone(worker);
		this.#look();
	}

	/** Loads one more plugin into what runs, as soon as there is a host. Rejects when that fails, and all is as it was. */
	join(pluginId: string, code: PluginCode): Promise<PluginIdentity> {
		return this.#turns.next(async () => {
			const identity = await this.#plugins.join(pluginId, code, await this.serving.next(this.#options.timeoutMs));

			await Promise.all(
				this.#launcher.runs.map((run) => this.#plugins.complete(run).catch((error: Error) => this.#discard(run, error.message))),
			);

			return identity;
		});
	}

	/** Hosts to come do not run it, those that are there unload it when it is `detached`, which never rejects. */
	leave(pluginId: string, detached: Promise<unknown>): void {
		this.#plugins.leave(pluginId);
		void detached.then(() => this.#launcher.forgetPlugin(pluginId));
	}

	/** Resolves when the worker knows the unit; rejects when it and the host do not come together. */
	async introduced(worker: SupervisedWorker): Promise<void> {
		await this.#launcher.introduced(worker, this.#roles.active);
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
			const isHang = reason.startsWith('hang');

			if (isHang && !run.isLost) {
				run.hung = true;
				run.host.kill();
			} else if (run.host.kind === 'script' && !run.isOver) {
				this.#threads.gone(run, worker, reason, held);

				return;
			}
			this.#lose(run, `worker ${worker.pid}: ${reason}${isHang ? ` (option hangMs is ${this.#options.hangMs})` : ''}`);
		}
		this.#departed.heldBy(worker, hostPid, held);
	}

	/** To be called whenever all that is attached is being served. */
	served(): void {
		if (this.#roles.active?.isUp && !this.#roles.end) {
			this.#outage.served(this.#roles.active);
			this.#threads.served();
		}
	}

	/**
	 * Another host takes over from the one that serves, as planned. If it cannot, the old one serves on and it rejects with the reason. Where
	 * none serves, a host is started. `changed`: what the new one is to run instead.
	 */
	async replace(call: PlannedCall, changed: PluginCodes = new Map()): Promise<void> {
		this.#turns.begin(call, this.#plugins.name);

		try {
			await this.#turns.next(async () => this.#change(this.#plugins.with(changed)));
		} catch (error) {
			throw this.#roles.isStopped ? new InvalidStateError('MPH_ERR_CLOSED', `${call}: the plugin was closed`, { cause: error }) : error;
		} finally {
			this.#turns.end();
			this.#look();
			this.#startMissing();
		}
	}

	/** For good. Nothing is restarted from now on; the hosts are told to end when `released` is settled. */
	stop(released: Promise<unknown> = Promise.resolve()): void {
		const runs = [this.#roles.active, this.#roles.standby, this.#roles.successor].filter((run) => run !== undefined);

		this.#roles.end = 'stopped';
		this.#roles.active = this.#roles.standby = undefined;
		this.#deaths.cancelStart();

		for (const run of runs) {
			run.isLeaving = true;
			void released.finally(() => run.host.shutdown(this.#options.delays.shutdownGraceMs));
		}
		this.#roles.successor?.lose('the plugin was closed');
		this.#departed.killAll();
		this.serving.emit('change');
	}

	async #change(codes: PluginCodes): Promise<void> {
		// It may have been stopped before it was its turn.
		if (this.#roles.isStopped) {
			throw new InvalidStateError('MPH_ERR_CLOSED', 'there is nothing to replace');
		}
		if (this.#roles.active) {
			this.emit('restarted', await this.#trials.replace(codes));
		} else {
			await this.#startFirst(codes);
		}
	}

	#startFirst(codes: PluginCodes): Promise<void> {
		this.#deaths.cancelStart();

		return this.#trials.start(codes);
	}

	#adopt(run: HostRun): void {
		this.#plugins.adopt(run);
		this.#deaths.startOver(this.#plugins.name);
		this.#threads.startOver();

		for (const [pluginId, identity] of run.identities) {
			this.emit('adopted', pluginId, run.codes.get(pluginId)!, identity);
		}
	}

	#discard(run: HostRun, reason: string): void {
		if (!run.isOver) {
			run.host.kill();
			this.#lose(run, reason);
		}
	}

	async #launchStandby(): Promise<void> {
		this.#standbyIsDue = true;
		await this.#departed.left();
		this.#standbyIsDue = false;

		if (this.#wantsStandby) {
			await this.#bringUp(() => (this.#roles.standby = this.#launcher.launch(this.#plugins.codes)));
		}
	}

	async #bringUp(launch: () => HostRun): Promise<void> {
		let run: HostRun | undefined;

		try {
			run = launch();
			await run.connectedAnywhere();

			if (!run.isOver) {
				this.#up(run);
			}
		} catch (error) {
			if (!run) {
				this.#deaths.add(undefined, (error as Error).message, this.#roles.active !== undefined);
			} else {
				this.#discard(run, (error as Error).message);
			}
		}
	}

	#up(run: HostRun): void {
		run.isUp = true;
		run.upAt = performance.now();
		run.isOnTrial = false;

		if (run === this.#roles.active) {
			this.emit('up');
			this.#startMissing();
		}
		this.#look();
	}

	/** Phases have changed. */
	#look(): void {
		const [run, standby] = [this.#roles.active, this.#roles.standby];

		// Whom the workers promote is for them to choose.
		if (!this.#turns.call && run && standby?.servesAnywhere && !run.servesAnywhere) {
			[this.#roles.active, this.#roles.standby] = [standby, run];
		}
		if (this.#roles.active?.isUp && (this.#outage.canEndBy(this.#roles.active) || this.#threads.hasRecovered)) {
			this.emit('up');
		}
		if (this.standbyHost && this.#roles.standby !== this.#toldStandby) {
			this.#toldStandby = this.#roles.standby;
			this.emit('standby', { pid: this.standbyHost.pid! });
		}
		this.serving.emit('change');
	}

	/** The host is of no use any more, whether its process has ended or not. Only the first call for a run counts. */
	#lose(run: HostRun, reason: string): void {
		if (run.isLost) {
			return;
		}

		const served = run.servesAnywhere;

		run.lose(reason);

		if (run.isLeaving) {
			return;
		}
		// A start on trial: its caller says why.
		if (run.isOnTrial && run !== this.#roles.successor) {
			this.#roles.active = undefined;
			run.host.kill();
		} else if (run === this.#roles.active) {
			this.#loseServing(run, this.#roles.standby ?? (this.#roles.successor !== run ? this.#roles.successor : undefined));
		} else if (run === this.#roles.standby && served) {
			// In some workers only, where the active one's threads had ended.
			this.#loseServing(run, this.#roles.active);
		} else if (run === this.#roles.standby) {
			this.#roles.standby = undefined;
			this.#departed.abandon(run);
			this.emit('log', 'warn', `the standby, host ${run.host.pid}, is gone${reason && ` (${reason})`}`, '');
			this.#deaths.add(run, reason, true);
		}
		for (const { worker, held } of this.#threads.runLost(run)) {
			this.#departed.heldBy(worker, run.host.pid!, held);
		}
	}

	/** `next`: whom the workers promote now, if there is one. */
	#loseServing(run: HostRun, next: HostRun | undefined): void {
		this.#roles.standby = undefined;
		this.#roles.active = next;
		this.#outage.lost(run, next);

		if (!next) {
			this.emit('down');
		}
		this.#deaths.add(run, run.lostReason, false);
		this.#look();
	}

	#startMissing(): void {
		if (this.#roles.end) {
			return;
		}
		this.#deaths.cancelStart();

		if (!this.#roles.active) {
			void this.#bringUp(() => (this.#roles.active = this.#launcher.launch(this.#plugins.codes)));
		} else if (this.#wantsStandby && !this.#standbyIsDue) {
			void this.#launchStandby();
		}
	}

	get #isHostMissing(): boolean {
		return !this.#roles.end && (!this.#roles.active || this.#wantsStandby);
	}

	get #wantsStandby(): boolean {
		return !this.#roles.end && this.#options.standby && !this.#roles.standby && !this.#turns.call && this.#roles.active?.isUp === true;
	}

	#giveUp({ deathsInRow, words, end, error }: CrashLoop): void {
		if (this.#roles.active) {
			this.emit('log', 'error', `${words}; host ${this.#roles.active.host.pid} serves on without a standby`, '');

			return;
		}
		this.#roles.end = end;

		if (end === 'died') {
			this.emit('died', error);
		} else {
			this.emit('quarantine', { error, deathsInRow });
		}
		this.serving.emit('change');
	}
}
