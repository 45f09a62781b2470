// The addon, of which every thread has its own module object over the same C++ core.

import { createRequire } from 'node:module';

import { howToBuild } from '../../src/built-files.ts';
import type * as AddonModule from '../addon/addon.d.ts';

export type Addon = typeof AddonModule;

/** Throws, with what to do, when it is not there or was built for something else. */
export function loadAddon(path: string): Addon {
	try {
		return createRequire(import.meta.url)(path) as Addon;
	} catch (error) {
		throw new Error(
			`the addon ${path} cannot be loaded by Node ${process.versions.node} on ${process.platform}-${process.arch}: ${(error as Error).message}; ${howToBuild}, with this Node`,
			{ cause: error },
		);
	}
}
