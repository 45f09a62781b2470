// Finds the native host: what the app or the environment names, or what was built.

import { accessSync, constants } from 'node:fs';

import { howToBuild, placesOf } from './built-files.ts';
import { UnsupportedError } from './errors.ts';

/** Throws UnsupportedError when there is none that can be run. */
export function findNativeHostBin(fromOptions: string | undefined): string {
	const named = fromOptions ?? process.env['MPH_NATIVE_HOST'];
	const candidates = named ? [named] : placesOf('mediasoup-plugin-host-native');
	const found = candidates.find(isExecutable);

	if (!found) {
		throw new UnsupportedError(
			'MPH_ERR_HOST_BIN',
			named
				? `the native host "${named}" is not there or not executable (${fromOptions ? 'option "hostBin"' : 'environment variable MPH_NATIVE_HOST'})`
				: `no native host for ${process.platform}-${process.arch} (looked for ${candidates.join(' and ')}); ${howToBuild}, or name one with the option "hostBin" or MPH_NATIVE_HOST`,
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
