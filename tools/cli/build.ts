// mediasoup-plugin-host build: the patched worker and what hosts are run by, built from the sources that the package carries. In a checkout they stay
// where the builds leave them; in an installed package they go to where the library looks for them.

import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';

import { type BuiltFile, builtFiles, installedDir } from '../../src/built-files.ts';
import { buildNative } from '../build-native.ts';
import { buildWorker } from '../build-worker.ts';
import { isCheckout, repoRoot } from '../lib/paths.ts';
import { buildInstalledNative } from '../package/native.ts';
import { type DepsMode, depsModes } from '../worker-build/options.ts';
import { UsageError, readOptions } from './usage.ts';

export type BuildOptions = { readonly deps: DepsMode; readonly installPackages: boolean };

export function parseBuildOptions(args: readonly string[]): BuildOptions {
	const values = readOptions(args, { deps: { type: 'string', default: 'system' }, 'install-packages': { type: 'boolean', default: false } });
	const deps = depsModes.find((mode) => mode === values.deps);

	if (deps === undefined) {
		throw new UsageError(`--deps "${values.deps}" is none of ${depsModes.join(', ')}`);
	}

	return { deps, installPackages: values['install-packages'] };
}

export async function build(args: readonly string[]): Promise<number> {
	const { deps, installPackages } = parseBuildOptions(args);

	// With upstream's downloads it need not be Debian; whatever is missing then, the builds name.
	if ((deps === 'system' || installPackages) && !hasDebianPackages(installPackages)) {
		return 1;
	}

	try {
		const worker = await buildWorker({ variant: 'patched', deps, defines: [] });

		if (isCheckout) {
			await buildNative();
		} else {
			const native = await buildInstalledNative();

			install((file) => (file === 'mediasoup-worker' ? worker : join(native, file)));
		}
	} catch (error) {
		// Whole: what a compiler said stands in it.
		process.stderr.write(`${(error as Error).message}\n`);

		return 1;
	}

	process.stderr.write(`the worker and the plugin host are ready${isCheckout ? '' : ` in ${installedDir}`}\n`);

	return 0;
}

/** It says itself what is missing, and what to do. */
function hasDebianPackages(mayInstall: boolean): boolean {
	const { status, error } = spawnSync('bash', [join(repoRoot, 'tools/setup.sh'), 'packages', ...(mayInstall ? [] : ['--check'])], { stdio: 'inherit' });

	if (error) {
		throw new Error('bash cannot be run, which looks whether Debian packages are missing', { cause: error });
	}

	return status === 0;
}

/** Copies: the cache may be deleted, and an image may take node_modules alone. */
function install(sourceOf: (file: BuiltFile) => string): void {
	try {
		mkdirSync(installedDir, { recursive: true });
		for (const file of builtFiles) {
			const unfinished = join(installedDir, `${file}.${process.pid}`);

			// A process may run the one that is there.
			copyFileSync(sourceOf(file), unfinished);
			chmodSync(unfinished, 0o755);
			renameSync(unfinished, join(installedDir, file));
		}
	} catch (error) {
		throw new Error(`cannot put the binaries into ${installedDir} (${(error as Error).message}); run this as whoever owns that folder`, { cause: error });
	}
}
