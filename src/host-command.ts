// What starts a host: the command of the native executable, or of Node with the runner for scripts; or what runs one within the app.

import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import type { AppRunner } from './app-host.ts';
import { howToBuild, placesOf } from './built-files.ts';
import { UnsupportedError } from './errors.ts';
import { findNativeHostBin } from './native-host-bin.ts';
import { moduleExtension } from './package-root.ts';
import type { PluginKind } from './plugin-file.ts';
import type { RunnerSettings, ScriptSettings } from './script-options.ts';

export type HostCommand = { readonly bin: string; readonly args: readonly string[] };

const runnerFile = join(import.meta.dirname, `../plugin-host/runner/main.${moduleExtension}`);
const appRunnerFile = join(import.meta.dirname, `../plugin-host/runner/in-app.${moduleExtension}`);

/** Throws UnsupportedError when there is nothing that could be run. `hostBin` is the option of that name. */
export function hostCommandFor(kind: PluginKind, hostBin: string | undefined, settings: ScriptSettings): HostCommand {
	return kind === 'native' ? { bin: findNativeHostBin(hostBin), args: [] } : scriptHostCommand(settings);
}

function scriptHostCommand({ execArgv, threadLimits, dev }: ScriptSettings): HostCommand {
	const runner = find('the runner for plugins in TypeScript', [runnerFile], 'install the package anew');
	const runnerSettings: RunnerSettings = { addon: findAddon(), threadLimits, dev };

	return { bin: process.execPath, args: [...execArgv, runner, JSON.stringify(runnerSettings)] };
}

/** For hosts within the app. Rejects with UnsupportedError when there is nothing that could be run. */
export async function loadAppRunner(): Promise<{ readonly runner: AppRunner; readonly addon: string }> {
	const file = find('the runner for plugins within the app', [appRunnerFile], 'install the package anew');
	const addon = findAddon();

	return { runner: (await import(pathToFileURL(file).href)) as AppRunner, addon };
}

function findAddon(): string {
	const named = process.env['MPH_ADDON'];

	return named
		? find('the addon for plugins in TypeScript', [named], 'environment variable MPH_ADDON')
		: find(`the addon for plugins in TypeScript for ${process.platform}-${process.arch}`, placesOf('mph_host.node'), `${howToBuild}, or name one with MPH_ADDON`);
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
