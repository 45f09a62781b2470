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
	HostUser,
	MediaKind,
	MediasoupModule,
	Placement,
	PluginHostOptions,
	PluginOptions,
	Policy,
	RingSizes,
	RouterRef,
	UpgradeOptions,
} from './options.ts';
export type { PluginHost, PluginHostDump, PluginHostEvents, PluginHostObserver, PluginHostObserverEvents } from './plugin-host.ts';
export type { Plugin, PluginDump, PluginEvents, PluginNews, PluginObserver, PluginObserverEvents, PoisonReport } from './plugin.ts';
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
export type { HostQuarantine, HostRecovery, HostRestart, SupervisorState } from './supervisor-types.ts';
