// One run of a host: its process, what it has loaded, which workers it has been brought together with, and what it is to each of them.

import { EnhancedEventEmitter } from 'mediasoup/extras';

import type { Outgoing } from './control/outgoing.ts';
import { TimeoutError } from './errors.ts';
import { HostPhase } from './generated/control.js';
import type { HostHandle, HostSnapshot, PluginIdentity } from './host-handle.ts';

/** What is needed of a worker to run hosts for it. */
export interface SupervisedWorker {
	readonly pid: number;
	readonly socketPath: string;
	readonly closed: boolean;
	issueHostToken(pluginId: string, token: string, hangMs: number): Promise<void>;
	promoteHost(pluginId: string, hostPid: number): Promise<void>;
	/** How many verdicts the plugin's hosts have given it so far. */
	verdictsOf(pluginId: string): Promise<number>;
	/** Whether there is anything that the plugin's host has not read or answered. */
	waitsFor(pluginId: string): Promise<boolean>;
}

/** What a host runs of one plugin: an upgrade changes it. */
export type PluginCode = { readonly file: string; readonly config: unknown; readonly configJson: string };

/** By the plugins' ids. */
export type PluginCodes = ReadonlyMap<string, PluginCode>;

export type HostRunOptions = {
	/** Later ones have higher numbers. */
	readonly number: number;
	readonly host: HostHandle;
	readonly codes: PluginCodes;
	readonly loadFields: Pick<Outgoing['LoadPlugin'], 'placement' | 'memoryLimit'>;
	readonly snapshotsOf: (worker: SupervisedWorker) => readonly HostSnapshot[];
};

export type HostRunEvents = {
	/** Of its phase in a worker, of its workers, or it was lost. */
	change: [];
};

export class HostRun extends EnhancedEventEmitter<HostRunEvents> {
	readonly number: number;
	readonly host: HostHandle;
	/** Resolves when it has loaded what it was started with; rejects with the first reason why not. */
	readonly loaded: Promise<void>;
	/** The workers that have it as a host now. */
	readonly connected = new Set<SupervisedWorker>();
	/** Files with packets that it died of. */
	readonly poison: string[] = [];
	readonly #loadFields: HostRunOptions['loadFields'];
	readonly #snapshotsOf: HostRunOptions['snapshotsOf'];
	/** What it was told to load, and not to unload. */
	readonly #codes = new Map<string, PluginCode>();
	readonly #loads = new Map<string, Promise<PluginIdentity>>();
	readonly #identities = new Map<string, PluginIdentity>();
	readonly #connections = new Map<SupervisedWorker, Promise<void>>();
	/** The last one before it went from there. */
	readonly #phases = new Map<SupervisedWorker, HostPhase>();
	readonly #served = new WeakSet<SupervisedWorker>();
	readonly #lost = Promise.withResolvers<void>();
	/** Whoever started it hears of its first failure, and nothing is tried again. */
	isOnTrial = false;
	/** It has loaded its plugins and is connected. */
	isUp = false;
	/** performance.now() when that was. */
	upAt: number | undefined;
	/** performance.now() when it first served all that is attached. */
	servedAt: number | undefined;
	/** It was told to end. */
	isLeaving = false;
	/** It is of no use any more, whether its process has ended or not. */
	isLost = false;
	/** If there is more to it than that it ended. */
	lostReason = '';
	hung = false;
	/** It was killed for what its threads did. */
	isCondemned = false;

	constructor({ number, host, codes, loadFields, snapshotsOf }: HostRunOptions) {
		super();
		this.number = number;
		this.host = host;
		this.#loadFields = loadFields;
		this.#snapshotsOf = snapshotsOf;
		this.loaded = Promise.all([...codes].map(([pluginId, code]) => this.load(pluginId, code))).then(() => {});
		// Whoever waits hears of it; a run that is lost has nobody who waits.
		this.loaded.catch(() => {});
	}

	/** Nothing is tried with it any more. */
	get isOver(): boolean {
		return this.isLost || this.isLeaving;
	}

	/** Resolves when it is lost. */
	get lost(): Promise<void> {
		return this.#lost.promise;
	}

	get codes(): PluginCodes {
		return this.#codes;
	}

	/** Of what it has loaded. */
	get identities(): ReadonlyMap<string, PluginIdentity> {
		return this.#identities;
	}

