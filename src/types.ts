// The types of the public API, for `import type … from 'mediasoup-plugin-host/types'`.

export type { AttachOptions, AttachTarget, AttachmentMode, CopyAmount, DataProducerRef, MediaKind, Policy, ProducerRef } from './attach-options.ts';
export type { AttachmentDump, AttachmentEvents, AttachmentObserver, AttachmentObserverEvents } from './attachment-types.ts';
export type { Attachment } from './attachment.ts';
export type { HostCrash } from './crash-report.ts';
export type { CodedError, ErrorCode } from './errors.ts';
export type { HoldTimes } from './hold-times.ts';
export type { InjectionLimits } from './limits.ts';
export type { LogLevel, Logger } from './logger.ts';
export type {
	HostUser,
	MediasoupModule,
	Placement,
	PluginHostOptions,
	PluginOptions,
	RingSizes,
	RouterRef,
	UpgradeOptions,
} from './options.ts';
export type { PluginHost, PluginHostDump, PluginHostEvents, PluginHostObserver, PluginHostObserverEvents } from './plugin-host.ts';
export type { PluginEvents, PluginNews, PluginObserver, PluginObserverEvents, PoisonReport } from './plugin-events.ts';
export type { AnyPluginDefinition, PluginConfig, ProtocolOf } from './plugin-types.ts';
export type { ScriptOptions, ThreadLimits } from './script-options.ts';
export type { NotifyOptions, PluginMessage, PluginProtocol, RequestAllOptions, RequestOptions, WorkerTarget } from './plugin-protocol.ts';
export type { Plugin, PluginDump } from './plugin.ts';
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
