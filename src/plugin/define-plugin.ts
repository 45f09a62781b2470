// What a plugin's module exports by default: its settings and setup(), with the types of its configuration, requests and events.

import { InvalidOptionError } from '../errors.ts';
import { OptionReader, isObject, show } from '../validate.ts';
import type { EventMap, PluginHandlers, RequestHandlers } from './handlers.ts';
import type { PluginContext } from './plugin-context.ts';
import type { SchemaInput, SchemaOutput, StandardSchema } from './standard-schema.ts';

/** Names the types of what the plugin posts: `events: eventTypes<{ speech: Speech }>()`. There is nothing in it at run time. */
export type EventTypes<Events extends EventMap> = { readonly types?: Events };

export function eventTypes<Events extends EventMap>(): EventTypes<Events> {
	return {};
}

export type PluginSource<Schema extends StandardSchema, Requests extends RequestHandlers, Events extends EventMap> = {
	/** As stats, logs and dumps call it. Default: the file's name without its ending. */
	readonly name?: string;
	/** Default: "0.0.0". */
	readonly version?: string;
	/** Any Standard Schema. What it makes of createPlugin()'s `config` reaches setup(); what it refuses, createPlugin() rejects. */
	readonly config?: Schema;
	readonly events?: EventTypes<Events>;
	/** How many packets and messages may be in the hands of `onPacketAsync` and `onDataAsync`; what comes beyond is an error. Default 1,024. */
	readonly maxPending?: number;
	/** So many throws within ten seconds end the thread, which is made anew. Default 100. */
	readonly errorBudget?: number;
	/** How often `onTick` is called. Default 100 ms. */
	readonly tickMs?: number;
	/** Once per worker, on the thread that the handlers are called on. */
	setup(context: PluginContext<SchemaOutput<Schema>, Events>): PluginHandlers<Requests> | Promise<PluginHandlers<Requests>>;
};

declare const types: unique symbol;

/** Found by name, so that a plugin and its host may have loaded this module from different places. */
const mark = Symbol.for('mediasoup-plugin-host/plugin');

export type PluginDefinition<Config = unknown, Requests extends RequestHandlers = RequestHandlers, Events extends EventMap = EventMap> = {
	readonly name: string | undefined;
	readonly version: string;
	readonly config: StandardSchema | undefined;
	readonly maxPending: number;
	readonly errorBudget: number;
	readonly tickMs: number;
	readonly setup: (context: PluginContext<never, never>) => unknown;
	/** For the compiler alone. */
	readonly [types]?: { readonly config: Config; readonly requests: Requests; readonly events: Events };
};

/** What createPlugin() takes as `config` for it. */
export type PluginConfig<Definition> = Definition extends PluginDefinition<infer Config, infer _Requests, infer _Events> ? Config : never;

/** By method, as PluginProtocol has them: `{ setLimit: { body: {…}; answer: {…} } }`. */
export type PluginRequests<Definition> =
	Definition extends PluginDefinition<infer _Config, infer Requests, infer _Events>
		? { readonly [Method in keyof Requests]: { readonly body: BodyOf<Requests[Method]>; readonly answer: Awaited<ReturnType<Requests[Method]>> } }
		: never;

/** A plugin that names no requests takes what it is sent. */
type BodyOf<Handler extends (body: never) => unknown> = [Parameters<Handler>[0]] extends [never] ? unknown : Parameters<Handler>[0];

/** By name, what it posts. */
export type PostedEvents<Definition> = Definition extends PluginDefinition<infer _Config, infer _Requests, infer Events> ? Events : never;

const known = ['name', 'version', 'config', 'events', 'maxPending', 'errorBudget', 'tickMs', 'setup'] as const;

export function definePlugin<
	Schema extends StandardSchema = StandardSchema,
	Events extends EventMap = EventMap,
	Requests extends RequestHandlers = RequestHandlers,
>(source: PluginSource<Schema, Requests, Events>): PluginDefinition<SchemaInput<Schema>, Requests, Events> {
	const reader = new OptionReader('definePlugin()', source, known);
	const { config, setup } = source;

	if (config !== undefined && !isSchema(config)) {
		reader.wrongType('config', 'a Standard Schema, as zod, valibot and arktype make them');
	}
	if (typeof setup !== 'function') {
		reader.wrongType('setup', 'a function that returns the handlers');
	}

	const definition = {
		[mark]: 1,
		name: reader.text('name', 'text'),
		version: reader.text('version', 'text') ?? '0.0.0',
		config,
		maxPending: reader.number('maxPending', { min: 1, max: 65_536, unit: 'packets', integer: true }, 1_024),
		errorBudget: reader.number('errorBudget', { min: 1, max: 1_000_000, unit: 'errors', integer: true }, 100),
		tickMs: reader.number('tickMs', { min: 1, max: 3_600_000, unit: 'milliseconds', integer: true }, 100),
		setup: (context: PluginContext<never, never>) => source.setup(context as PluginContext<SchemaOutput<Schema>, Events>),
	};

	return Object.freeze(definition);
}

export function isPluginDefinition(value: unknown): value is PluginDefinition {
	return typeof value === 'object' && value !== null && mark in value;
}

/** What is at fault is named; a definition made by another version of this library than the host's is refused by its mark. */
export function checkPluginDefinition(value: unknown): PluginDefinition {
	if (!isPluginDefinition(value) || (value as Record<symbol, unknown>)[mark] !== 1) {
		throw new InvalidOptionError('MPH_ERR_OPTION_TYPE', `the module exports ${show(value)} by default; it must be what definePlugin() returns`);
	}

	return value;
}

function isSchema(value: unknown): boolean {
	const standard = typeof value === 'object' || typeof value === 'function' ? (value as Partial<StandardSchema> | null)?.['~standard'] : undefined;

	return isObject(standard) && typeof standard.validate === 'function';
}
