// What a plugin says that it failed at, in a real worker: what becomes of it by onError, who else sees it, and what a host that lies can do with it.

import type { types } from 'mediasoup';
import t from 'tap';

import type { Attachment, AttachmentStats, AttachOptions, Plugin, PluginHost, Policy } from '../../src/index.ts';
import { Verdict } from '../../src/generated/layout.js';
import { fixturePlugin } from '../helpers/binaries.ts';
import { isGapless, openCall } from '../helpers/call.ts';
import { openDataCall } from '../helpers/messages.ts';
import { Scribe } from '../helpers/scribe.ts';
import { openReceiver, openSender, vp8 } from '../helpers/streams.ts';
import { realStage } from '../helpers/real-stage.ts';
import { until } from '../helpers/until.ts';
import { verdict } from '../helpers/verdict-records.ts';

const sent = 40;
const bothPolicies: readonly Policy[] = ['accept', 'drop'];
const policies = { onTimeout: 'accept', onAbsent: 'accept', onOverflow: 'accept' } as const;

const stage = realStage();
let pluginHost: PluginHost;
let router: types.Router;
let plugins: Plugin[];
let groups = 0;

t.beforeEach(async () => {
	({ pluginHost, router } = stage);
	plugins = [];
});

t.afterEach(() => {
	for (const plugin of plugins) {
		plugin.close();
	}
});

async function open(name: string, config: object, group?: string): Promise<Plugin> {
	const plugin = await pluginHost.createPlugin({ file: fixturePlugin(name), config, hangMs: 60_000, ...(group === undefined ? {} : { group }) });

	plugins.push(plugin);

	return plugin;
}

const attach = (plugin: Plugin, options: object): Promise<Attachment> =>
	plugin.attach({ router, dataProducers: true, mode: 'filter', deadlineMs: 10_000, ...policies, ...options } as AttachOptions);

async function counted(attachment: Attachment, expected: Partial<AttachmentStats>): Promise<void> {
	await until(JSON.stringify(expected), async () => {
		const stats = (await attachment.getStats()) as unknown as Record<string, unknown>;

		return Object.entries(expected).every(([name, value]) => stats[name] === value);
	});
}

async function counterOf(plugin: Plugin, name: string): Promise<number> {
	return (await plugin.getStats()).instances[0]!.counters[name] ?? 0;
}

t.test('what a plugin fails at follows onError, at once and later', async (t) => {
	for (const onError of bothPolicies) {
		for (const late of [0, 1]) {
			const plugin = await open('fails', { n: 4, late });
			const attachment = await attach(plugin, { onError });
			const call = await openCall(router);
			const [accepted, dropped] = onError === 'accept' ? [sent / 4, 0] : [0, sent / 4];

			await call.sendRange(1, sent);
			await counted(attachment, { accepted: (sent * 3) / 4, errorAccepted: accepted, errorDropped: dropped, dropped: 0, held: 0 });
			await until('what was accepted', () => call.received.length === sent - dropped);

			t.ok(isGapless(call.received), 'receivers see no gap');
			t.equal(call.received.some(({ number }) => number % 4 === 0), onError === 'accept', `${onError}, ${late ? 'later' : 'at once'}`);
			t.equal(await counterOf(plugin, 'host.errors'), sent / 4, 'the host counts them');
			t.equal((await plugin.getStats()).workers[0]!.strikes, 0);
			call.close();
			plugin.close();
		}
	}
});

t.test('a data message that a plugin fails at follows onError, at once and later', async (t) => {
	for (const onError of bothPolicies) {
		for (const late of [0, 1]) {
			const plugin = await open('fails', { n: 4, late });
			const attachment = await attach(plugin, { kinds: [], onError });
			const call = await openDataCall(router);
			const [accepted, dropped] = onError === 'accept' ? [sent / 4, 0] : [0, sent / 4];

			call.sendRange(1, sent);
			await counted(attachment, { accepted: (sent * 3) / 4, errorAccepted: accepted, errorDropped: dropped, held: 0 });
			await until('what was accepted', () => call.received.length === sent - dropped);

			t.same(
				call.received.map(({ text }) => Number(text)).filter((number) => number % 4 === 0).length,
				accepted,
				`${onError}, ${late ? 'later' : 'at once'}`,
			);
			call.close();
			plugin.close();
		}
	}
});

