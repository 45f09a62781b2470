// The options of createPlugin() that are the host's rather than the plugin's: those of a group have them in common.

import { isDeepStrictEqual } from 'node:util';

import { InvalidOptionError } from './errors.ts';
import { show } from './validate.ts';

export const hostOptionNames = ['crashBudget', 'standby', 'hangMs', 'memoryLimit', 'placement', 'limits', 'execArgv', 'threadLimits', 'dev'] as const;

export type HostOptionName = (typeof hostOptionNames)[number];

/** As much of a plugin's settings as is compared. */
export type GroupedSettings = Readonly<Record<HostOptionName, unknown>> & {
	readonly group: string | undefined;
	/** Those that were not left out. */
	readonly givenHostOptions: readonly HostOptionName[];
};

/** Throws unless what the later one gives is as the first one of its group has it. */
export function checkSameHost(first: GroupedSettings, later: GroupedSettings): void {
	for (const name of later.givenHostOptions) {
		if (!isDeepStrictEqual(later[name], first[name])) {
			throw new InvalidOptionError(
				'MPH_ERR_OPTION_VALUE',
				`createPlugin(): option "${name}" is ${show(later[name])}; the first plugin of group "${first.group}" has ${show(first[name])}, and they share a host: it must be the same, or be left out`,
			);
		}
	}
}
