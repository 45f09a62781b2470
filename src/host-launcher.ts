// Starts one unit's hosts and brings each of them together with every worker: tokens, the state that earlier hosts left, and another try
// for a worker that did not get it. Which of them serves is not decided here.

import { randomBytes } from 'node:crypto';

import { EnhancedEventEmitter } from 'mediasoup/extras';

import { HostDiedError } from './errors.ts';
import { HostPhase, Placement as PlacementCode } from './generated/control.js';
import type { HostSnapshot, PluginPost } from './host-handle.ts';
import type { PluginCodes, SupervisedWorker } from './host-run.ts';
import { HostRun } from './host-run.ts';
import type { LogLevel } from './logger.ts';
import type { Placement } from './options.ts';
import { Snapshots } from './snapshots.ts';
import type { SupervisorDelays, SupervisorOptions } from './supervisor-types.ts';

export type HostLauncherOptions = Pick<SupervisorOptions, 'unitId' | 'hangMs' | 'placement' | 'memoryLimit' | 'startHost'> & {
	readonly delays: SupervisorDelays;
	/** Whether that host is the one that serves as far as the app knows, and not one that only waits. */
	readonly isActive: (run: HostRun) => boolean;
};

export type HostLauncherEvents = {
	/** It ended or hung up. */
	lost: [HostRun];
	/** Of a run's phases, workers or end. */
	change: [];
	/** From an instance that serves, or did. */
	post: [PluginPost];
	/** A host for scripts says that it lost the worker; that need not be the end of either. */
	threadlost: [HostRun, SupervisedWorker, reason: string];
	/** The worker has it as a host now. */
	connected: [HostRun, SupervisedWorker];
	/** An empty id: the host itself. */
	log: [LogLevel, string, pluginId: string];
};

const placementCodes: Readonly<Record<Placement, PlacementCode>> = {
	auto: PlacementCode.Auto,
	shared: PlacementCode.Shared,
	isolated: PlacementCode.Isolated,
};

/** Runs that are lost, kept for questions that come late. */
const keptRuns = 16;

export class HostLauncher extends EnhancedEventEmitter<HostLauncherEvents> {
	readonly workers = new Set<SupervisedWorker>();
	readonly #options: HostLauncherOptions;
	/** Settled when the worker has heard of the plugin. */
	readonly #introductions = new Map<SupervisedWorker, Promise<unknown>>();
	readonly #snapshots = new Snapshots();
	/** The oldest first. */
	#runs: HostRun[] = [];
	#starts = 0;

	constructor(options: HostLauncherOptions) {
		super();
		this.#options = options;
	}

	get starts(): number {
		return this.#starts;
	}

	get livingPids(): number[] {
		return this.#runs.filter(({ host }) => !host.exit && host.pid !== undefined).map(({ host }) => host.pid!);
	}

	/** Those with which something is still to be done, the oldest first. */
	get runs(): readonly HostRun[] {
		return this.#runs.filter((run) => !run.isOver);
	}

