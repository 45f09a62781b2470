// The drill's command line.

import { randomInt } from 'node:crypto';
import { resolve } from 'node:path';

import type { Policy } from '../../src/index.ts';
import { UsageError, json, readOptions, wholeNumber } from '../cli/usage.ts';
import { type Scenario, allScenarios, isScenario, signals } from './scenarios.ts';

export type DrillOptions = {
	/** Undefined: as many as there is time for. */
	readonly kills: number | undefined;
	/** Undefined: as long as the kills take. With both, kills are spread evenly. */
	readonly minutes: number | undefined;
	readonly standby: boolean;
	readonly onAbsent: Policy;
	readonly packetsPerSecond: number;
	/** The user's own; undefined: the drill's, whose every verdict can be checked. */
	readonly plugin: { readonly file: string; readonly config: unknown } | undefined;
	readonly scenarios: readonly Scenario[];
	readonly deadlineMs: number;
	readonly hangMs: number;
	readonly seed: number;
	readonly browser: boolean;
	readonly json: boolean;
};

const defaultKills = '20';
/**
 * Over RTP it is proved that nothing goes by unfiltered, so deadlines are longer than it takes to notice a hang, and a busy machine's hosts are
 * not taken for hung ones. In a call people look at the picture, which must not wait for so long.
 */
const defaultMs = { rtp: { deadline: '1000', hang: '250' }, browser: { deadline: '20', hang: '100' } };

export function parseDrillOptions(args: readonly string[]): DrillOptions {
	const values = readOptions(args, {
		kill: { type: 'string' },
		minutes: { type: 'string' },
		standby: { type: 'boolean', default: false },
		onAbsent: { type: 'string', default: 'accept' },
		packetsPerSecond: { type: 'string', default: '2000' },
		plugin: { type: 'string' },
		config: { type: 'string' },
		scenarios: { type: 'string' },
		deadlineMs: { type: 'string' },
		hangMs: { type: 'string' },
		seed: { type: 'string' },
		browser: { type: 'boolean', default: false },
		json: { type: 'boolean', default: false },
	});

	const { deadline, hang } = defaultMs[values.browser ? 'browser' : 'rtp'];

	if (values.config !== undefined && values.plugin === undefined) {
		throw new UsageError('--config is for the plugin of --plugin');
	}

	return {
		kills: killsOf(values.kill ?? (values.minutes === undefined ? defaultKills : undefined)),
		minutes: values.minutes === undefined ? undefined : minutesOf(values.minutes),
		standby: values.standby,
		onAbsent: policyOf(values.onAbsent),
		packetsPerSecond: wholeNumber('--packetsPerSecond', values.packetsPerSecond, 4, 100_000),
		plugin: values.plugin === undefined ? undefined : { file: resolve(values.plugin), config: json('--config', values.config ?? '{}') },
		scenarios: scenariosOf(values.scenarios, values.plugin !== undefined),
		deadlineMs: wholeNumber('--deadlineMs', values.deadlineMs ?? deadline, 1, 10_000),
		hangMs: wholeNumber('--hangMs', values.hangMs ?? hang, 100, 600_000),
		seed: values.seed === undefined ? randomInt(2 ** 32) : wholeNumber('--seed', values.seed, 0, 2 ** 32 - 1),
		...{ browser: values.browser, json: values.json },
	};
}

function killsOf(text: string | undefined): number | undefined {
	return text === undefined ? undefined : wholeNumber('--kill', text, 1, 1_000_000);
}

function minutesOf(text: string): number {
	const minutes = Number(text);

	if (!/^\d+(\.\d+)?$/.test(text) || minutes <= 0 || minutes > 1440) {
		throw new UsageError(`--minutes "${text}" is not a number up to 1440`);
	}

	return minutes;
}

function policyOf(text: string): Policy {
	if (text !== 'accept' && text !== 'drop') {
		throw new UsageError(`--onAbsent "${text}" is neither accept nor drop`);
	}

	return text;
}

function scenariosOf(text: string | undefined, isUsersPlugin: boolean): Scenario[] {
	const possible = allScenarios.filter((scenario) => !isUsersPlugin || signals[scenario] !== undefined);

	if (text === undefined) {
		return possible;
	}

	return text.split(',').map((name) => {
		if (!isScenario(name)) {
			throw new UsageError(`--scenarios: there is no "${name}", but ${allScenarios.join(', ')}`);
		}
		if (!possible.includes(name)) {
			throw new UsageError(`--scenarios: "${name}" is done by the drill's own plugin only; with --plugin there are ${possible.join(', ')}`);
		}

		return name;
	});
}
