// Finds the patched mediasoup-worker: what the app or the environment names, what the checkout has built, or what the package carries.

import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { UnsupportedError } from './errors.ts';
import { packageRoot } from './package-root.ts';

/** `tools/build-worker.ts` keeps this link up to date. */
const builtInCheckout = join(packageRoot, 'build/worker/patched');
const prebuilt = join(packageRoot, `bin/${process.platform}-${process.arch}/mediasoup-worker`);

/** Throws UnsupportedError when there is none. */
export function findWorkerBin(fromOptions: string | undefined): string {
	const named = fromOptions ?? process.env['MPH_WORKER_BIN'];
	const candidates = named ? [named] : [builtInCheckout, prebuilt];
	const found = candidates.find((candidate) => existsSync(candidate));

	if (!found) {
		throw new UnsupportedError(
			'MPH_ERR_WORKER_BIN',
			named
				? `the patched mediasoup worker "${named}" is not there (${fromOptions ? 'option "workerBin"' : 'environment variable MPH_WORKER_BIN'})`
				: `no patched mediasoup worker for ${process.platform}-${process.arch} (looked for ${candidates.join(' and ')}); in a checkout run "npm run build:worker", else name one with the option "workerBin" or MPH_WORKER_BIN`,
		);
	}

	return found;
}
