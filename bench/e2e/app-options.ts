// What is told to an app of the benchmark, and what it answers.

import type { AttachmentMode, InstancePlacement, PluginOptions } from '../../src/index.ts';

/**
 * plain    the worker alone
 * library  with the library, but nothing attached
 * observe, filter: with plugins attached
 * direct   the filter's job as one does it with mediasoup alone: DirectTransport and JavaScript
 */
export type AppMode = 'plain' | 'library' | AttachmentMode | 'direct';

export type AppOptions = {
	readonly mode: AppMode;
	readonly receiverPort: number;
	readonly ssrc: number;
	/** Default: the patched one. */
	readonly workerBin?: string;
	/** Each has a host of its own, unless they are a group. Default 1. */
	readonly plugins?: number;
	readonly group?: boolean;
	/** Of each plugin to the one router: stages that every packet passes. Default 1. */
	readonly attachments?: number;
	readonly pluginFile?: string;
	readonly pluginConfig?: unknown;
	readonly placement?: PluginOptions['placement'];
	/** Routers beside the busy one, the plugin attached to each. Default 0. */
	readonly idleRouters?: number;
	readonly rings?: { readonly packetRingSize: number; readonly verdictRingSize: number };
	/** A second stream of ten packets a second beside the measured one, whose verdicts come so much later. */
	readonly pendingMs?: number;
	/** Whether anybody gets the packets. Default true. */
	readonly consumer?: boolean;
	/** A packet that waits longer is no part of a latency; under valgrind everything takes long. Default 1,000. */
	readonly deadlineMs?: number;
};

export type AppReport = {
	/** Where the worker receives. */
	readonly port: number;
	readonly nodePid: number;
	readonly workerPid: number;
	readonly hostPids: readonly number[];
};

/** Of all attachments together since the last renew(). */
export type AppFigures = {
	readonly verdicts: number;
	readonly observed: number;
	/** Packets that were decided otherwise: no host, ring or table full, too late. */
	readonly byPolicy: number;
	readonly missed: number;
	/** Of each attachment, in the order of the chain. Microseconds. */
	readonly hold: readonly { readonly count: number; readonly mean: number; readonly p50: number; readonly p99: number }[];
	readonly doorbellsToHost: number;
	readonly doorbellsToWorker: number;
	/** By plugin, since its host started. */
	readonly seen: readonly number[];
	/** Of the chain's hosts: where their threads run, and why. */
	readonly placements: readonly InstancePlacement[];
};

export type AppCommand =
	/** New attachments in the place of the present ones: their histograms begin at zero, rings and hosts stay as they are. */
	| { readonly type: 'renew' }
	| { readonly type: 'figures' }
	/** The first `count` plugins take part, the others are paused. */
	| { readonly type: 'chain'; readonly count: number };
