// A supervisor whose hosts are real processes, and workers as it sees them: what they say is for the test to say.

import type { Test } from 'tap';

import { HostPhase } from '../../src/generated/control.js';
import { HostProcess } from '../../src/host-process.ts';
import type { PluginCodes, SupervisedWorker } from '../../src/host-run.ts';
import type { SupervisorOptions } from '../../src/supervisor-types.ts';
import { Supervisor } from '../../src/supervisor.ts';
import { standInHost } from './processes.ts';
import type { StandInConfig } from './stand-in-host.ts';

export const delays = { restartDelayMs: 1, maxRestartDelayMs: 4, progressAfterMs: 60_000, probationMs: 20, shutdownGraceMs: 10_000 };

/** As much of a worker as a supervisor sees. */
export class SupervisedStandIn implements SupervisedWorker {
	readonly socketPath = '/nowhere';
	readonly pid: number;
	readonly tokens: string[] = [];
	readonly hangMs: number[] = [];
	/** The hosts that it was told to promote. */
	readonly promotions: number[] = [];
	closed = false;
	verdicts = 0;
	waits = false;
	/** Instead of doing what it is told. */
	onPromote: ((hostPid: number) => void) | undefined;

	constructor(pid: number) {
		this.pid = pid;
	}

	async issueHostToken(_pluginId: string, token: string, hangMs: number): Promise<void> {
		this.tokens.push(token);
		this.hangMs.push(hangMs);
	}

	async promoteHost(_pluginId: string, hostPid: number): Promise<void> {
		this.promotions.push(hostPid);
		this.onPromote?.(hostPid);
	}

	async waitsFor(): Promise<boolean> {
		return this.waits;
	}

	async verdictsOf(): Promise<number> {
		return this.verdicts;
	}
}

export function makeSupervisor(t: Test, config: StandInConfig = {}, options: Partial<SupervisorOptions> = {}): Supervisor {
	const file = '/plugins/some.so';
	const supervisor = new Supervisor({
		...{ unitId: 'plugin-1', codes: codesOf(config, file), crashBudget: 3, placement: 'auto', delays },
		...{ standby: false, hangMs: 1_000, memoryLimit: 0, timeoutMs: 10_000 },
		startHost: () => new HostProcess({ bin: standInHost, pluginFile: file, timeoutMs: 10_000 }),
		...options,
	});

	// As a plugin without attachments does.
	supervisor.on('up', () => supervisor.served());
	t.teardown(() => supervisor.stop());

	return supervisor;
}

/** Of the one plugin, plugin-1. */
export function codesOf(config: StandInConfig, file: string): PluginCodes {
	return new Map([['plugin-1', { file, config, configJson: JSON.stringify(config) }]]);
}

/** A worker tells what a host is there. */
export function say(supervisor: Supervisor, worker: SupervisedWorker, hostPid: number, phase: HostPhase, reason = '', held = 0): void {
	supervisor.onHostState(worker, { pluginId: 'plugin-1', hostPid, phase, reason, held });
}
