// What an attachment tells: its events, and dump().

import type { EnhancedEventEmitter } from 'mediasoup/extras';

import type { AttachmentMode, CopyAmount, MediaKind, Policy } from './attach-options.ts';

export type AttachmentEvents = {
	routerclose: [];
	producerclose: [];
	dataproducerclose: [];
	transportclose: [];
	/** Also when the worker lives on, but has let go of its plugins. */
	workerclose: [];
	pluginclose: [];
	/** No host serves it: `onAbsent` applies. */
	absent: [];
	/** A host serves it again. */
	active: [];
	// Internal, so that the app's removeAllListeners('active') takes nothing of ours away.
	'@active': [];
	'@close': [];
};

export type AttachmentObserver = EnhancedEventEmitter<AttachmentObserverEvents>;

export type AttachmentObserverEvents = {
	close: [];
	pause: [];
	resume: [];
	absent: [];
	active: [];
};

export type AttachmentDump = {
	readonly id: string;
	readonly pluginId: string;
	readonly routerId: string;
	/** Undefined: every one of the router that is meant. */
	readonly producerIds: readonly string[] | undefined;
	readonly dataProducerIds: readonly string[] | undefined;
	/** Undefined: it is not to a transport. */
	readonly transportId: string | undefined;
	readonly workerPid: number;
	readonly kinds: readonly MediaKind[];
	readonly dataProducers: boolean;
	readonly pipe: boolean;
	readonly mode: AttachmentMode;
	readonly order: number;
	readonly deadlineMs: number;
	readonly onTimeout: Policy;
	readonly onAbsent: Policy;
	readonly onOverflow: Policy;
	readonly onError: Policy;
	readonly security: boolean;
	readonly copy: CopyAmount;
	readonly keyFramesOnly: boolean;
	/** Undefined: all. */
	readonly spatialLayers: readonly number[] | undefined;
	readonly temporalLayers: readonly number[] | undefined;
	readonly every: number;
	readonly audioLevel: number;
	readonly subscribe: boolean;
	readonly wholeFrames: boolean;
	readonly context: unknown;
	readonly active: boolean;
	readonly paused: boolean;
	readonly closed: boolean;
};
