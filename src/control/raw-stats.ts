// What workers and hosts count, as it comes off the wire: not yet put together (stats.ts).

import type { CountersOf, attachmentCounters, instanceCounters, pluginCounters } from '../counters.ts';
import type { Placement } from '../generated/control.js';

export type RawAttachmentStats = CountersOf<typeof attachmentCounters> & {
	readonly attachmentId: string;
	readonly pluginId: string;
	readonly routerId: string;
	readonly active: boolean;
	readonly paused: boolean;
	readonly held: number;
	readonly holdHistogram: readonly number[];
	readonly holdSumNs: number;
};

export type RawRingStats = {
	readonly pluginId: string;
	readonly routerId: string;
	readonly epoch: number;
	readonly packetRingSize: number;
	readonly packetRingUsed: number;
	readonly verdictRingSize: number;
	readonly published: number;
	readonly held: number;
};

export type RawPluginStats = CountersOf<typeof pluginCounters> & {
	readonly pluginId: string;
	readonly connected: boolean;
	readonly hostPid: number;
	readonly heldAtLastDisconnect: number;
	readonly standbyPids: readonly number[];
};

export type RawInstanceStats = CountersOf<typeof instanceCounters> & {
	readonly pluginId: string;
	readonly workerPid: number;
	readonly shard: number;
	readonly placement: Placement;
	readonly placementReason: string;
	readonly placementMoves: number;
	/** -1: it never looked. */
	readonly cpu: number;
	readonly counters: ReadonlyMap<string, number>;
};
