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
import type { HostProcess, PluginIdentity } from './host-process.ts';
import type { HostRun, PluginCode, PluginCodes, SupervisedWorker } from './host-run.ts';
import { Outage } from './outage.ts';
import { replaceHost } from './replacement.ts';
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
	/** Why there is no host and none on its way. */
	#end: 'stopped' | 'quarantined' | 'died' | undefined = 'stopped';
	/** The one that serves, or will first. */
	#run: HostRun | undefined;
	#standby: HostRun | undefined;
	#successor: HostRun | undefined;
	#standbyIsDue = false;
	#toldStandby: HostRun | undefined;

	constructor(options: SupervisorOptions) {
		super();
		this.#options = { delays: defaults, ...options };
		this.#launcher = new HostLauncher({ ...this.#options, isActive: (run) => run === this.#run });
		this.#launcher.on('log', (level, line, pluginId) => this.emit('log', level, line, pluginId));
		this.#launcher.on('lost', (run) => this.#lose(run, ''));
		this.#launcher.on('post', (post) => this.emit('post', post));
		this.serving = new ServingHosts({ launcher: this.#launcher, active: () => this.#run, hasEnded: () => this.#end !== undefined });
		this.#plugins = new HostPlugins(options.codes);
		this.#deaths = new Deaths({ ...this.#options, name: this.#plugins.name, workers: this.#launcher.workers, isHostMissing: () => this.#isHostMissing });
		this.#deaths.on('log', (level, line) => this.emit('log', level, line, ''));
		this.#deaths.on('start', () => this.#startMissing());
		this.#deaths.on('crashloop', (loop) => this.#giveUp(loop));
		this.#departed = new DepartedHosts(this.#options.delays.shutdownGraceMs, (crash) => this.#end !== 'stopped' && this.emit('crash', crash));
		this.#outage = new Outage(this.#departed, (recovery) => this.#end !== 'stopped' && this.emit('recovered', recovery));
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
		return this.#standby?.isUp && this.#standby.isWarmEverywhere ? this.#standby.host : undefined;
	}

	get starts(): number {
		return this.#launcher.starts;
	}

	get deaths(): number {
		return this.#deaths.count;
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

		await this.#tryOut(this.#plugins.codes);
	}

	/** Connects the hosts to one more worker, now or as soon as there is one. */
	addWorker(worker: SupervisedWorker): void {
		if (this.#end !== 'stopped') {
			this.#launcher.addWorker(worker);
		}
	}

	removeWorker(worker: SupervisedWorker): void {
		this.#deaths.forget(worker);
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
		this.#departed.heldBy(worker, hostPid, held);
	}

	/** To be called whenever all that is attached is being served. */
	served(): void {
		if (this.#run?.isUp && !this.#end) {
			this.#outage.served(this.#run);
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
			throw this.#end === 'stopped' ? new InvalidStateError('MPH_ERR_CLOSED', `${call}: the plugin was closed`, { cause: error }) : error;
		} finally {
			this.#turns.end();
			this.#look();
			this.#startMissing();
		}
	}

	/** For good. Nothing is restarted from now on; the hosts are told to end when `released` is settled. */
	stop(released: Promise<unknown> = Promise.resolve()): void {
		const runs = [this.#run, this.#standby, this.#successor].filter((run) => run !== undefined);

		this.#end = 'stopped';
		this.#run = this.#standby = undefined;
		this.#deaths.cancelStart();

		for (const run of runs) {
			run.isLeaving = true;
			void released.finally(() => run.host.shutdown(this.#options.delays.shutdownGraceMs));
		}
		this.#successor?.lose('the plugin was closed');
		this.#departed.killAll();
		this.serving.emit('change');
	}

	async #change(codes: PluginCodes): Promise<void> {
		// It may have been stopped before it was its turn.
		if (this.#end === 'stopped') {
			throw new InvalidStateError('MPH_ERR_CLOSED', 'there is nothing to replace');
		}
		await (this.#run ? this.#replaceBy(codes) : this.#tryOut(codes));
	}

	/** Starts a host as the one that serves. Nobody but the caller hears of it when that fails, and all is as it was. */
	async #tryOut(codes: PluginCodes): Promise<void> {
		const before = this.#end;
		let run: HostRun | undefined;

		this.#end = undefined;
		this.#deaths.cancelStart();

		try {
			run = this.#run = this.#launcher.launch(codes);
			run.isOnTrial = true;

			await run.connectedEverywhere();

			if (this.#run !== run) {
				throw run.host.diedError('as soon as it had started');
			}
			this.#adopt(run);
			this.#up(run);
		} catch (error) {
			if (run) {
				run.isLost = true;
				run.host.kill();
			}
			if (this.#run === run) {
				this.#run = undefined;
			}
			if (this.state !== 'stopped') {
				this.#end = before;
			}
			throw error;
		}
	}

	async #replaceBy(codes: PluginCodes): Promise<void> {
		const began = performance.now();

		// A worker has room for three.
		await this.#departed.left();

		const successor = this.#launcher.launch(codes);
		const previousPid = this.#run?.host.pid;

		this.#successor = successor;
		successor.isOnTrial = true;

		try {
			const { workers } = this.#launcher;
			await replaceHost({ ...this.#options, successor, workers, old: () => this.#run });

			if (this.#end === 'stopped') {
				throw successor.host.diedError('as it had taken over');
			}
			this.#adopt(successor);
			this.#succeed(successor);
			this.emit('restarted', { pid: successor.host.pid!, previousPid, tookMs: performance.now() - began });
		} catch (error) {
			this.#successor = undefined;

			if (this.#run === successor) {
				// It had taken over from one that died; there is no other one.
				successor.host.kill();
				this.#lose(successor, (error as Error).message);
			} else if (this.#end !== 'stopped') {
				this.#departed.dismiss(successor);
			}
			throw error;
		}
	}

	#adopt(run: HostRun): void {
		this.#plugins.adopt(run);
		this.#deaths.startOver(this.#plugins.name);

		for (const [pluginId, code] of run.codes) {
			this.emit('adopted', pluginId, code, run.identities.get(pluginId)!);
		}
	}

	#discard(run: HostRun, reason: string): void {
		if (!run.isOver) {
			run.host.kill();
			this.#lose(run, reason);
		}
	}

	#succeed(successor: HostRun): void {
		for (const run of [this.#run, this.#standby]) {
			if (run && run !== successor) {
				this.#departed.dismiss(run);
			}
		}
		this.#end = this.#successor = this.#standby = undefined;
		this.#run = successor;
		this.#up(successor);
	}

	async #launchStandby(): Promise<void> {
		this.#standbyIsDue = true;
		await this.#departed.left();
		this.#standbyIsDue = false;

		if (this.#wantsStandby) {
			await this.#bringUp(() => (this.#standby = this.#launcher.launch(this.#plugins.codes)));
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
				this.#deaths.add(undefined, (error as Error).message, this.#run !== undefined);
			} else {
				this.#discard(run, (error as Error).message);
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
		if (!this.#turns.call && run && standby?.servesAnywhere && !run.servesAnywhere) {
			[this.#run, this.#standby] = [standby, run];
		}
		if (this.#run?.isUp && this.#outage.canEndBy(this.#run)) {
			this.emit('up');
		}
		if (this.standbyHost && this.#standby !== this.#toldStandby) {
			this.#toldStandby = this.#standby;
			this.emit('standby', { pid: this.standbyHost.pid! });
		}
		this.serving.emit('change');
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
		} else if (run === this.#run) {
			this.#loseActive(run);
		} else if (run === this.#standby) {
			this.#standby = undefined;
			this.#departed.abandon(run);
			this.emit('log', 'warn', `the standby, host ${run.host.pid}, is gone${reason && ` (${reason})`}`, '');
			this.#deaths.add(run, reason, true);
		}
	}

	#loseActive(run: HostRun): void {
		const next = this.#standby ?? (this.#successor !== run ? this.#successor : undefined);

		this.#standby = undefined;
		this.#run = next;
		this.#outage.lost(run, next);

		if (!next) {
			this.emit('down');
		}
		this.#deaths.add(run, run.lostReason, false);
		this.#look();
	}

	#startMissing(): void {
		if (this.#end) {
			return;
		}
		this.#deaths.cancelStart();

		if (!this.#run) {
			void this.#bringUp(() => (this.#run = this.#launcher.launch(this.#plugins.codes)));
		} else if (this.#wantsStandby && !this.#standbyIsDue) {
			void this.#launchStandby();
		}
	}

	get #isHostMissing(): boolean {
		return !this.#end && (!this.#run || this.#wantsStandby);
	}

	get #wantsStandby(): boolean {
		return !this.#end && this.#options.standby && !this.#standby && !this.#turns.call && this.#run?.isUp === true;
	}

	#giveUp({ deathsInRow, words, end, error }: CrashLoop): void {
		if (this.#run) {
			this.emit('log', 'error', `${words}; host ${this.#run.host.pid} serves on without a standby`, '');

			return;
		}
		this.#end = end;

		if (end === 'died') {
			this.emit('died', error);
		} else {
			this.emit('quarantine', { error, deathsInRow });
		}
		this.serving.emit('change');
	}
}