	/** One that fails leaves everything else as it was. */
	async load(pluginId: string, code: PluginCode): Promise<PluginIdentity> {
		const loading = this.host.loadPlugin({ ...this.#loadFields, pluginId, file: code.file, config: code.configJson });

		this.#codes.set(pluginId, code);
		this.#loads.set(pluginId, loading);

		try {
			const identity = await loading;

			// It may have left meanwhile.
			if (this.#codes.has(pluginId)) {
				this.#identities.set(pluginId, identity);
			}

			return identity;
		} catch (error) {
			this.#codes.delete(pluginId);
			throw error;
		}
	}

	/** Its instances are destroyed there. */
	async unload(pluginId: string): Promise<void> {
		if (!this.#codes.delete(pluginId)) {
			return;
		}
		this.#identities.delete(pluginId);

		// What is not loaded cannot be unloaded.
		const isLoaded = await this.#loads.get(pluginId)!.then(
			() => true,
			() => false,
		);

		if (isLoaded) {
			await this.host.unloadPlugin(pluginId);
		}
	}

	async connect(worker: SupervisedWorker, token: Promise<string>): Promise<void> {
		const connection = this.#connect(worker, token);

		this.#connections.set(worker, connection);
		await connection;
	}

	/** The worker is gone. */
	forget(worker: SupervisedWorker): void {
		this.disconnected(worker);
		this.#connections.delete(worker);
	}

	/** What it was to that worker it is not any more; it lives on. */
	disconnected(worker: SupervisedWorker): void {
		this.connected.delete(worker);
		this.#phases.delete(worker);
		this.emit('change');
	}

	/** The worker says what it is there now. */
	setPhase(worker: SupervisedWorker, phase: HostPhase): void {
		if (phase !== HostPhase.Gone) {
			this.#phases.set(worker, phase);

			if (phase === HostPhase.Serving) {
				this.#served.add(worker);
			}
			this.emit('change');
		}
	}

	/** None until the worker has told. */
	phaseIn(worker: SupervisedWorker): HostPhase {
		return this.#phases.get(worker) ?? HostPhase.None;
	}

	servesIn(worker: SupervisedWorker): boolean {
		return !this.isLost && this.phaseIn(worker) === HostPhase.Serving;
	}

	/** Now or before. */
	hasServedIn(worker: SupervisedWorker): boolean {
		return this.#served.has(worker);
	}

	get servesAnywhere(): boolean {
		return [...this.#phases.keys()].some((worker) => this.servesIn(worker));
	}

	get servesEverywhere(): boolean {
		return [...this.connected].every((worker) => worker.closed || this.servesIn(worker));
	}

	/** Whether it serves there, or could at once. */
	isWarmIn(worker: SupervisedWorker): boolean {
		return this.servesIn(worker) || (!this.isLost && this.phaseIn(worker) === HostPhase.Warm);
	}

	get isWarmEverywhere(): boolean {
		return [...this.connected].every((worker) => worker.closed || this.isWarmIn(worker));
	}

	lose(reason: string): void {
		this.isLost = true;
		this.lostReason = reason;
		this.#lost.resolve();
		this.emit('change');
	}

	/** For the plugin's instance there, if it runs that plugin. */
	storeSnapshot(snapshot: HostSnapshot): void {
		if (this.#codes.has(snapshot.pluginId)) {
			this.host.storeSnapshot(snapshot);
		}
	}

	/** Settled when it is known whether the worker has it as its host. Undefined: it was not asked to connect. */
	connectionWith(worker: SupervisedWorker): Promise<void> | undefined {
		return this.#connections.get(worker);
	}

	/** Resolves when it has loaded everything and every worker has it; rejects with the first reason why not. */
	async connectedEverywhere(): Promise<void> {
		await this.loaded;

		const [refusal] = await this.#refusals();

		if (refusal !== undefined) {
			throw refusal;
		}
	}

	/** Likewise, if it is of use to one worker at least. */
	async connectedAnywhere(): Promise<void> {
		await this.loaded;

		const [refusal] = await this.#refusals();

		if (refusal !== undefined && this.connected.size === 0) {
			throw refusal;
		}
	}

	/** Resolves when it is as `what` says; rejects when that takes too long or it is lost before. */
	async until(what: string, condition: () => boolean, timeoutMs: number): Promise<void> {
		const { promise, resolve, reject } = Promise.withResolvers<void>();
		const look = (): void => {
			if (this.isLost) {
				reject(this.host.diedError(`before ${what}`));
			} else if (condition()) {
				resolve();
			}
		};
		const timer = setTimeout(
			() => reject(new TimeoutError('MPH_ERR_TIMEOUT', `host ${this.host.pid} took longer than ${timeoutMs} ms until ${what}`)),
			timeoutMs,
		);

		this.on('change', look);
		look();

		try {
			await promise;
		} finally {
			clearTimeout(timer);
			this.off('change', look);
		}
	}

	/** Why workers did not get it, when all that is known. */
	async #refusals(): Promise<unknown[]> {
		const results = await Promise.allSettled(this.#connections.values());

		return results.filter((result) => result.status === 'rejected').map(({ reason }) => reason as unknown);
	}

	async #connect(worker: SupervisedWorker, token: Promise<string>): Promise<void> {
		try {
			// Both were asked before; only their answers are waited for.
			const [issued] = await Promise.all([token, this.loaded]);

			for (const snapshot of this.#snapshotsOf(worker)) {
				this.storeSnapshot(snapshot);
			}
			await this.host.connectWorker({ workerPid: worker.pid, socketPath: worker.socketPath, token: issued });
		} catch (error) {
			// A worker that closed in the meantime wants no host.
			if (!worker.closed) {
				throw error;
			}

			return;
		}
		if (!this.isLost) {
			this.connected.add(worker);
			this.emit('change');
		}
	}
}
