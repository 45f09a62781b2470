// Which of a unit's hosts is what, as far as the app knows: whom workers promote is for them to choose.

import type { HostRun } from './host-run.ts';
import type { SupervisorState } from './supervisor-types.ts';

export class HostRoles {
	/** Why there is no host and none on its way. */
	end: 'stopped' | 'quarantined' | 'died' | undefined = 'stopped';
	/** The one that serves, or will first. */
	active: HostRun | undefined;
	standby: HostRun | undefined;
	/** It is to take over as planned. */
	successor: HostRun | undefined;

	get state(): SupervisorState {
		return this.end ?? (!this.active ? 'backoff' : this.active.isUp ? 'running' : 'starting');
	}

	get isStopped(): boolean {
		return this.end === 'stopped';
	}

	/** Undefined while there is none that could take over in every worker. */
	get readyStandby(): HostRun | undefined {
		return this.standby?.isUp && this.standby.isWarmEverywhere ? this.standby : undefined;
	}
}
