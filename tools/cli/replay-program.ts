// The program that does the work of `mediasoup-plugin-host replay`.

import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { howToBuild, installedDir } from '../../src/built-files.ts';
import { buildNative } from '../build-native.ts';
import { isCheckout } from '../lib/paths.ts';

/** Up to date in a checkout; in an installed package, what was built. */
export async function replayProgram(): Promise<string> {
	const name = 'mediasoup-plugin-host-replay';

	if (isCheckout) {
		return join(await buildNative({ targets: [`tools/replay/${name}`] }), 'tools/replay', name);
	}

	const program = join(installedDir, name);

	if (!existsSync(program)) {
		throw new Error(`${program} is not there; ${howToBuild}`);
	}

	return program;
}
