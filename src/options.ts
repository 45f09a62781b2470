// What the app may pass to each call, and the one place where it is checked. The parsed forms (…Settings) are what the rest works with:
// complete, in the units of the control protocol, and right.

import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { AppData, Index, Router } from 'mediasoup/types';

import { defaultCrashDir } from './crash-captures.ts';
import { defaults } from './defaults.ts';
import { InvalidOptionError } from './errors.ts';
import { Limit as LayoutLimit } from './generated/layout.js';
import type { HostOptionName } from './host-options.ts';
import { hostOptionNames } from './host-options.ts';
import type { InjectionLimits, LimitSettings } from './limits.ts';
import { parseLimits } from './limits.ts';
import type { Logger } from './logger.ts';
import { completeLogger, logLevels } from './logger.ts';
import { pluginKindOf } from './plugin-file.ts';
import type { ScriptOptions, ScriptSettings } from './script-options.ts';
import { readScriptOptions, scriptOptionNames } from './script-options.ts';
import { OptionReader, isObject } from './validate.ts';

/** What the library needs of the mediasoup module: `import * as mediasoup from 'mediasoup'` is it. */
export type MediasoupModule = Pick<Index, 'version' | 'observer'>;

export type PluginHostOptions = {
	/** The mediasoup module that the app uses. */
	readonly mediasoup: MediasoupModule;
	/** Where the app's own directory of sockets is made. Default: the system's directory for temporary files. */
	readonly dir?: string;
	/** The patched mediasoup-worker. Default: the one that belongs to this package. */
	readonly workerBin?: string;
	/** The native host. Default: the one that belongs to this package. */
	readonly hostBin?: string;
	/** Gets what hosts print and what the library does on its own. Default: nobody does. */
	readonly logger?: Partial<Logger>;
	/** Hosts run under this user and group, and have nothing of the app's. Only for an app that runs as root. Default: the app's own. */
	readonly hostUser?: HostUser;
	/** Where packets that hosts died of are saved. Default: `mediasoup-plugin-host-crashes` in the system's directory for temporary files. */
	readonly crashDir?: string;
	/** How long a worker or host may take to answer. Default 10,000 ms. */
	readonly timeoutMs?: number;
};

export type HostUser = { readonly uid: number; readonly gid: number };

export type PluginOptions<Config = unknown, PluginAppData extends AppData = AppData> = ScriptOptions & {
	/** The plugin: a shared object (`.so`), or a module in TypeScript or JavaScript. A relative path starts at the current directory. */
	readonly file: string | URL;
	/** Reaches the plugin as JSON. Default `{}`. */
	readonly config?: Config;
	/** Deaths of the host in a row without work done in between, after which the plugin is quarantined. Default 5. */
	readonly crashBudget?: number;
	/** Whether a second host waits, ready to take over when the first one dies. Default false. */
	readonly standby?: boolean;
	/** A host that makes no progress for that long while work is outstanding is killed and replaced. Default 1,000 ms. */
	readonly hangMs?: number;
	/** Bytes of memory that a host for shared objects may allocate; scripts have `threadLimits` instead. Default: as many as it likes. */
	readonly memoryLimit?: number;
	/** Where the host's thread runs. Default `auto`. */
	readonly placement?: Placement;
	/** Plugins of the same group share one host process, and so all options of the host. Default: it has one of its own. */
	readonly group?: string;
	/** How much the plugin may inject in each worker. Default 20,000 packets and 67,108,864 bytes per second. */
	readonly limits?: InjectionLimits;
	/** Whether the plugin is restarted, without loss, when its file or a module that it imports by a relative path is saved. Default false. */
	readonly watch?: boolean;
	readonly appData?: PluginAppData;
};

/** What is left out stays as it is. */
export type UpgradeOptions<Config = unknown> = {
	readonly file?: string | URL;
	readonly config?: Config;
};

/**
 * `shared`: on the worker's CPU, following it; least latency and least CPU for light plugins. `isolated`: on any other CPU; for heavy plugins and
 * high rates. `auto`: one of the two, by what it sees. docs/placement.md has the figures.
 */
export type Placement = 'auto' | 'shared' | 'isolated';

