// From the death of the host that served until another one serves all that is attached. Nobody hears of the recovery before the crash.

import { performance } from 'node:perf_hooks';

import type { DepartedHosts } from './departed-hosts.ts';
import type { HostRun } from './host-run.ts';
import type { HostRecovery } from './supervisor-types.ts';

export class Outage {
	readonly #departed: DepartedHosts;
	readonly #onRecovered: (recovery: HostRecovery) => void;
	#since: number | undefined;
	/** The one that the workers promoted when another one died. */
	#promoted: HostRun | undefined;
	#crashReported: Promise<void> = Promise.resolve();

	constructor(departed: DepartedHosts, onRecovered: (recovery: HostRecovery) => void) {
		this.#departed = departed;
		this.#onRecovered = onRecovered;
	}

	/** `next`: whom the workers promote now, if there is one. */
	lost(run: HostRun, next: HostRun | undefined): void {
		this.#promoted = next;
		this.#crashReported = Promise.all([this.#crashReported, this.#departed.report(run)]).then(() => {});
		this.#since ??= performance.now();
	}

	/** Whether every worker has promoted it and nobody was told. */
	canEndBy(run: HostRun): boolean {
		return this.#since !== undefined && this.#promoted === run && run.servesEverywhere;
	}

	/** All that is attached is being served. */
	served(run: HostRun): void {
		const standby = this.#promoted === run;

		// What a standby took over never was absent: that it is served again is for the workers to say.
		if (standby && !run.servesEverywhere) {
			return;
		}

		const now = performance.now();

		run.servedAt ??= now;

		if (this.#since === undefined) {
			return;
		}

		const recovery = { pid: run.host.pid!, downMs: now - this.#since, standby, workerPid: undefined };

		this.#since = undefined;

		// A standby is faster than what is to be known of the crash.
		if (standby) {
			void this.#crashReported.then(() => this.#onRecovered(recovery));
		} else {
			this.#departed.reportAll();
			this.#onRecovered(recovery);
		}
	}
}
