// Where things are: the checkout, and the cache outside of it that survives a fresh clone.

import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

export const repoRoot = resolve(import.meta.dirname, '../..');

/** `MPH_CACHE_DIR` wins, then the XDG convention. Everything in it can be deleted at any time. */
export function cacheDir(): string {
	if (process.env['MPH_CACHE_DIR']) {
		return resolve(process.env['MPH_CACHE_DIR']);
	}

	return join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'mediasoup-plugin-host');
}
