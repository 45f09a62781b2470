// What getStats() returns: plain objects of numbers, put together from what workers count (attachments, rings, verdicts) and what hosts
// count (the plugin's own counters).

import { readFile } from 'node:fs/promises';

import type { RawAttachmentStats, RawInstanceStats, RawPluginStats, RawRingStats } from './control/raw-stats.ts';
import type { CountersOf, attachmentCounters, instanceCounters, pluginCounters } from './counters.ts';
import { Placement as PlacementCode } from './generated/control.js';
import type { HoldTimes } from './hold-times.ts';
import { holdTimesOf, sumOfHolds } from './hold-times.ts';
import type { Placement } from './options.ts';

/** Its counters are those of `attachmentCounters` (counters.ts). */
export type AttachmentStats = CountersOf<typeof attachmentCounters> & {
	readonly attachmentId: string;
	readonly routerId: string;
	readonly workerPid: number;
	readonly active: boolean;
	readonly paused: boolean;
	/** Held right now. */
	readonly held: number;
	readonly holdMicros: HoldTimes;
};

export type RingStats = {
	readonly routerId: string;
	readonly workerPid: number;
	/** Counts the hosts that this ring has had. */
	readonly epoch: number;
	readonly packetRingSize: number;
	/** Bytes that no host has read yet. */
	readonly packetRingUsed: number;
	readonly verdictRingSize: number;
	readonly published: number;
	readonly held: number;
};

/** A plugin in one worker. Its counters are those of `pluginCounters` (counters.ts). */
export type PluginInWorkerStats = CountersOf<typeof pluginCounters> & {
	readonly workerPid: number;
	readonly connected: boolean;
	/** The process that serves it. Where a standby took over from a thread that ended, this is not the one that serves other workers. Undefined while there is none. */
	readonly hostPid: number | undefined;
	/** Packets that were held for the host when it went last. */
	readonly heldAtLastDisconnect: number;
	/** Hosts that have everything ready to take over. */
	readonly standbyPids: readonly number[];
};

/** Where an instance's thread runs; docs/placement.md says how that comes about. */
export type InstancePlacement = {
	/** Undefined until it serves a worker. With only one CPU it is `shared`, whatever was set. */
	readonly now: Exclude<Placement, 'auto'> | undefined;
	/** Why, as a sentence. Empty until it serves a worker. */
	readonly reason: string;
	/** Number of the CPU that it ran on when it looked last; undefined when it never did. */
	readonly cpu: number | undefined;
	/** How often it went from one to the other. */
	readonly moves: number;
};

/** The plugin's instance for one worker and shard. A new host starts at 0. Its counters are those of `instanceCounters` (counters.ts). */
export type InstanceStats = CountersOf<typeof instanceCounters> & {
	/** 0: made when the plugin was loaded, for the first worker to come. */
	readonly workerPid: number;
	readonly shard: number;
	readonly placement: InstancePlacement;
	/** What the plugin itself counts. */
	readonly counters: Readonly<Record<string, number>>;
};

export type HostStats = {
	/** Undefined while there is no host. */
	readonly pid: number | undefined;
	readonly rssBytes: number | undefined;
	/** Undefined while there is none that could take over in every worker. */
	readonly standbyPid: number | undefined;
	/** Host processes started so far, and how many of them died. */
	readonly starts: number;
	readonly deaths: number;
	/** Of threads, each for one worker, that ended while their process lived on (scripts). */
	readonly threadDeaths: number;
};

export type PluginStats = {
	readonly host: HostStats;
	readonly workers: readonly PluginInWorkerStats[];
	readonly instances: readonly InstanceStats[];
	readonly attachments: readonly AttachmentStats[];
	readonly rings: readonly RingStats[];
	/** Of all attachments together. */
	readonly holdMicros: HoldTimes;
};

export type WorkerStats = {
	readonly workerPid: number;
	/** Packets that passed any tap, whatever happened to them. */
	readonly tapped: number;
	/** Exceptions while verdicts were applied; their packets were freed. */
	readonly applyErrors: number;
	/** Dropped at the end of the chain whatever it said: copies of packets that were dropped before, and what comes too late for a number in a stream that is renumbered. */
	readonly repeatDropped: number;
};

export type PluginHostStats = {
	readonly workers: readonly WorkerStats[];
	readonly plugins: ReadonlyMap<string, PluginStats>;
};

/** What one worker answers to GetStats. */
export type WorkerSnapshot = WorkerStats & {
	readonly repeatDropped: number;
	readonly attachments: readonly RawAttachmentStats[];
	readonly rings: readonly RawRingStats[];
	readonly plugins: readonly RawPluginStats[];
};

const placementNames: ReadonlyMap<PlacementCode, Exclude<Placement, 'auto'>> = new Map([
	[PlacementCode.Shared, 'shared'],
	[PlacementCode.Isolated, 'isolated'],
]);

export function attachmentStatsOf(raw: RawAttachmentStats, workerPid: number): AttachmentStats {
	const { holdHistogram, holdSumNs, pluginId: _, ...counters } = raw;

	return { ...counters, workerPid, holdMicros: holdTimesOf(raw) };
}

/** Of which plugin the figures are wanted, and what of its host's it has to itself. */
export type StatsOwner = { readonly id: string; readonly unitId: string; readonly attachmentIds: ReadonlySet<string> };

export function pluginStatsOf(
	{ id, unitId, attachmentIds }: StatsOwner,
	host: HostStats,
	snapshots: readonly WorkerSnapshot[],
	instances: readonly RawInstanceStats[],
): PluginStats {
	const isOurs = (stats: { readonly pluginId: string }): boolean => stats.pluginId === unitId;
	const attachments = snapshots.flatMap(({ workerPid, attachments: all }) =>
		all.filter(({ attachmentId }) => attachmentIds.has(attachmentId)).map((raw) => ({ workerPid, raw })),
	);

	return {
		host,
		workers: snapshots.flatMap(({ workerPid, plugins }) =>
			plugins.filter(isOurs).map(({ pluginId: _, hostPid, ...counters }) => ({ workerPid, ...counters, hostPid: hostPid === 0 ? undefined : hostPid })),
		),
		instances: instances.filter(({ pluginId }) => pluginId === id).map(instanceStatsOf),
		attachments: attachments.map(({ raw, workerPid }) => attachmentStatsOf(raw, workerPid)),
		rings: snapshots.flatMap(({ workerPid, rings }) => rings.filter(isOurs).map(({ pluginId: _, ...ring }) => ({ workerPid, ...ring }))),
		holdMicros: holdTimesOf(sumOfHolds(attachments.map(({ raw }) => raw))),
	};
}

function instanceStatsOf({ pluginId: _, counters, placement, placementReason, placementMoves, cpu, ...rest }: RawInstanceStats): InstanceStats {
	return {
		...rest,
		placement: {
			now: placementNames.get(placement),
			reason: placementReason,
			cpu: cpu < 0 ? undefined : cpu,
			moves: placementMoves,
		},
		counters: Object.fromEntries(counters),
	};
}

/** Undefined when the process is gone. */
export async function rssBytesOf(pid: number): Promise<number | undefined> {
	try {
		const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1];

		return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
	} catch {
		return undefined;
	}
}
