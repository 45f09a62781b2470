// Finds the native host: what the app or the environment names, what the checkout has built, or what the package carries.

import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';

import { UnsupportedError } from './errors.ts';
import { packageRoot } from './package-root.ts';

const builtInCheckout = join(packageRoot, 'build/native/plugin-host/mediasoup-plugin-host-native');
const prebuilt = join(packageRoot, `bin/${process.platform}-${process.arch}/mediasoup-plugin-host-native`);

/** Throws UnsupportedError when there is none that can be run. */
export function findNativeHostBin(fromOptions: string | undefined): string {
	const named = fromOptions ?? process.env['MPH_NATIVE_HOST'];
	const candidates = named ? [named] : [builtInCheckout, prebuilt];
	const found = candidates.find(isExecutable);

	if (!found) {
		throw new UnsupportedError(
			'MPH_ERR_HOST_BIN',
			named
				? `the native host "${named}" is not there or not executable (${fromOptions ? 'option "hostBin"' : 'environment variable MPH_NATIVE_HOST'})`
				: `no native host for ${process.platform}-${process.arch} (looked for ${candidates.join(' and ')}); in a checkout run "npm run build:native", else name one with the option "hostBin" or MPH_NATIVE_HOST`,
		);
	}

	return found;
}

function isExecutable(path: string): boolean {
	try {
		accessSync(path, constants.X_OK);

		return true;
	} catch {
		return false;
	}
}
