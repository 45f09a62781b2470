// Which host serves which worker, for whoever has something to say to its instance there: each worker promotes on its own, so that two hosts
// may serve at the same time.

import { once } from 'node:events';

import { EnhancedEventEmitter } from 'mediasoup/extras';

import { InvalidStateError, TimeoutError } from './errors.ts';
import type { HostLauncher } from './host-launcher.ts';
import type { HostRoles } from './host-roles.ts';
import type { HostRun, SupervisedWorker } from './host-run.ts';

export type ServingHostsOptions = {
	readonly launcher: HostLauncher;
	readonly roles: HostRoles;
};

export type ServingHostsEvents = {
	/** What is said here may have changed. */
	change: [];
};

export class ServingHosts extends EnhancedEventEmitter<ServingHostsEvents> {
	readonly #options: ServingHostsOptions;

	constructor(options: ServingHostsOptions) {
		super();
		this.#options = options;
		options.launcher.on('change', () => this.emit('change'));
	}

	/** The open ones, the oldest first. */
	get workers(): SupervisedWorker[] {
		return [...this.#options.launcher.workers].filter((worker) => !worker.closed);
	}

	/** Those of them that have a host now; none while there is no host. */
	get servedWorkers(): SupervisedWorker[] {
		return this.#options.roles.active?.isUp ? this.workers.filter((worker) => this.of(worker)) : [];
	}

	/** Whose instance counts there. */
	of(worker: SupervisedWorker): HostRun | undefined {
		const { launcher, roles } = this.#options;
		const runs = launcher.runs.filter(({ connected }) => connected.has(worker));

		return runs.find((run) => run.servesIn(worker)) ?? runs.find((run) => run === roles.active && run.isUp);
	}

	/** The one that serves, or the next one; rejects when none is on its way, or when that takes too long. */
	async next(timeoutMs: number): Promise<HostRun> {
		const signal = AbortSignal.timeout(timeoutMs);

		for (;;) {
			const { active, end } = this.#options.roles;

			if (end) {
				throw new InvalidStateError('MPH_ERR_CLOSED', 'there is no host, and none on its way');
			}
			if (active?.isUp) {
				return active;
			}
			if (signal.aborted) {
				throw new TimeoutError('MPH_ERR_TIMEOUT', `no host was up within ${timeoutMs} ms`);
			}
			await once(this, 'change', { signal }).catch(() => {});
		}
	}
}
