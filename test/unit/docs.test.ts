// The docs say what the code does: defaults and error codes are held against docs/api.md, ring sizes against the worker's sources.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import t from 'tap';

import { maxLayer, parseAttachOptions, quietestDbov } from '../../src/attach-options.ts';
import { attachmentCounters, instanceCounters, pluginCounters } from '../../src/counters.ts';
import { defaults, maxDeadlineMs } from '../../src/defaults.ts';
import { errorCodes } from '../../src/errors.ts';
import { parsePluginHostOptions, parsePluginOptions, parseRingSizes, parseUpgradeOptions } from '../../src/options.ts';
import { repoRoot } from '../../tools/lib/paths.ts';

const read = (file: string): string => readFileSync(join(repoRoot, file), 'utf8');
const rows = read('docs/api.md')
	.split('\n')
	.filter((line) => line.startsWith('|'))
	.map((line) => line.split('|').map((cell) => cell.trim().replaceAll('`', '')));

function defaultInDocs(option: string): string | undefined {
	return rows.find(([, , name]) => name === option)?.[3];
}

t.test('every default is in the table, as it is', async (t) => {
	const { attach, timeoutMs, crashBudget, standby, hangMs, placement } = defaults;

	for (const [option, value] of Object.entries({ ...attach, timeoutMs, crashBudget, standby, hangMs, placement })) {
		const text = Array.isArray(value) ? `[${value.map((item) => `'${item}'`).join(', ')}]` : String(value);

		t.equal(defaultInDocs(option), text, option);
	}
});

t.test('every option that there is stands in the table, and every event of a plugin', async (t) => {
	const parsers: readonly ((options: unknown) => unknown)[] = [parsePluginHostOptions, parsePluginOptions, parseUpgradeOptions, parseAttachOptions, parseRingSizes];

	for (const parse of parsers) {
		const refusal = await Promise.resolve({ 'no option': 1 }).then(parse).catch(String);
		const names = /known are (.*)/.exec(refusal as string)![1]!.split(', ');

		for (const name of names) {
			t.ok(rows.some(([, , option]) => option?.split(/ or |, /).includes(name)), name);
		}
	}
	for (const name of /export type PluginNews = \{([^]*?)\n\};/.exec(read('src/plugin-events.ts'))![1]!.matchAll(/^\t(\w+): /gm)) {
		t.ok(rows.some(([, , event]) => event?.split(' ')[0] === name[1]), name[1]!);
	}
});

t.test('default ring sizes are those of the worker', async (t) => {
	const source = read('worker-patch/overlay/src/PluginHost/RouterTap.cpp');

	for (const [option, name] of [
		['packetRingSize', 'DefaultPacketRingSize'],
		['verdictRingSize', 'DefaultVerdictRingSize'],
	] as const) {
		const product = new RegExp(`${name}\\{ ([0-9* ]+) \\}`).exec(source)![1]!;
		const bytes = product.split('*').reduce((result, factor) => result * Number(factor), 1);

		t.equal(defaults[option], bytes, option);
		t.equal(defaultInDocs(option), String(bytes), option);
	}
});

t.test('every counter is in the table with its meaning', async (t) => {
	for (const [name, meaning] of [attachmentCounters, pluginCounters, instanceCounters].flatMap((meanings) => Object.entries<string>(meanings))) {
		t.ok(rows.some(([, , counter, counts]) => counter === name && counts === meaning.replaceAll('`', '')), name);
	}
});

t.test('limits and layers are those of the code', async (t) => {
	const row = (name: string): string => rows.find(([, , option]) => option === name)![4]!;

	for (const limit of Object.values(defaults.limits)) {
		t.match(row('limits'), limit.toLocaleString('en'));
	}
	t.match(row('spatialLayers'), `from 0 to ${maxLayer}`);
	t.match(row('audioLevel'), `to ${quietestDbov}`);
	t.match(row('deadlineMs'), maxDeadlineMs.toLocaleString('en'));
});

t.test('every error code is in the table with its meaning, and no other', async (t) => {
	const inDocs = rows.filter(([, code]) => code?.startsWith('MPH_ERR_')).map(([, code, meaning]) => [code, meaning]);

	t.same(inDocs, Object.entries(errorCodes));
});
