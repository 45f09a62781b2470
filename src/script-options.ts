// The options of createPlugin() that concern plugins in TypeScript or JavaScript alone, and what of them the runner is started with.

import { OptionReader } from './validate.ts';

/** As `resourceLimits` of a worker thread of Node's has them. What is left out is Node's default. */
export type ThreadLimits = {
	/** Of the heap, in MiB. */
	readonly maxOldGenerationSizeMb?: number;
	/** Of the part of the heap for young objects, in MiB. */
	readonly maxYoungGenerationSizeMb?: number;
	/** For compiled code, in MiB. */
	readonly codeRangeSizeMb?: number;
	/** In MiB. Node's default is 4. */
	readonly stackSizeMb?: number;
};

export type ScriptOptions = {
	/** Options of Node for its host process, such as `--cpu-prof` or `--inspect=0`. Default: none. */
	readonly execArgv?: readonly string[];
	/** What each of its threads may use; one that goes beyond ends and is made anew. Default: as Node has them. */
	readonly threadLimits?: ThreadLimits;
	/** Views of packets are checked for use after their time. Default: unless NODE_ENV is "production". */
	readonly dev?: boolean;
};

export type ScriptSettings = { readonly execArgv: readonly string[]; readonly threadLimits: ThreadLimits; readonly dev: boolean };

/** What main.ts of the runner finds as its one argument, as JSON. */
export type RunnerSettings = Pick<ScriptSettings, 'threadLimits' | 'dev'> & { readonly addon: string };

export const scriptOptionNames = ['execArgv', 'threadLimits', 'dev'] as const;

const limitNames = ['maxOldGenerationSizeMb', 'maxYoungGenerationSizeMb', 'codeRangeSizeMb', 'stackSizeMb'] as const;

export function readScriptOptions(reader: OptionReader): ScriptSettings {
	return {
		execArgv: readExecArgv(reader),
		threadLimits: reader.has('threadLimits') ? parseThreadLimits(reader.value('threadLimits')) : {},
		dev: reader.boolean('dev', process.env['NODE_ENV'] !== 'production'),
	};
}

// What does not begin with a hyphen would be run in the runner's place.
function readExecArgv(reader: OptionReader): readonly string[] {
	const what = 'an array of options of Node, such as ["--cpu-prof", "--inspect=0"], a value behind its "="';
	const isOption = (item: unknown): item is string => typeof item === 'string' && /^--?[a-z][^\0]*$/i.test(item);

	return reader.list('execArgv', what, isOption, true) ?? [];
}

function parseThreadLimits(options: unknown): ThreadLimits {
	const reader = new OptionReader('createPlugin()', options, limitNames, 'threadLimits');

	return Object.fromEntries(
		limitNames.filter((name) => reader.has(name)).map((name) => [name, reader.number(name, { min: 1, max: 2 ** 20, unit: 'MiB' }, 0)]),
	);
}
