// `watch: true` of a plugin in TypeScript under traffic: what is saved, in its file or in one that it imports, is at work without a packet lost, and what
// does not run leaves the old one serving.

import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import t from 'tap';

import type { HostRestart } from '../../src/index.ts';
import { isAscending, isGapless, keepSending, openCall } from '../helpers/call.ts';
import { nextEvent } from '../helpers/events.ts';
import { realStage } from '../helpers/real-stage.ts';
import { pluginPreamble, writeFiles } from '../helpers/script-file.ts';
import { until } from '../helpers/until.ts';

const stage = realStage();

t.setTimeout(300_000);

/** Drops the packets whose numbers end with that digit. */
const digit = (value: string): string => `export const digit: number = ${value};\n`;
const plugin = `${pluginPreamble}import { digit } from './rules/digit.ts';
export default definePlugin({ setup: () => ({ onPacket: (packet) => (packet.payloadU32(0) % 10 === digit ? 'drop' : 'accept') }) });`;

t.test('a file that a plugin imports is saved: it is restarted, nothing is lost or passes unfiltered, and what does not run is told with its line', async (t) => {
	const { pluginHost, router } = stage;
	const file = writeFiles({ 'tenth.ts': plugin, 'rules/digit.ts': digit('3') });
	const rules = join(dirname(file), 'rules/digit.ts');
	const tenth = await pluginHost.createPlugin({ file, watch: true, hangMs: 60_000 });
	const attachment = await tenth.attach({ router, mode: 'filter', deadlineMs: 10_000, onAbsent: 'drop', onTimeout: 'drop', onError: 'drop' });
	const call = await openCall(router);
	const flow = keepSending(call);
	const passes = (number: number): Promise<unknown> => until(`packets that end with ${number}`, () => call.received.some((packet) => packet.number % 10 === number));

	t.teardown(() => {
		call.close();
		tenth.close();
	});
	await passes(4);

	const restarted = nextEvent<HostRestart>(tenth, 'restarted');

	writeFileSync(rules, digit('4'));
	t.match(await restarted, { pid: tenth.hostPid });
	await passes(3);

	const failed = nextEvent<Error>(tenth, 'reloadfailed');
	const { hostPid } = tenth;

	writeFileSync(rules, `${digit('5')}throw new Error('not yet');\n`);
	t.match(await failed, { code: 'MPH_ERR_PLUGIN_CREATE', message: /tenth\.ts, as it was imported, threw at .*rules\/digit\.ts:2:7: Error: not yet/ });
	t.equal(tenth.hostPid, hostPid, 'the old one serves on');

	const before = flow.sent;

	await until('packets of thereafter', () => call.received.some(({ number }) => number > before + 20));
	await flow.stop();

	const { sent } = flow;
	const { accepted, dropped, ...rest } = await until('all of them are decided', async () => {
		const stats = await attachment.getStats();

		return stats.held === 0 && stats.accepted + stats.dropped === sent && call.received.length === stats.accepted && stats;
	});
	const arrived = new Set(call.received.map(({ number }) => number));
	const change = Math.min(...call.received.filter(({ number }) => number % 10 === 3).map(({ number }) => number));
	const wanted = Array.from({ length: sent }, (_, index) => index + 1).filter((number) => number % 10 !== (number < change ? 3 : 4));

	t.equal(accepted + dropped, sent);
	t.match(rest, { absentDropped: 0, timeoutDropped: 0, errorDropped: 0 });
	// Of the one before the change that ends with 4 either rule may have had the say.
	t.same(wanted.filter((number) => !arrived.has(number) && number !== change - 9), [], 'lost');
	t.same([...arrived].filter((number) => number % 10 === (number < change ? 3 : 4)), [], 'unfiltered');
	t.ok(isAscending(call.received) && isGapless(call.received));
});

t.end();
