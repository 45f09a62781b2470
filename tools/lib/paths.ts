// Where things are: the checkout, or the installed package, and the cache outside of it that survives a fresh clone.

import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** An installed package runs its tools compiled, from `dist/tools`. */
export const isCheckout = import.meta.filename.endsWith('.ts');

export const repoRoot = resolve(import.meta.dirname, isCheckout ? '../..' : '../../..');

/** `MPH_CACHE_DIR` wins, then the XDG convention. Everything in it can be deleted at any time. */
export function cacheDir(): string {
	if (process.env['MPH_CACHE_DIR']) {
		return resolve(process.env['MPH_CACHE_DIR']);
	}

	return join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'mediasoup-plugin-host');
}
