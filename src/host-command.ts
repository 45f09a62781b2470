// The command that starts a host: the native executable, or Node with the runner for scripts.

import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';

import { UnsupportedError } from './errors.ts';
import { findNativeHostBin } from './native-host-bin.ts';
import { packageRoot } from './package-root.ts';
import type { PluginKind } from './plugin-file.ts';
import type { RunnerSettings, ScriptSettings } from './script-options.ts';

export type HostCommand = { readonly bin: string; readonly args: readonly string[] };

// A checkout has no compiled one; under node_modules Node runs no TypeScript.
const runners = ['plugin-host/runner/main.js', 'plugin-host/runner/main.ts'].map((file) => join(packageRoot, file));
const addons = ['build/native/plugin-host/addon/mph_host.node', `bin/${process.platform}-${process.arch}/mph_host.node`].map((file) => join(packageRoot, file));

/** Throws UnsupportedError when there is nothing that could be run. `hostBin` is the option of that name. */
export function hostCommandFor(kind: PluginKind, hostBin: string | undefined, settings: ScriptSettings): HostCommand {
	return kind === 'native' ? { bin: findNativeHostBin(hostBin), args: [] } : scriptHostCommand(settings);
}

function scriptHostCommand({ execArgv, threadLimits, dev }: ScriptSettings): HostCommand {
	const named = process.env['MPH_ADDON'];
	const runner = find('the runner for plugins in TypeScript', runners, 'install the package anew');
	const addon = named
		? find('the addon for plugins in TypeScript', [named], 'environment variable MPH_ADDON')
		: find(`the addon for plugins in TypeScript for ${process.platform}-${process.arch}`, addons, 'in a checkout run "npm run build:native", else name one with MPH_ADDON');
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
