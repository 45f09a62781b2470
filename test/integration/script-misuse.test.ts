// What authors in TypeScript get wrong, with real workers and threads: each has its result, its counter and its words, and calls go on.

import * as mediasoup from 'mediasoup';
import type { Test } from 'tap';
import t from 'tap';

import type { Attachment, AttachOptions, HostCrash, HostRecovery, Plugin, PluginOptions } from '../../src/index.ts';
import type { Call } from '../helpers/call.ts';
import { isAscending, isGapless, mediaCodecs, openCall } from '../helpers/call.ts';
import { nextEvent } from '../helpers/events.ts';
import { realStage } from '../helpers/real-stage.ts';
import { pluginPreamble, pluginText, writeFiles } from '../helpers/script-file.ts';
import { until } from '../helpers/until.ts';

const stage = realStage();

t.setTimeout(600_000);

type Served = { readonly plugin: Plugin; readonly attachment: Attachment; readonly call: Call; readonly lines: string[] };

const write = (setup: string, settings?: string): string => writeFiles({ 'awkward.ts': pluginText(setup, settings) });

async function create(t: Test, options: PluginOptions<never>): Promise<{ readonly plugin: Plugin; readonly lines: string[] }> {
	const plugin = (await stage.pluginHost.createPlugin(options)) as Plugin;
	const lines: string[] = [];

	plugin.observer.on('log', (level, line) => lines.push(`${level}: ${line}`));
	t.teardown(() => plugin.close());

	return { plugin, lines };
}

async function callIn(t: Test, router = stage.router): Promise<Call> {
	const call = await openCall(router);

	t.teardown(() => call.close());

	return call;
}

async function serve(t: Test, file: string, attach: Partial<AttachOptions>, options: Partial<PluginOptions<never>> = {}): Promise<Served> {
	const { plugin, lines } = await create(t, { file, hangMs: 60_000, ...options });
	const policies = { deadlineMs: 10_000, onAbsent: 'accept', onTimeout: 'accept', onError: 'accept' } as const;
	const attachment = await plugin.attach({ router: stage.router, mode: 'filter', ...policies, ...attach } as AttachOptions);

	return { plugin, attachment, call: await callIn(t), lines };
}

const counterOf = async (plugin: Plugin, name: string): Promise<number> => (await plugin.getStats()).instances[0]?.counters[name] ?? 0;

/** Handlers that keep each packet's promise until the app says so; then verdicts come at once. */
const keeping = `
	const settle: (() => void)[] = [];
	let isKeeping = true;
	return {
		onPacketAsync: async () => (isKeeping ? new Promise<'drop'>((resolve) => void settle.push(() => resolve('drop'))) : 'accept'),
		requests: {
			kept: () => settle.length,
			settle() {
				isKeeping = false;
				settle.splice(0).forEach((now) => now());
			},
		},
	};`;

t.test('a promise that resolves after the deadline decides nothing, and is counted', async (t) => {
	const { plugin, attachment, call, lines } = await serve(t, write(keeping), { deadlineMs: 1_000 });

	await call.sendRange(1, 5);
	await until('the policy', async () => (await attachment.getStats()).timeoutAccepted === 5);
	await until('five promises', async () => (await plugin.request('kept')) === 5);
	await plugin.request('settle');
	await until('five verdicts for nobody', async () => (await plugin.getStats()).workers[0]!.spuriousVerdicts === 5);
	await call.sendRange(6, 25);
	await until('all of them', () => call.received.length === 25);

	// A slow machine may let others wait for too long, too.
	const { timeoutAccepted, accepted, dropped } = await attachment.getStats();

	t.same([timeoutAccepted + accepted, dropped], [25, 0]);
	t.ok(accepted > 0, 'the plugin takes part again');
	t.ok(isGapless(call.received) && isAscending(call.received));
	t.same(lines, []);
});

