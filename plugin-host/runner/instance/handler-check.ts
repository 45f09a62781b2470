// What setup() returned, looked at once: what is wrong with it is said as the plugin's author would see it.

import type { PluginHandlers } from '../../../src/plugin/handlers.ts';
import { handlerNames } from '../../../src/plugin/handlers.ts';
import { isObject, show } from '../../../src/validate.ts';

const known: readonly string[] = [...handlerNames, 'requests'];

export function checkHandlers(handlers: unknown): PluginHandlers {
	if (!isObject(handlers)) {
		throw new TypeError(`setup() returned ${show(handlers)}; it must return the plugin's handlers, as in { onPacket(packet) { … } }`);
	}
	for (const [name, handler] of Object.entries(handlers)) {
		if (!known.includes(name)) {
			throw new TypeError(`setup() returned an unknown handler "${name}"; known are ${known.join(', ')}`);
		}
		if (handler !== undefined && (name === 'requests' ? !areFunctions(handler) : typeof handler !== 'function')) {
			throw new TypeError(`setup() returned "${name}": ${show(handler)}; it must be ${name === 'requests' ? 'an object of functions' : 'a function'}`);
		}
	}
	for (const name of ['onPacket', 'onData']) {
		if (handlers[name] && handlers[`${name}Async`]) {
			throw new TypeError(`setup() returned both ${name} and ${name}Async; a plugin has one of them`);
		}
	}

	return handlers as PluginHandlers;
}

function areFunctions(value: unknown): boolean {
	return isObject(value) && Object.values(value).every((handler) => typeof handler === 'function');
}
