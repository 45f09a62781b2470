// What a supervisor is given, what it says of itself and what it tells.

import type { HostCrash } from './crash-report.ts';
import type { HostDiedError } from './errors.ts';
import type { HostHandle, PluginIdentity, PluginPost } from './host-handle.ts';
import type { PluginCode, PluginCodes } from './host-run.ts';
import type { LogLevel } from './logger.ts';
import type { Placement } from './options.ts';

/**
 * STOPPED → STARTING → RUNNING
 *              ▲  │       │ died
 *              │  │ died  ▼
 *              │  └──→ BACKOFF ──→ QUARANTINED, DIED
 *              └──────────┘              │ release()
 *              ▲─────────────────────────┘
 *
 * BACKOFF takes no time after the first fruitless death in a row; with a standby the next state after RUNNING is RUNNING. A first start that
 * fails, and stop(), lead to STOPPED.
 */
export type SupervisorState = 'stopped' | 'starting' | 'running' | 'backoff' | 'quarantined' | 'died';

export type SupervisorOptions = {
	/** By which workers know what its hosts run. */
	readonly unitId: string;
	/** What the first host runs. */
	readonly codes: PluginCodes;
	readonly crashBudget: number;
	readonly standby: boolean;
	readonly hangMs: number;
	readonly memoryLimit: number;
	readonly placement: Placement;
	readonly timeoutMs: number;
	/** Starts a process to run that; it may throw when the system has no room for one. */
	readonly startHost: (codes: PluginCodes) => HostHandle;
	readonly delays?: SupervisorDelays;
};

export type SupervisorDelays = {
	readonly restartDelayMs: number;
	readonly maxRestartDelayMs: number;
	readonly progressAfterMs: number;
	readonly probationMs: number;
	readonly shutdownGraceMs: number;
};

export type HostRecovery = {
	readonly pid: number;
	/** From when the death was noticed until the next host served all that is attached. */
	readonly downMs: number;
	/** Whether it was ready before: then nothing was absent meanwhile. */
	readonly standby: boolean;
	/** Where only one worker's thread had ended: that worker's process id. */
	readonly workerPid: number | undefined;
};

export type HostRestart = {
	readonly pid: number;
	readonly previousPid: number | undefined;
	readonly tookMs: number;
};

export type HostQuarantine = {
	/** How the last host died. */
	readonly error: HostDiedError;
	readonly deathsInRow: number;
};

export type SupervisorEvents = {
	/** What is the plugin's from now on; once for each that the host has. */
	adopted: [pluginId: string, PluginCode, PluginIdentity];
	/** No host is there, as of now. */
	down: [];
	/** A host has loaded the plugins and is connected to the workers, or took over there. */
	up: [];
	crash: [HostCrash];
	recovered: [HostRecovery];
	restarted: [HostRestart];
	/** A second host is ready to take over in every worker. */
	standby: [{ readonly pid: number }];
	quarantine: [HostQuarantine];
	/** Given up. */
	died: [HostDiedError];
	post: [PluginPost];
	/** An empty id: of no plugin in particular. */
	log: [LogLevel, string, pluginId: string];
};

/** What the host is replaced for. */
export type PlannedCall = 'restart()' | 'upgrade()' | 'release()';
