// What setup() is given: the plugin's configuration, and everything that it may ask for.

import type { EventMap } from './handlers.ts';
import type { CallResult } from './results.ts';

export type PluginContext<Config = unknown, Events extends EventMap = EventMap> = {
	/** As its schema made it. */
	readonly config: Config;
	/** A 'message' event for the app. Bytes if it is a Uint8Array, else JSON. */
	post<Name extends keyof Events & string>(name: Name, body: Events[Name]): CallResult;
};
