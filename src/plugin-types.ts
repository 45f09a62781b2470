// What the compiler knows of a plugin in TypeScript from its definition: `createPlugin<typeof import('./throttle.ts').default>({ file })`.

import type { PluginDefinition, PluginRequests, PostedEvents } from './plugin/define-plugin.ts';
import type { PluginProtocol } from './plugin-protocol.ts';

export type { PluginConfig } from './plugin/define-plugin.ts';

/** Whatever definePlugin() returns. */
export type AnyPluginDefinition = PluginDefinition;

/** What a plugin leaves open may be anything. */
type Open<Named, Anything> = string extends keyof Named ? Readonly<Record<string, Anything>> : Named;

type RequestsOf<Definition> = Open<PluginRequests<Definition>, { readonly body: unknown; readonly answer: unknown }>;

/** A request that nobody wants an answer to is a notification. */
export type ProtocolOf<Definition> = {
	readonly requests: RequestsOf<Definition>;
	readonly notifications: { readonly [Method in keyof RequestsOf<Definition>]: RequestsOf<Definition>[Method] extends { readonly body: infer Body } ? Body : never };
	readonly messages: Open<PostedEvents<Definition>, unknown>;
} extends infer Protocol extends PluginProtocol
	? Protocol
	: never;
