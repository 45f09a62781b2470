// Tells from a plugin's file which host runs it, and whether it is there at all, before a process is started for it.

import { stat } from 'node:fs/promises';
import { extname } from 'node:path';

import { PluginLoadError } from './errors.ts';

/** What kind of host a plugin needs: any shared object runs in a host for scripts, too. */
export type PluginKind = 'native' | 'script';

const nativePattern = /\.so(\.\d+)*$/;
const scriptExtensions = ['.js', '.mjs', '.cjs', '.ts', '.mts', '.cts'];

/** Undefined: no host runs such a file. */
export function pluginKindOf(file: string): PluginKind | undefined {
	return scriptExtensions.includes(extname(file)) ? 'script' : nativePattern.test(file) ? 'native' : undefined;
}

/** Of the process that runs all of them. */
export function hostKindOf(files: Iterable<string>): PluginKind {
	return [...files].some((file) => pluginKindOf(file) === 'script') ? 'script' : 'native';
}

/** Rejects unless a host can be asked to load it. */
export async function checkPluginFile(file: string): Promise<void> {
	if (pluginKindOf(file) === undefined) {
		throw new PluginLoadError(
			'MPH_ERR_PLUGIN_FILE',
			`plugin "${file}" is neither a shared object nor a script by its name; it must end in .so or in one of ${scriptExtensions.join(', ')}`,
		);
	}

	let isFile: boolean;

	try {
		isFile = (await stat(file)).isFile();
	} catch (error) {
		throw new PluginLoadError('MPH_ERR_PLUGIN_FILE', `plugin "${file}" is not there: ${(error as Error).message}`, { cause: error });
	}
	if (!isFile) {
		throw new PluginLoadError('MPH_ERR_PLUGIN_FILE', `plugin "${file}" is not a file`);
	}
}