for (const [where, grouped] of [
	['in one host', true],
	['in two hosts', false],
] as const) {
	const pair = async (first: object, second: object): Promise<readonly [Plugin, Plugin]> => {
		const group = grouped ? `pair-${++groups}` : undefined;

		return [await open('fails', first, group), await open('fails', second, group)];
	};

	t.test(`${where}: what the first plugin fails at comes to the second one if onError accepts, and not if it drops`, async (t) => {
		for (const onError of bothPolicies) {
			for (const late of [0, 1]) {
				const [one, two] = await pair({ n: 2, late }, { n: sent + 1 });
				const first = await attach(one, { order: 1, onError });
				const second = await attach(two, { order: 2, onError: 'accept' });
				const call = await openCall(router);
				const [accepted, dropped] = onError === 'accept' ? [sent / 2, 0] : [0, sent / 2];

				await call.sendRange(1, sent);
				await counted(first, { accepted: sent / 2, errorAccepted: accepted, errorDropped: dropped, held: 0 });
				await counted(second, { accepted: sent - dropped, errorAccepted: 0, errorDropped: 0, held: 0 });
				await until('what was accepted', () => call.received.length === sent - dropped);

				t.ok(isGapless(call.received));
				t.equal(await counterOf(two, 'seen'), sent - dropped, `${onError}, ${late ? 'later' : 'at once'}`);
				one.close();
				two.close();
				call.close();
			}
		}
	});

	t.test(`${where}: a packet that both fail at is counted for each by its own policy`, async (t) => {
		const [one, two] = await pair({ n: 2 }, { n: 4 });
		const first = await attach(one, { order: 1, onError: 'accept' });
		const second = await attach(two, { order: 2, onError: 'drop' });
		const call = await openCall(router);

		await call.sendRange(1, sent);
		await counted(first, { accepted: sent / 2, errorAccepted: sent / 2, errorDropped: 0, held: 0 });
		await counted(second, { accepted: (sent * 3) / 4, errorAccepted: 0, errorDropped: sent / 4, held: 0 });
		await until('what was accepted', () => call.received.length === (sent * 3) / 4);
		t.ok(isGapless(call.received));
		call.close();
	});

	t.test(`${where}: a data message that the first plugin fails at comes to the second one if onError accepts`, async (t) => {
		for (const onError of bothPolicies) {
			const [one, two] = await pair({ n: 2 }, { n: sent + 1 });
			const first = await attach(one, { kinds: [], order: 1, onError });
			const second = await attach(two, { kinds: [], order: 2, onError: 'accept' });
			const call = await openDataCall(router);
			const dropped = onError === 'accept' ? 0 : sent / 2;

			call.sendRange(1, sent);
			await counted(first, { accepted: sent / 2, errorAccepted: sent / 2 - dropped, errorDropped: dropped, held: 0 });
			await counted(second, { accepted: sent - dropped, held: 0 });
			await until('what was accepted', () => call.received.length === sent - dropped);
			t.equal(await counterOf(two, 'seen'), sent - dropped, onError);
			one.close();
			two.close();
			call.close();
		}
	});
}

t.test('an observer that fails has seen the packet, and nothing else happens', async () => {
	const plugin = await open('fails', {});
	const attachment = await attach(plugin, { mode: 'observe' });
	const call = await openCall(router);

	await call.sendRange(1, sent);
	await counted(attachment, { observed: sent, errorAccepted: 0, errorDropped: 0 });
	await until('all packets', () => call.received.length === sent);
	await until('all errors', async () => (await counterOf(plugin, 'host.errors')) === sent);
	call.close();
});

t.test('with the packet of a frame that onError drops the rest of it goes', async () => {
	// The second packet of a frame of three.
	const plugin = await open('fails', { n: 2 });
	const attachment = await attach(plugin, { onError: 'drop', wholeFrames: true });
	const sender = await openSender(router, 4714);
	const receiver = await openReceiver(router, sender.producer);
	const before = sender.keyFrameRequests();

	for (let seq = 0; seq < 3; seq++) {
		await sender.send(seq, 3_000, vp8(seq === 0, `part ${seq}`));
	}
	await counted(attachment, { accepted: 1, errorDropped: 1, frameDropped: 1, held: 0 });
	await until('a key frame is asked for', () => sender.keyFrameRequests() > before);
	receiver.close();
	sender.close();
});

/** Attachments of one host that answers with what it is given to write; the worker tells it of them as one run. */
async function attachRun(...options: readonly object[]): Promise<{ attachments: Attachment[]; scribe: Scribe; plugin: Plugin; write: (...records: Buffer[]) => void }> {
	const scribe = new Scribe();
	const plugin = await open('scribe', { file: scribe.file });
	const attachments: Attachment[] = [];

	for (const [order, own] of options.entries()) {
		attachments.push(await attach(plugin, { order, onError: 'accept', ...own }));
	}

	return { attachments, scribe, plugin, write: (...records) => scribe.write(plugin.hostPid!, ...records) };
}

async function ticketsOf(scribe: Scribe, count: number): Promise<bigint[]> {
	await until(`${count} packets in the ring`, () => scribe.packets().length >= count);

	return scribe.packets().map(({ ticket }) => ticket);
}

