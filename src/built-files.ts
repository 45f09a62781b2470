// Where those files lie that are compiled from C++ on the machine they run on: where a checkout's builds leave them, or where the command
// `mediasoup-plugin-host build` puts them in an installed package.

import { join } from 'node:path';

import { packageRoot } from './package-root.ts';

const inCheckout = {
	'mediasoup-worker': 'build/worker/patched',
	'mediasoup-plugin-host-native': 'build/native/plugin-host/mediasoup-plugin-host-native',
	'mph_host.node': 'build/native/plugin-host/addon/mph_host.node',
	/** Of the command `replay` alone. */
	'mediasoup-plugin-host-replay': 'build/native/tools/replay/mediasoup-plugin-host-replay',
} as const;

export type BuiltFile = keyof typeof inCheckout;

export const builtFiles = Object.keys(inCheckout) as BuiltFile[];

/** For whoever finds none. */
export const howToBuild = 'run "npx mediasoup-plugin-host build"';

/** In an installed package; the folder may be missing. */
export const installedDir = join(packageRoot, `bin/${process.platform}-${process.arch}`);

export function placesOf(file: BuiltFile): readonly string[] {
	return [join(packageRoot, inCheckout[file]), join(installedDir, file)];
}
