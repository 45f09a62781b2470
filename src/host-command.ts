// The command that starts a host: the native executable, or Node with the runner for scripts.

import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';

import { howToBuild, placesOf } from './built-files.ts';
import { UnsupportedError } from './errors.ts';
import { findNativeHostBin } from './native-host-bin.ts';
import { moduleExtension } from './package-root.ts';
import type { PluginKind } from './plugin-file.ts';
import type { RunnerSettings, ScriptSettings } from './script-options.ts';

export type HostCommand = { readonly bin: string; readonly args: readonly string[] };

const runnerFile = join(import.meta.dirname, `../plugin-host/runner/main.${moduleExtension}`);

/** Throws UnsupportedError when there is nothing that could be run. `hostBin` is the option of that name. */
export function hostCommandFor(kind: PluginKind, hostBin: string | undefined, settings: ScriptSettings): HostCommand {
	return kind === 'native' ? { bin: findNativeHostBin(hostBin), args: [] } : scriptHostCommand(settings);
}

function scriptHostCommand({ execArgv, threadLimits, dev }: ScriptSettings): HostCommand {
	const named = process.env['MPH_ADDON'];
	const runner = find('the runner for plugins in TypeScript', [runnerFile], 'install the package anew');
	const addon = named
		? find('the addon for plugins in TypeScript', [named], 'environment variable MPH_ADDON')
		: find(`the addon for plugins in TypeScript for ${process.platform}-${process.arch}`, placesOf('mph_host.node'), `${howToBuild}, or name one with MPH_ADDON`);
	const runnerSettings: RunnerSettings = { addon, threadLimits, dev };

	return { bin: process.execPath, args: [...execArgv, runner, JSON.stringify(runnerSettings)] };
}

function find(what: string, candidates: readonly string[], remedy: string): string {
	const found = candidates.find(isReadable);

	if (found === undefined) {
		throw new UnsupportedError('MPH_ERR_HOST_BIN', `${what} is not there or not readable (looked for ${candidates.join(' and ')}); ${remedy}`);
	}

	return found;
}

function isReadable(path: string): boolean {
	try {
		accessSync(path, constants.R_OK);

		return true;
	} catch {
		return false;
	}
}
