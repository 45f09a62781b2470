// The authors' API, `mediasoup-plugin-host/plugin`.

export { definePlugin, eventTypes } from './define-plugin.ts';
export type { EventTypes, PluginConfig, PluginDefinition, PluginRequests, PluginSource, PostedEvents } from './define-plugin.ts';
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
export { av1LayersOf, readAv1, readAv1Dependency } from './payload/av1.ts';
export type { Av1Dependency, Av1Layers, Av1Payload, Av1Structure } from './payload/av1.ts';
export { readH264 } from './payload/h264.ts';
export type { H264Payload } from './payload/h264.ts';
export { readOpus } from './payload/opus.ts';
export type { OpusPacket } from './payload/opus.ts';
export { payloadSource } from './payload/source.ts';
export type { PayloadSource } from './payload/source.ts';
export { readVp8 } from './payload/vp8.ts';
export type { Vp8Payload } from './payload/vp8.ts';
export { readVp9 } from './payload/vp9.ts';
export type { Vp9Payload, Vp9Structure } from './payload/vp9.ts';
export type { Cause, Counter, DataInjection, Log, OnResult, PluginContext, PluginInfo, QueryAnswers, ReceivedRtp, RtpInjection } from './plugin-context.ts';
export type { ReadonlyBytes } from './readonly-bytes.ts';
export type { CodecName, KindName } from './record-names.ts';
export type { BypassAmount } from './record-view.ts';
export type { CallResult } from './results.ts';
export type { SchemaIssue, SchemaResult, StandardSchema } from './standard-schema.ts';
export type { LateVerdict, PendingVerdict, Verdict } from './verdicts.ts';