	/** Throws when there is not even a process. */
	launch(codes: PluginCodes): HostRun {
		const { placement, memoryLimit, startHost } = this.#options;
		const number = ++this.#starts;

		// The workers answer while the process starts.
		const tokens = [...this.workers].map((worker) => [worker, this.#issueToken(worker)] as const);
		const host = startHost(codes);
		const run = new HostRun({
			...{ number, host, codes },
			loadFields: { placement: placementCodes[placement], memoryLimit },
			snapshotsOf: (worker) => this.#snapshots.of(worker),
		});

		this.#keep(run);
		run.on('change', () => this.emit('change'));
		host.on('log', (level, line, pluginId) => this.emit('log', level, line, pluginId));
		host.on('post', (post) => this.#onPost(run, post));
		host.on('workerlost', (workerPid, reason) => this.#onWorkerLost(run, workerPid, reason));
		host.on('snapshot', (snapshot) => this.#onSnapshot(run, snapshot));
		host.once('channelclose', () => this.emit('lost', run));
		host.once('exit', () => this.emit('lost', run));

		for (const [worker, token] of tokens) {
			this.#connect(run, worker, token);
		}

		return run;
	}

	/** It lost the worker, and both live on. */
	connectAnew(run: HostRun, worker: SupervisedWorker): void {
		if (!run.isOver && this.workers.has(worker)) {
			this.#connect(run, worker, this.#issueToken(worker));
		}
	}

	/** The youngest one, should a number have come round again. */
	runOf(hostPid: number): HostRun | undefined {
		return this.#runs.findLast((run) => run.host.pid === hostPid);
	}

	/** Connects the hosts to one more worker, now or as soon as there is one. */
	addWorker(worker: SupervisedWorker): void {
		if (this.workers.has(worker)) {
			return;
		}
		this.workers.add(worker);

		const { runs } = this;

		if (runs.length === 0) {
			// It should know the plugin all the same.
			this.#issueToken(worker);
		}
		for (const run of runs) {
			this.#connect(run, worker, this.#issueToken(worker));
		}
	}

	removeWorker(worker: SupervisedWorker): void {
		this.workers.delete(worker);
		this.#introductions.delete(worker);
		this.#snapshots.drop(worker);

		for (const run of this.#runs) {
			run.forget(worker);
		}
	}

	/** Nothing of its state is kept, and no host runs it any more. */
	forgetPlugin(pluginId: string): void {
		this.#snapshots.dropPlugin(pluginId);

		for (const run of this.runs) {
			run.unload(pluginId).catch((error: Error) => {
				// A lost host has unloaded it, too.
				if (!run.isOver) {
					this.#log('warn', `host ${run.host.pid} did not unload a plugin that was closed: ${error.message}`);
				}
			});
		}
	}

	/** Resolves when the worker knows the unit; rejects when it and the host do not come together. */
	async introduced(worker: SupervisedWorker, run: HostRun | undefined): Promise<void> {
		await this.#introductions.get(worker);

		try {
			await run?.connectionWith(worker);
		} catch (error) {
			// The next host is on its way.
			if (!(error instanceof HostDiedError)) {
				throw error;
			}
		}
	}

	/** Tries again for as long as both are there: calls of that worker depend on it. */
	#connect(run: HostRun, worker: SupervisedWorker, token: Promise<string>, retryMs = this.#options.delays.restartDelayMs): void {
		run.connect(worker, token).then(
			() => this.emit('connected', run, worker),
			(error: Error) => this.#onNotConnected(run, worker, error, retryMs),
		);
	}

	#onNotConnected(run: HostRun, worker: SupervisedWorker, error: Error, retryMs: number): void {
		// With a lost host there is nothing to try.
		if (run.isOver || run.isOnTrial || error instanceof HostDiedError) {
			return;
		}
		this.#log('error', `${error.message}; trying again in ${retryMs} ms`);
		setTimeout(() => {
			if (!run.isOver && this.workers.has(worker)) {
				this.#connect(run, worker, this.#issueToken(worker), Math.min(retryMs * 2, this.#options.delays.maxRestartDelayMs));
			}
		}, retryMs).unref();
	}

	#issueToken(worker: SupervisedWorker): Promise<string> {
		const { unitId, hangMs } = this.#options;
		const token = randomBytes(32).toString('hex');
		const issued = worker.issueHostToken(unitId, token, hangMs).then(() => token);

		this.#introductions.set(worker, issued);
		// Whoever connects hears of it.
		issued.catch(() => {});

		return issued;
	}

	#keep(run: HostRun): void {
		const kept = this.#runs.filter(({ isOver }) => isOver).slice(-keptRuns);

		this.#runs = [...this.#runs.filter((other) => !other.isOver || kept.includes(other)), run];
	}

	/** One that only waits has no state that is worth anything. */
	#onSnapshot(run: HostRun, snapshot: HostSnapshot): void {
		const worker = this.#workerOf(snapshot.workerPid);

		if (!worker || !run.codes.has(snapshot.pluginId) || !this.#isHeardIn(run, worker) || !this.#snapshots.keep(worker, snapshot, run.number)) {
			return;
		}
		for (const other of this.#runs) {
			if (other !== run && !other.isOver && !other.servesIn(worker)) {
				other.storeSnapshot(snapshot);
			}
		}
	}

	#onPost(run: HostRun, post: PluginPost): void {
		const worker = this.#workerOf(post.workerPid);

		// One that served may have more to say when it is told to end.
		if (worker ? run.hasServedIn(worker) || this.#isHeardIn(run, worker) : this.#options.isActive(run)) {
			this.emit('post', post);
		}
	}

	/** Not one that only waits there. */
	#isHeardIn(run: HostRun, worker: SupervisedWorker): boolean {
		const phase = run.phaseIn(worker);

		return phase === HostPhase.Serving || (phase !== HostPhase.Warm && (run.isLost || this.#options.isActive(run)));
	}

	#workerOf(pid: number): SupervisedWorker | undefined {
		return [...this.workers].find((worker) => worker.pid === pid);
	}

	#onWorkerLost(run: HostRun, workerPid: number, reason: string): void {
		const lost = this.#workerOf(workerPid);

		if (reason) {
			this.#log('warn', `the host lost worker ${workerPid}: ${reason}`);
		}
		if (run.host.kind === 'script' && lost && !run.isOver) {
			this.emit('threadlost', run, lost, reason);

			return;
		}
		for (const worker of run.connected) {
			if (worker.pid === workerPid) {
				run.connected.delete(worker);
			}
		}
	}

	#log(level: LogLevel, line: string): void {
		this.emit('log', level, line, '');
	}
}