export type RouterRef = Pick<Router, 'id' | 'closed'>;
export type RingSizes = {
	/** Bytes; a power of two. */
	readonly packetRingSize?: number;
	/** Bytes; a power of two. */
	readonly verdictRingSize?: number;
};

export type PluginHostSettings = {
	readonly mediasoup: MediasoupModule;
	readonly dir: string | undefined;
	readonly workerBin: string | undefined;
	readonly hostBin: string | undefined;
	readonly logger: Logger;
	readonly hostUser: HostUser | undefined;
	readonly crashDir: string;
	readonly timeoutMs: number;
};

export type PluginSettings = ScriptSettings & {
	readonly file: string;
	readonly configJson: string;
	readonly config: unknown;
	readonly crashBudget: number;
	readonly standby: boolean;
	readonly hangMs: number;
	/** 0: none. */
	readonly memoryLimit: number;
	readonly placement: Placement;
	readonly limits: Partial<LimitSettings>;
	readonly watch: boolean;
	readonly group: string | undefined;
	readonly givenHostOptions: readonly HostOptionName[];
	readonly appData: AppData;
};

export type UpgradeSettings = Partial<Pick<PluginSettings, 'file' | 'config' | 'configJson'>>;

/** 0 stands for the worker's default, as in the control protocol. */
export type RingSettings = { readonly packetRingSize: number; readonly verdictRingSize: number };

const placements: readonly Placement[] = ['auto', 'shared', 'isolated'];

/** Leaves room for the rest of the message that carries it (Mph.Control.Limit.MaxFrameBytes). */
export const maxJsonBytes = 512 * 1024;
/** With less the host itself does not start. */
const memoryLimitRange = { min: 16 * 1024 * 1024, max: 2 ** 50 };
const uint32Max = 2 ** 32 - 1;

export function parsePluginHostOptions(options: unknown): PluginHostSettings {
	const reader = new OptionReader('createPluginHost()', options, [
		...['mediasoup', 'dir', 'workerBin', 'hostBin', 'logger', 'hostUser', 'crashDir', 'timeoutMs'],
	]);

	return {
		mediasoup: readMediasoup(reader),
		dir: reader.text('dir', 'the path of a directory'),
		workerBin: reader.text('workerBin', 'the path of the patched mediasoup-worker'),
		hostBin: reader.text('hostBin', 'the path of the native host'),
		logger: readLogger(reader),
		hostUser: readHostUser(reader),
		crashDir: resolve(reader.text('crashDir', 'the path of a directory') ?? defaultCrashDir),
		timeoutMs: reader.number('timeoutMs', { min: 0, above: true, max: 600_000, unit: 'milliseconds' }, defaults.timeoutMs),
	};
}

export function parsePluginOptions(options: unknown): PluginSettings {
	const reader = new OptionReader('createPlugin()', options, [
		...['file', 'config', 'crashBudget', 'standby', 'hangMs', 'memoryLimit', 'placement', 'group', 'limits', 'watch', 'appData'],
		...scriptOptionNames,
	]);
	const file = readFile(reader);
	const memoryLimit = reader.has('memoryLimit') ? reader.number('memoryLimit', { ...memoryLimitRange, integer: true, unit: 'bytes' }, 0) : 0;

	checkMemoryLimit('createPlugin()', file, memoryLimit);

	return {
		...readScriptOptions(reader),
		file,
		configJson: reader.json('config', maxJsonBytes),
		config: reader.value('config') ?? {},
		crashBudget: reader.number('crashBudget', { min: 1, max: 1_000_000, integer: true, unit: 'deaths' }, defaults.crashBudget),
		standby: reader.boolean('standby', defaults.standby),
		hangMs: reader.number('hangMs', { min: 100, max: 600_000, integer: true, unit: 'milliseconds' }, defaults.hangMs),
		memoryLimit,
		placement: reader.oneOf('placement', placements, defaults.placement),
		limits: reader.has('limits') ? parseLimits('createPlugin()', reader.value('limits'), 'limits') : {},
		watch: reader.boolean('watch', defaults.watch),
		group: reader.text('group', 'the name of a group'),
		givenHostOptions: hostOptionNames.filter((name) => reader.has(name)),
		appData: reader.object('appData') ?? {},
	};
}

