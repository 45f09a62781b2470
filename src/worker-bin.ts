// Finds the patched mediasoup-worker: what the app or the environment names, or what was built.

import { existsSync } from 'node:fs';

import { howToBuild, placesOf } from './built-files.ts';
import { UnsupportedError } from './errors.ts';

/** Throws UnsupportedError when there is none. */
export function findWorkerBin(fromOptions: string | undefined): string {
	const named = fromOptions ?? process.env['MPH_WORKER_BIN'];
	const candidates = named ? [named] : placesOf('mediasoup-worker');
	const found = candidates.find((candidate) => existsSync(candidate));

	if (!found) {
		throw new UnsupportedError(
			'MPH_ERR_WORKER_BIN',
			named
				? `the patched mediasoup worker "${named}" is not there (${fromOptions ? 'option "workerBin"' : 'environment variable MPH_WORKER_BIN'})`
				: `no patched mediasoup worker for ${process.platform}-${process.arch} (looked for ${candidates.join(' and ')}); ${howToBuild}, or name one with the option "workerBin" or MPH_WORKER_BIN`,
		);
	}

	return found;
}