t.test('errors of whom nobody asked, or who decided, make no sense: a strike each, and the packet goes on waiting', async (t) => {
	const { attachments, scribe, plugin, write } = await attachRun({}, { mode: 'observe' }, { onError: 'drop' });
	const call = await openCall(router);

	await call.send(1);

	const [ticket] = await ticketsOf(scribe, 1);
	const senseless = [
		// An observer, none, and none that could ever be.
		...[1, 3, 16, 32, 255].map((decider) => verdict(ticket!, Verdict.Error, { decider })),
		...[0b0010, 0b1000, 0b0011, 0x8000, 0xffff].map((errors) => verdict(ticket!, Verdict.Accept, { errors })),
		verdict(ticket!, Verdict.Error, { errors: 0b0001 }),
		verdict(ticket!, Verdict.Drop, { errors: 0b0001 }),
		verdict(ticket!, Verdict.Take, { decider: 2, errors: 0b0100 }),
		verdict(ticket!, Verdict.Replace, { errors: 0b0001, payload: Buffer.from('other') }),
		verdict(ticket!, Verdict.Extend, { errors: 0b0001, argument: 1_000 }),
		verdict(ticket!, Verdict.Error, { payload: Buffer.from('bytes') }),
		verdict(ticket!, 7 as Verdict),
	];

	write(...senseless);
	await until('each is a strike', async () => (await plugin.getStats()).workers[0]!.strikes === senseless.length);
	t.match(await attachments[0]!.getStats(), { held: 1, errorAccepted: 0, accepted: 0 });
	write(verdict(ticket!, Verdict.Accept), verdict(ticket!, Verdict.Error), verdict(12_345n, Verdict.Error, { errors: 0xffff }));
	await until('two that nobody waits for', async () => (await plugin.getStats()).workers[0]!.spuriousVerdicts === 2);
	await counted(attachments[0]!, { accepted: 1, errorAccepted: 0, errorDropped: 0, held: 0 });
	await until('the packet', () => call.received.length === 1);
	t.equal((await plugin.getStats()).workers[0]!.strikes, senseless.length);
	call.close();
});

t.test('the worker goes by its own policies, whatever the host takes them for', async (t) => {
	const { attachments, scribe, plugin, write } = await attachRun({}, { mode: 'observe' }, { onError: 'drop' }, {});
	const [first, second, third, fourth] = attachments as [Attachment, Attachment, Attachment, Attachment];
	const call = await openCall(router);

	await call.sendRange(1, 8);

	const [one, two, three, four, five, six, seven, eight] = (await ticketsOf(scribe, 8)) as [bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint];

	write(
		// Routed: of the first one, which accepts.
		verdict(one, Verdict.Accept, { errors: 0b0001 }),
		// Dropped: of the third one, although the host went on behind it, and whatever those behind it made of it.
		verdict(two, Verdict.Accept, { errors: 0b0100 }),
		verdict(three, Verdict.Take, { decider: 3, errors: 0b0100 }),
		// Routed, although the host said no more.
		verdict(four, Verdict.Error),
		verdict(five, Verdict.Error, { decider: 2, errors: 0b0001 }),
		verdict(six, Verdict.Take, { decider: 3, errors: 0b0001 }),
		verdict(seven, Verdict.Replace, { errors: 0b1000, payload: Buffer.alloc(100, 7) }),
		verdict(eight, Verdict.Accept),
	);
	await counted(first, { accepted: 3, errorAccepted: 4, replaced: 1, errorDropped: 0, held: 0 });
	await counted(second, { observed: 8 });
	await counted(third, { accepted: 5, errorAccepted: 0, errorDropped: 3, held: 0 });
	await counted(fourth, { accepted: 3, errorAccepted: 1, taken: 1, errorDropped: 0, held: 0 });
	await until('4 packets', () => call.received.length === 4);
	t.ok(isGapless(call.received));
	t.same(call.received.map(({ number }) => number), [1, 4, 0x07070707, 8]);
	t.equal((await plugin.getStats()).workers[0]!.strikes, 0);
	call.close();
});

t.test('of a member that has gone an error says only that nobody behind it saw the packet', async (t) => {
	const { attachments, scribe, write } = await attachRun({ onError: 'drop' }, { onError: 'drop' });
	const [first, second] = attachments as [Attachment, Attachment];
	const call = await openCall(router);

	await call.sendRange(1, 2);

	const [one, two] = await ticketsOf(scribe, 2);

	await first.close();
	write(verdict(one!, Verdict.Error), verdict(two!, Verdict.Accept, { errors: 0b01 }));
	await counted(second, { accepted: 1, errorDropped: 0, held: 0 });
	await until('the other packet', () => call.received.length === 1);
	t.same(call.received.map(({ number }) => number), [2]);
	call.close();
});

t.end();
