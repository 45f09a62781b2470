// Tells from a plugin's file which host runs it, and whether it is there at all, before a process is started for it.

import { stat } from 'node:fs/promises';
import { extname } from 'node:path';

import { PluginLoadError, UnsupportedError } from './errors.ts';

const nativePattern = /\.so(\.\d+)*$/;
const scriptExtensions = ['.js', '.mjs', '.cjs', '.ts', '.mts', '.cts'];

/** Rejects unless the native host can be asked to load it. */
export async function checkPluginFile(file: string): Promise<void> {
	if (scriptExtensions.includes(extname(file))) {
		throw new UnsupportedError(
			'MPH_ERR_PLUGIN_KIND',
			`plugin "${file}" is JavaScript or TypeScript, which a later version will run; this one runs shared objects (.so)`,
		);
	}
	if (!nativePattern.test(file)) {
		throw new PluginLoadError('MPH_ERR_PLUGIN_FILE', `plugin "${file}" is no shared object by its name; it must end in .so`);
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
