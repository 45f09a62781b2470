// The types of the public API, for `import type … from 'mediasoup-plugin-host/types'`.

export type { Attachment, AttachmentDump, AttachmentEvents, AttachmentObserver, AttachmentObserverEvents } from './attachment.ts';
export type { HostCrash } from './crash-report.ts';
export type { CodedError, ErrorCode } from './errors.ts';
export type { HoldTimes } from './hold-times.ts';
export type { LogLevel, Logger } from './logger.ts';
export type {
	AttachOptions,
	AttachTarget,
	AttachmentMode,
	MediaKind,
	MediasoupModule,
	Placement,
	PluginHostOptions,
	PluginOptions,
	Policy,
	RingSizes,
	RouterRef,
} from './options.ts';
export type { PluginHost, PluginHostDump, PluginHostEvents, PluginHostObserver, PluginHostObserverEvents } from './plugin-host.ts';
export type { Plugin, PluginDump, PluginEvents, PluginObserver, PluginObserverEvents } from './plugin.ts';
export type {
	AttachmentStats,
	HostStats,
	InstancePlacement,
	InstanceStats,
	PluginHostStats,
	PluginInWorkerStats,
	PluginStats,
	RingStats,
	WorkerStats,
} from './stats.ts';
export type { HostRecovery, SupervisorState } from './supervisor.ts';