t.test('one that settles when its plugin is closed is of no concern to anybody, and its process goes on', async (t) => {
	const group = { group: 'both', hangMs: 60_000 };
	// What outlives the instance is the thread, which both are on.
	const shared = 'const all = globalThis as { settle?: (() => void)[] };';
	const held = write(
		`${shared}
		const settle: (() => void)[] = (all.settle = []);
		return { onPacketAsync: (packet) => new Promise<'drop'>((resolve, reject) => {
			const isEven = packet.payloadU32(0) % 2 === 0;
			settle.push(() => (isEven ? resolve('drop') : reject(new Error('too late'))));
		}) };`,
		'errorBudget: 1,',
	);
	const other = await create(t, { file: write(`${shared}\nreturn { requests: { kept: () => all.settle?.length ?? 0, settle: () => all.settle!.map((now) => now()).length } };`), ...group });
	const { plugin, attachment, call, lines } = await serve(t, held, {}, group);

	await call.sendRange(1, 5);
	await until('five that wait', async () => (await other.plugin.request('kept')) === 5);
	t.equal((await attachment.getStats()).held, 5);

	const { hostPid } = other.plugin;

	plugin.close();
	await until('all of them, since nobody is attached', () => call.received.length === 5);
	t.equal(await other.plugin.request('settle'), 5);
	t.equal(await other.plugin.request('settle'), 5, 'the thread goes on');
	t.equal(other.plugin.hostPid, hostPid);
	t.same([...lines, ...other.lines], []);
	t.match((await other.plugin.getStats()).host, { deaths: 0, threadDeaths: 0 });
});

t.test('packets beyond maxPending are errors, counted apart, and those in hand are decided as ever', async (t) => {
	const { plugin, attachment, call, lines } = await serve(t, write(keeping, 'maxPending: 3,'), { onError: 'drop' });

	await call.sendRange(1, 10);
	await until('its counter', async () => (await counterOf(plugin, 'script.overPending')) === 7);
	t.equal(await plugin.request('kept'), 3);
	await plugin.request('settle');
	await call.sendRange(11, 12);
	await until('the next ones', () => call.received.length === 2);
	t.match(await attachment.getStats(), { errorDropped: 7, dropped: 3, accepted: 2, timeoutAccepted: 0 });
	t.equal(await counterOf(plugin, 'script.throws'), 0);
	t.same(lines, []);
});

t.test('a throw and a verdict that is none follow onError, and each place is logged once with plugin, file and line', async (t) => {
	const body = `return { onPacket(packet) {
		const number = packet.payloadU32(0);
		if (number <= 20) throw new RangeError('too far');
		return (number <= 40 ? 'maybe' : 'accept') as 'accept';
	} };`;
	const { plugin, attachment, call, lines } = await serve(t, write(body, "name: 'wayward',"), { onError: 'drop' });

	await call.sendRange(1, 60);
	await until('those that are accepted', () => call.received.length === 20);
	t.match(await attachment.getStats(), { errorDropped: 40, accepted: 20 });
	await until('its counter', async () => (await counterOf(plugin, 'script.throws')) === 40);
	t.equal(await counterOf(plugin, 'host.errors'), 40);
	await until('both places', () => lines.length >= 2);
	// A machine that needs more than a second for twenty packets logs them again, and says how many it left out.
	t.match(lines[0], /^error: plugin wayward: onPacket threw at \/.*awkward\.ts:5:\d+: RangeError: too far/);
	t.match(lines.find((line) => line.includes('MPH_ERR_VERDICT') || line.includes('maybe')), /^error: plugin wayward: onPacket threw.*the verdict is 'maybe'; verdicts are 'accept', 'drop'/);
	t.ok(lines.length < 40);
});

t.test('errors beyond errorBudget end the thread, which says why and is made anew in the same process', async (t) => {
	const body = `return { onPacket(packet) { if (packet.payloadU32(0) % 2 === 1) throw new Error('on purpose'); } };`;
	const { plugin, call } = await serve(t, write(body, "name: 'wayward', errorBudget: 3,"), { onError: 'accept' });
	const { hostPid } = plugin;
	const crash = nextEvent<HostCrash>(plugin, 'crash');
	const recovered = nextEvent<HostRecovery>(plugin, 'recovered');

	await call.sendRange(1, 6);
	t.match(await crash, { pid: hostPid, workerPid: stage.worker.pid, hung: false, reason: /plugin wayward: 3 errors within 10 s \(errorBudget\), the last one: onPacket at .*awkward\.ts:3:\d+: Error: on purpose/ });
	t.match(await recovered, { pid: hostPid });
	await until('the first ones', () => call.received.length === 6);
	await call.sendRange(7, 8);
	await until('the next ones', () => call.received.length === 8);
	t.match((await plugin.getStats()).host, { deaths: 0, threadDeaths: 1 });
	t.ok(isGapless(call.received) && isAscending(call.received));
});

