// Every default of the library in one place, so that the table in the docs can be checked against it.

export const defaults = {
	/** How long a worker or host may take to answer before the call fails with MPH_ERR_TIMEOUT. */
	timeoutMs: 10_000,

	/** Deaths of a host in a row without any work done in between, after which the plugin is quarantined. */
	crashBudget: 5,

	/** Whether a second host waits, ready to take over. */
	standby: false,
	/** Whether a plugin is restarted when its file is saved. */
	watch: false,
	/** A host without progress for that long while work is outstanding hangs. */
	hangMs: 1_000,

	/** Where the host's thread runs (docs/placement.md): whichever is better, by what it sees. */
	placement: 'auto',

	/** Before the second restart in a row for nothing (the first is at once); it doubles with each further one. */
	restartDelayMs: 100,
	maxRestartDelayMs: 5_000,
	/** A host that served this long has done work, even if it gave no verdict. */
	progressAfterMs: 1_000,
	/** How long a host that took over as planned must live to be trusted, if no packets come that it could answer. */
	probationMs: 1_000,
	/** A host that was told to end is killed when it has not done so by then. */
	shutdownGraceMs: 2_000,

	/** Below the system's directory for temporary files. */
	crashDirName: 'mediasoup-plugin-host-crashes',

	/** Bytes, per plugin (or group) and router. The worker's own defaults. */
	packetRingSize: 1024 * 1024,
	verdictRingSize: 1024 * 1024,

	/** What a plugin may inject per worker and second. The worker's own defaults. */
	limits: {
		packetsPerSecond: 20_000,
		bytesPerSecond: 64 * 1024 * 1024,
	},

	attach: {
		mode: 'observe',
		kinds: ['audio', 'video'],
		dataProducers: false,
		pipe: false,
		order: 0,
		deadlineMs: 10,
		onTimeout: 'accept',
		onAbsent: 'accept',
		onOverflow: 'accept',
		onError: 'accept',
		security: false,
		copy: 'full',
		keyFramesOnly: false,
		every: 1,
		audioLevel: 0,
		subscribe: false,
	},
} as const;

export const maxDeadlineMs = 10_000;
