// What starts a host: the command of the native executable, or of Node with the runner for scripts; or what runs one within the app.

import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import type { AppRunner } from './app-host.ts';
import { UnsupportedError } from './errors.ts';
import { findNativeHostBin } from './native-host-bin.ts';
import { packageRoot } from './package-root.ts';
import type { PluginKind } from './plugin-file.ts';
import type { RunnerSettings, ScriptSettings } from './script-options.ts';

export type HostCommand = { readonly bin: string; readonly args: readonly string[] };

// A checkout has no compiled one; under node_modules Node runs no TypeScript.
const runners = ['plugin-host/runner/main.js', 'plugin-host/runner/main.ts'].map((file) => join(packageRoot, file));
const appRunners = ['plugin-host/runner/in-app.js', 'plugin-host/runner/in-app.ts'].map((file) => join(packageRoot, file));
const addons = ['build/native/plugin-host/addon/mph_host.node', `bin/${process.platform}-${process.arch}/mph_host.node`].map((file) => join(packageRoot, file));

/** Throws UnsupportedError when there is nothing that could be run. `hostBin` is the option of that name. */
export function hostCommandFor(kind: PluginKind, hostBin: string | undefined, settings: ScriptSettings): HostCommand {
	return kind === 'native' ? { bin: findNativeHostBin(hostBin), args: [] } : scriptHostCommand(settings);
}

function scriptHostCommand({ execArgv, threadLimits, dev }: ScriptSettings): HostCommand {
	const runner = find('the runner for plugins in TypeScript', runners, 'install the package anew');
	const runnerSettings: RunnerSettings = { addon: findAddon(), threadLimits, dev };

	return { bin: process.execPath, args: [...execArgv, runner, JSON.stringify(runnerSettings)] };
}

/** For hosts within the app. Rejects with UnsupportedError when there is nothing that could be run. */
export async function loadAppRunner(): Promise<{ readonly runner: AppRunner; readonly addon: string }> {
	const file = find('the runner for plugins within the app', appRunners, 'install the package anew');
	const addon = findAddon();

	return { runner: (await import(pathToFileURL(file).href)) as AppRunner, addon };
}

function findAddon(): string {
	const named = process.env['MPH_ADDON'];

	return named
		? find('the addon for plugins in TypeScript', [named], 'environment variable MPH_ADDON')
		: find(`the addon for plugins in TypeScript for ${process.platform}-${process.arch}`, addons, 'in a checkout run "npm run build:native", else name one with MPH_ADDON');
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
