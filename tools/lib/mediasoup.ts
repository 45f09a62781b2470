// The mediasoup whose worker is built: the one that an app next to this package gets when it imports it.

import { readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';
import { basename, dirname, join } from 'node:path';

import { repoRoot } from './paths.ts';

type Manifest = { readonly version: string; readonly peerDependencies?: { readonly mediasoup?: string } };

export type Mediasoup = { readonly dir: string; readonly version: string };

/** Throws when there is none, or another one than our patch is for. */
export function findMediasoup(): Mediasoup {
	const wanted = readManifest(join(repoRoot, 'package.json')).peerDependencies!.mediasoup!;
	const manifest = manifestOfMediasoup();

	if (manifest === undefined) {
		throw new Error(`mediasoup, from whose sources the worker is built, is not installed where ${repoRoot} finds it; run "npm install mediasoup@${wanted}"`);
	}

	const { version } = readManifest(manifest);

	if (version !== wanted) {
		throw new Error(`${dirname(manifest)} is mediasoup ${version}, and the patch is for the worker of ${wanted}; run "npm install mediasoup@${wanted}"`);
	}

	return { dir: dirname(manifest), version };
}

/** npm's word for what the tarball holds, from the lockfile that knows of this copy; undefined where another package manager has put it there. */
export function integrityOf({ dir, version }: Mediasoup): string | undefined {
	const modules = dirname(dir);

	for (const lockfile of [join(modules, '../package-lock.json'), join(modules, '.package-lock.json')]) {
		const entry = lockedPackage(lockfile, `${basename(modules)}/mediasoup`);

		if (entry?.version === version) {
			return entry.integrity;
		}
	}

	return undefined;
}

function manifestOfMediasoup(): string | undefined {
	try {
		return findPackageJSON('mediasoup', import.meta.url);
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND') {
			return undefined;
		}
		throw error;
	}
}

function lockedPackage(lockfile: string, path: string): { readonly version: string; readonly integrity?: string } | undefined {
	try {
		return (JSON.parse(readFileSync(lockfile, 'utf8')) as { packages: Record<string, { version: string; integrity?: string }> }).packages[path];
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
			return undefined;
		}
		throw error;
	}
}

function readManifest(file: string): Manifest {
	return JSON.parse(readFileSync(file, 'utf8')) as Manifest;
}
