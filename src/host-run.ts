// One run of a plugin's host: its process, and which workers it has been brought together with.

import type { Outgoing } from './control/outgoing.ts';
import type { HostProcess, PluginIdentity } from './host-process.ts';

/** What is needed of a worker to run hosts for it. */
export interface SupervisedWorker {
	readonly pid: number;
	readonly socketPath: string;
	readonly closed: boolean;
	issueHostToken(pluginId: string, token: string): Promise<void>;
	/** How many verdicts the plugin's hosts have given it so far. */
	verdictsOf(pluginId: string): Promise<number>;
}

export class HostRun {
	readonly host: HostProcess;
	readonly loaded: Promise<PluginIdentity>;
	/** The workers that have it as their host now. */
	readonly connected = new Set<SupervisedWorker>();
	readonly #connections = new Map<SupervisedWorker, Promise<void>>();
	/** performance.now() when it first served all that is attached. */
	servedAt: number | undefined;
	/** It is of no use any more, whether its process has ended or not. */
	isLost = false;

	constructor(host: HostProcess, load: Outgoing['LoadPlugin']) {
		this.host = host;
		this.loaded = host.loadPlugin(load);
		// Whoever waits hears of it; a run that is lost has nobody who waits.
		this.loaded.catch(() => {});
	}

	/** A host that the worker has already is cut off by it. */
	async connect(worker: SupervisedWorker, token: Promise<string>): Promise<void> {
		const connection = this.#connect(worker, token);

		this.#connections.set(worker, connection);
		await connection;
	}

	/** The worker is gone. */
	forget(worker: SupervisedWorker): void {
		this.connected.delete(worker);
		this.#connections.delete(worker);
	}

	/** Settled when it is known whether the worker has it as its host. Undefined: it was not asked to connect. */
	connectionWith(worker: SupervisedWorker): Promise<void> | undefined {
		return this.#connections.get(worker);
	}

	/** Why workers did not get it, when all that is known. */
	async refusals(): Promise<unknown[]> {
		const results = await Promise.allSettled(this.#connections.values());

		return results.filter((result) => result.status === 'rejected').map(({ reason }) => reason as unknown);
	}

	async #connect(worker: SupervisedWorker, token: Promise<string>): Promise<void> {
		try {
			// Both were asked before; only their answers are waited for.
			const [issued] = await Promise.all([token, this.loaded]);

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
		}
	}
}
