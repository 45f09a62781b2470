// Hosts that are started because the app asks for it: the first one, and those that take over as planned. One that fails is the caller's
// affair alone, and all is as it was.

import { performance } from 'node:perf_hooks';

import type { DepartedHosts } from './departed-hosts.ts';
import type { HostLauncher } from './host-launcher.ts';
import type { HostRoles } from './host-roles.ts';
import type { HostRun, PluginCodes } from './host-run.ts';
import type { ReplacementOptions } from './replacement.ts';
import { replaceHost } from './replacement.ts';
import type { HostRestart } from './supervisor-types.ts';

export type HostTrialsOptions = Pick<ReplacementOptions, 'unitId' | 'timeoutMs' | 'hangMs' | 'delays'> & {
	readonly roles: HostRoles;
	readonly launcher: HostLauncher;
	readonly departed: DepartedHosts;
	/** What it runs is what every host runs from now on. */
	readonly onPassed: (run: HostRun) => void;
	readonly onUp: (run: HostRun) => void;
	/** It failed as the only one that is there. */
	readonly onLost: (run: HostRun, reason: string) => void;
};

export class HostTrials {
	readonly #options: HostTrialsOptions;

	constructor(options: HostTrialsOptions) {
		this.#options = options;
	}

	/** Where none serves. */
	async start(codes: PluginCodes): Promise<void> {
		const { roles, launcher, onPassed, onUp } = this.#options;
		const before = roles.end;
		let run: HostRun | undefined;

		roles.end = undefined;

		try {
			run = roles.active = launcher.launch(codes);
			run.isOnTrial = true;
			await run.connectedEverywhere();

			if (roles.active !== run) {
				throw run.host.diedError('as soon as it had started');
			}
			onPassed(run);
			onUp(run);
		} catch (error) {
			if (run) {
				run.isLost = true;
				run.host.kill();
			}
			if (roles.active === run) {
				roles.active = undefined;
			}
			if (!roles.isStopped) {
				roles.end = before;
			}
			throw error;
		}
	}

	/** Where one serves: it serves on if the other one fails. */
	async replace(codes: PluginCodes): Promise<HostRestart> {
		const { roles, launcher, departed, onPassed } = this.#options;
		const began = performance.now();

		// A worker has room for three.
		await departed.left();

		const successor = launcher.launch(codes);
		const previousPid = roles.active?.host.pid;

		roles.successor = successor;
		successor.isOnTrial = true;

		try {
			await replaceHost({ ...this.#options, successor, workers: launcher.workers, old: () => roles.active });

			if (roles.isStopped) {
				throw successor.host.diedError('as it had taken over');
			}
			onPassed(successor);
			this.#succeed(successor);

			return { pid: successor.host.pid!, previousPid, tookMs: performance.now() - began };
		} catch (error) {
			this.#fail(successor, (error as Error).message);
			throw error;
		}
	}

	#succeed(successor: HostRun): void {
		const { roles, departed, onUp } = this.#options;

		for (const run of [roles.active, roles.standby]) {
			if (run && run !== successor) {
				departed.dismiss(run);
			}
		}
		roles.end = roles.successor = roles.standby = undefined;
		roles.active = successor;
		onUp(successor);
	}

	#fail(successor: HostRun, reason: string): void {
		const { roles, departed, onLost } = this.#options;

		roles.successor = undefined;

		if (roles.active === successor) {
			// It had taken over from one that died; there is no other one.
			successor.host.kill();
			onLost(successor, reason);
		} else if (!roles.isStopped) {
			departed.dismiss(successor);
		}
	}
}
