// `mediasoup-plugin-host/plugin` is the runner's own copy for whoever imports it on this thread, wherever the plugin's file lies: so a plugin
// needs nothing installed next to it to run, and never meets a library of another version than its host's.

import { registerHooks } from 'node:module';

import { moduleExtension } from '../../src/package-root.ts';

const library = new URL(`../../src/plugin/index.${moduleExtension}`, import.meta.url).href;

export function provideLibrary(): void {
	registerHooks({
		resolve: (specifier, context, next) => (specifier === 'mediasoup-plugin-host/plugin' ? { url: library, shortCircuit: true } : next(specifier, context)),
	});
}