t.test('an exhausted heap costs that thread\'s packets their policy, and no other thread notices', async (t) => {
	const body = `const kept: unknown[] = [];
		return { onPacket(packet) {
			if (packet.payloadU32(0) === 5) for (;;) kept.push(Array.from({ length: 10_000 }, Math.random));
		} };`;
	const { plugin, attachment, call } = await serve(t, write(body), { onAbsent: 'drop' }, { threadLimits: { maxOldGenerationSizeMb: 64 } });
	const elsewhere = await mediasoup.createWorker({ workerBin: stage.pluginHost.workerBin });

	t.teardown(() => elsewhere.close());

	const router = await elsewhere.createRouter({ mediaCodecs });
	const spared = await plugin.attach({ router, mode: 'filter', deadlineMs: 10_000, onAbsent: 'drop', onTimeout: 'drop' });
	const sparedCall = await callIn(t, router);
	const { hostPid } = plugin;
	const crash = nextEvent<HostCrash>(plugin, 'crash');
	const recovered = nextEvent<HostRecovery>(plugin, 'recovered');

	await call.sendRange(1, 4);
	await until('what comes before', () => call.received.length === 4);
	await call.send(5);
	await sparedCall.sendRange(10, 109);
	await until('all of the other worker', () => sparedCall.received.length === 100);

	t.match(await crash, { workerPid: stage.worker.pid, held: 1, hung: false, reason: /its heap is exhausted \(option threadLimits says how much it may have\)/ });
	t.match(await recovered, { pid: hostPid, workerPid: stage.worker.pid });
	await call.sendRange(6, 25);
	await until('what comes after', () => call.received.length === 24);
	t.match(await attachment.getStats(), { accepted: 24, absentDropped: 1, timeoutAccepted: 0 });
	t.match(await spared.getStats(), { accepted: 100, absentDropped: 0, timeoutDropped: 0 });
	t.match((await plugin.getStats()).host, { deaths: 0, threadDeaths: 1 });
});

t.test('a plugin that blocks costs its packets onTimeout; past hangMs its process is replaced, and the app hears why', async (t) => {
	const body = `return { onPacket(packet) {
		const number = packet.payloadU32(0);
		if (number === 1) { const end = performance.now() + 1_000; while (performance.now() < end); }
		if (number === 100) for (;;);
	} };`;
	const { plugin, attachment, call } = await serve(t, write(body), { deadlineMs: 20 }, { hangMs: 5_000 });
	const { hostPid } = plugin;

	await call.sendRange(1, 10);
	await until('those that waited, by the policy', () => call.received.length === 10);
	t.ok((await attachment.getStats()).timeoutAccepted >= 1);
	await until('the plugin takes part again', async () => {
		await call.send(11);

		return (await attachment.getStats()).accepted > 0;
	});
	t.equal(plugin.hostPid, hostPid, 'a second is no hang');

	const crash = nextEvent<HostCrash>(plugin, 'crash');
	const recovered = nextEvent<HostRecovery>(plugin, 'recovered');

	await call.send(100);
	t.match(await crash, { pid: hostPid, hung: true, signal: 'SIGKILL', reason: /worker \d+: hang: no progress for \d+ ms \(option hangMs is 5000\)/ });
	t.not((await recovered).pid, hostPid);
	await until('it serves again', async () => {
		const { accepted } = await attachment.getStats();

		await call.send(101);

		return (await attachment.getStats()).accepted > accepted;
	});
	t.match((await plugin.getStats()).host, { deaths: 1, threadDeaths: 0 });
});

const setupThat = (body: string): string => pluginText(body).slice(pluginPreamble.length);

for (const [title, text, message] of [
	['exports nothing', '', /awkward\.ts has no default export; write "export default definePlugin/],
	['throws at import', "export default definePlugin({ setup: () => ({}) });\nthrow new Error('at once');", /awkward\.ts, as it was imported, threw at .*awkward\.ts:3:7: Error: at once/],
	['throws in setup', setupThat("throw new Error('no database');"), /awkward: setup\(\) threw at .*awkward\.ts:3:7: Error: no database/],
	['rejects in setup', setupThat("return Promise.reject(new Error('no database')) as never;"), /awkward: setup\(\) threw at .*awkward\.ts:3:23: Error: no database/],
] as const) {
	t.test(`createPlugin() rejects for a plugin that ${title}, and nothing is left of it`, async (t) => {
		const before = (await stage.pluginHost.getStats()).plugins.size;
		const error = await create(t, { file: writeFiles({ 'awkward.ts': `${pluginPreamble}${text}` }) }).then(() => t.fail('it was created'), (error: unknown) => error);

		t.match(error, { code: 'MPH_ERR_PLUGIN_CREATE', message });
		t.equal((await stage.pluginHost.getStats()).plugins.size, before);
	});
}

t.end();
