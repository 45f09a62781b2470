// The authors' API, `mediasoup-plugin-host/plugin`.

export { definePlugin, eventTypes } from './define-plugin.ts';
export type { EventTypes, PluginConfig, PluginDefinition, PluginEvents, PluginRequests, PluginSource } from './define-plugin.ts';
export type { EventMap, PluginHandlers, RequestHandlers } from './handlers.ts';
export type { PluginContext } from './plugin-context.ts';
export type { CallResult } from './results.ts';
export type { SchemaIssue, SchemaResult, StandardSchema } from './standard-schema.ts';