export function parseUpgradeOptions(options: unknown): UpgradeSettings {
	const reader = new OptionReader('upgrade()', options, ['file', 'config']);

	return {
		...(reader.has('file') && { file: readFile(reader) }),
		...(reader.has('config') && { config: reader.value('config'), configJson: reader.json('config', maxJsonBytes) }),
	};
}

/** Throws unless a host for that file can be held to the limit. */
export function checkMemoryLimit(call: string, file: string, memoryLimit: number): void {
	if (memoryLimit > 0 && pluginKindOf(file) === 'script') {
		throw new InvalidOptionError(
			'MPH_ERR_OPTION_VALUE',
			`${call}: option "memoryLimit" is ${memoryLimit}, and ${file} is a script: V8 reserves more address space than any such limit leaves, so use threadLimits: { maxOldGenerationSizeMb }, which holds for each of its threads`,
		);
	}
}

export function parseRingSizes(options: unknown): RingSettings {
	const reader = new OptionReader('configureRouter()', options, ['packetRingSize', 'verdictRingSize']);

	return { packetRingSize: readRingSize(reader, 'packetRingSize'), verdictRingSize: readRingSize(reader, 'verdictRingSize') };
}

/** Not by class: the router may come from another copy of the mediasoup module. */
export function readRouter(call: string, value: unknown): RouterRef {
	if (!isObject(value) || typeof value['id'] !== 'string' || typeof value['closed'] !== 'boolean') {
		throw new InvalidOptionError('MPH_ERR_OPTION_TYPE', `${call}: option "router" must be a mediasoup Router`);
	}

	return value as RouterRef;
}

function readMediasoup(reader: OptionReader): MediasoupModule {
	// `import * as` makes an object without prototype, `import mediasoup from` a plain one.
	const value = reader.object('mediasoup');

	if (typeof value?.['version'] !== 'string' || !isObject(value['observer']) || typeof value['observer']['on'] !== 'function') {
		return reader.wrongType('mediasoup', "the mediasoup module (import * as mediasoup from 'mediasoup')");
	}

	return value as MediasoupModule;
}

function readLogger(reader: OptionReader): Logger {
	const logger = reader.object('logger');

	for (const level of logLevels) {
		if (logger?.[level] !== undefined && typeof logger[level] !== 'function') {
			reader.wrongType('logger', `an object with functions ${logLevels.join(', ')} (each may be absent)`);
		}
	}

	return completeLogger(logger as Partial<Logger> | undefined);
}

function readHostUser(reader: OptionReader): HostUser | undefined {
	const user = reader.object('hostUser');
	const ids = [user?.['uid'], user?.['gid']];

	if (!user) {
		return undefined;
	}
	// Nothing is gained by a host that is root; and (uint32) -1 stands for "as it is".
	if (!ids.every((id) => Number.isInteger(id) && (id as number) >= 1 && (id as number) < uint32Max) || Object.keys(user).length > 2) {
		return reader.wrongValue('hostUser', '{ uid, gid }, the numbers of a user and of a group other than root');
	}

	return { uid: user['uid'] as number, gid: user['gid'] as number };
}

function readFile(reader: OptionReader): string {
	const file = reader.value('file');

	if (file instanceof URL) {
		return file.protocol === 'file:' ? fileURLToPath(file) : reader.wrongValue('file', 'a path or a file: URL');
	}

	return resolve(reader.text('file', 'a path or a file: URL') ?? reader.wrongType('file', 'a path or a file: URL'));
}

function readRingSize(reader: OptionReader, key: 'packetRingSize' | 'verdictRingSize'): number {
	if (!reader.has(key)) {
		return 0;
	}

	const { MinRingSize: min, MaxRingSize: max } = LayoutLimit;
	const size = reader.number(key, { min, max, integer: true, unit: 'bytes that is a power of two' }, 0);

	if (!Number.isInteger(Math.log2(size))) {
		const below = 2 ** Math.floor(Math.log2(size));

		reader.wrongValue(key, `a power of two, for example ${below} or ${Math.min(below * 2, max)}`);
	}

	return size;
}
