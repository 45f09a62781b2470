// The authors' API, `mediasoup-plugin-host/plugin`.

export { definePlugin, eventTypes } from './define-plugin.ts';
export type { EventTypes, PluginConfig, PluginDefinition, PluginEvents, PluginRequests, PluginSource } from './define-plugin.ts';
export type {
	AttachmentEvent,
	ConsumerEvent,
	DataConsumerEvent,
	DataProducerEvent,
	LifecycleEvent,
	ProducerEvent,
	RouterEvent,
	TransportEvent,
} from './events.ts';
export type { EventMap, PluginHandlers, RequestHandlers } from './handlers.ts';
export type { MessageView, OwnedMessage } from './message-view.ts';
export type { OwnedPacket, PacketView } from './packet-view.ts';
export type { Cause, Counter, DataInjection, Log, OnResult, PluginContext, PluginInfo, QueryAnswers, RtpInjection } from './plugin-context.ts';
export type { ReadonlyBytes } from './readonly-bytes.ts';
export type { CodecName, KindName } from './record-names.ts';
export type { BypassAmount } from './record-view.ts';
export type { CallResult } from './results.ts';
export type { SchemaIssue, SchemaResult, StandardSchema } from './standard-schema.ts';
export type { LateVerdict, PendingVerdict, Verdict } from './verdicts.ts';
