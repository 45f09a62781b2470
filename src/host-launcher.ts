// Starts one plugin's hosts and brings each of them together with every worker: tokens, the state that earlier hosts left, and another try
// for a worker that did not get it. Which of them serves is not decided here.

import { randomBytes } from 'node:crypto';

import { EnhancedEventEmitter } from 'mediasoup/extras';

import { HostDiedError } from './errors.ts';
import { HostPhase, Placement as PlacementCode } from './generated/control.js';
import type { HostSnapshot } from './host-process.ts';
import type { PluginCode, SupervisedWorker } from './host-run.ts';
import { HostRun } from './host-run.ts';
import type { LogLevel } from './logger.ts';
import type { Placement } from './options.ts';
import { Snapshots } from './snapshots.ts';
import type { SupervisorDelays, SupervisorOptions } from './supervisor-types.ts';

export type HostLauncherOptions = Pick<SupervisorOptions, 'pluginId' | 'hangMs' | 'placement' | 'memoryLimit' | 'startHost'> & {
	readonly delays: SupervisorDelays;
	/** Whether that host is the plugin's own as far as the app knows, and not one that only waits. */
	readonly isActive: (run: HostRun) => boolean;
};

export type HostLauncherEvents = {
	/** It ended or hung up. */
	lost: [HostRun];
	log: [LogLevel, string];
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

	/** Throws when there is not even a process. */
	launch(code: PluginCode): HostRun {
		const { pluginId, placement, memoryLimit, startHost } = this.#options;
		const number = ++this.#starts;

		// The workers answer while the process starts.
		const tokens = [...this.workers].map((worker) => [worker, this.#issueToken(worker)] as const);
		const host = startHost(code.file);
		const run = new HostRun({
			...{ number, host, code },
			load: { pluginId, placement: placementCodes[placement], memoryLimit, file: code.file, config: code.configJson },
			snapshotsOf: (worker) => this.#snapshots.of(worker),
		});

		this.#keep(run);
		host.on('log', (level, line) => this.emit('log', level, line));
		host.on('workerlost', (workerPid, reason) => this.#onWorkerLost(run, workerPid, reason));
		host.on('snapshot', (snapshot) => this.#onSnapshot(run, snapshot));
		host.once('channelclose', () => this.emit('lost', run));
		host.once('exit', () => this.emit('lost', run));

		for (const [worker, token] of tokens) {
			this.#connect(run, worker, token);
		}

		return run;
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

		const runs = this.#runs.filter((run) => !run.isOver);

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

	/** Resolves when the worker knows the plugin; rejects when it and the host do not come together. */
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
		run.connect(worker, token).catch((error: Error) => {
			// With a lost host there is nothing to try.
			if (run.isOver || run.isOnTrial || error instanceof HostDiedError) {
				return;
			}
			this.emit('log', 'error', `${error.message}; trying again in ${retryMs} ms`);
			setTimeout(() => {
				if (!run.isOver && this.workers.has(worker)) {
					this.#connect(run, worker, this.#issueToken(worker), Math.min(retryMs * 2, this.#options.delays.maxRestartDelayMs));
				}
			}, retryMs).unref();
		});
	}

	#issueToken(worker: SupervisedWorker): Promise<string> {
		const { pluginId, hangMs } = this.#options;
		const token = randomBytes(32).toString('hex');
		const issued = worker.issueHostToken(pluginId, token, hangMs).then(() => token);

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
		const worker = [...this.workers].find(({ pid }) => pid === snapshot.workerPid);
		const phase = worker && run.phaseIn(worker);
		const isOurs = phase === HostPhase.Serving || (phase !== HostPhase.Warm && (run.isLost || this.#options.isActive(run)));

		if (!worker || !isOurs || !this.#snapshots.keep(worker, snapshot, run.number)) {
			return;
		}
		for (const other of this.#runs) {
			if (other !== run && !other.isOver && !other.servesIn(worker)) {
				other.host.storeSnapshot(snapshot);
			}
		}
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
