// What happens in a stage of a chain, whatever the host is: verdicts as they stand in the ring, written by test/fixtures/plugins/scribe.cpp, and
// what is selected, diverted and dropped with its frame.

import type { types } from 'mediasoup';
import t from 'tap';

import type { Attachment, AttachmentStats, AttachOptions, Plugin, PluginHost } from '../../src/index.ts';
import { EventType } from '../../src/generated/control.js';
import { BypassUnit, Verdict } from '../../src/generated/layout.js';
import { fixturePlugin } from '../helpers/binaries.ts';
import type { Call } from '../helpers/call.ts';
import { isGapless, openCall } from '../helpers/call.ts';
import { Scribe } from '../helpers/scribe.ts';
import type { Receiver, Rtp } from '../helpers/streams.ts';
import { openReceiver, openSender, vp8 } from '../helpers/streams.ts';
import { realStage } from '../helpers/real-stage.ts';
import { until } from '../helpers/until.ts';
import { bypass, verdict } from '../helpers/verdict-records.ts';

const policies = { onTimeout: 'accept', onAbsent: 'accept', onOverflow: 'accept', onError: 'accept' } as const;

const stage = realStage();
let pluginHost: PluginHost;
let router: types.Router;
let scribe: Scribe;
let plugin: Plugin;

t.beforeEach(async () => {
	({ pluginHost, router } = stage);
	scribe = new Scribe();
});

t.afterEach(() => {
	plugin.close();
});

/** A host that reads everything and answers with nothing but what it is given to write. */
async function attachScribe(...options: readonly Partial<AttachOptions>[]): Promise<Attachment[]> {
	plugin = await pluginHost.createPlugin({ file: fixturePlugin('scribe'), config: { file: scribe.file }, hangMs: 60_000 });

	const attachments: Attachment[] = [];

	for (const own of options) {
		attachments.push(await plugin.attach({ router, mode: 'filter', deadlineMs: 10_000, ...policies, ...own } as AttachOptions));
	}

	return attachments;
}

async function attachFixture(name: string, config: object, options: object): Promise<Attachment> {
	plugin = await pluginHost.createPlugin({ file: fixturePlugin(name), config });

	return plugin.attach({ router, ...policies, ...options } as AttachOptions);
}

/** With an attachment before them that means none of the packets, so that a host hears of the others by events of the ring. */
async function attachHeard(...options: readonly Partial<AttachOptions>[]): Promise<Attachment[]> {
	return (await attachScribe({ mode: 'observe', kinds: ['video'] }, ...options)).slice(1);
}

const write = (...records: readonly Buffer[]): void => scribe.write(plugin.hostPid!, ...records);

async function tickets(count: number): Promise<bigint[]> {
	await until(`${count} packets in the ring`, () => scribe.packets().length >= count);

	return scribe.packets().map(({ ticket }) => ticket);
}

const numbersOf = (call: Call): number[] => call.received.map(({ number }) => number);

/** Without what probes the bandwidth. */
const mediaOf = ({ consumer, received }: Receiver): Rtp[] => received.filter(({ ssrc }) => ssrc === consumer.rtpParameters.encodings![0]!.ssrc);

async function counted(attachment: Attachment, expected: Partial<AttachmentStats>): Promise<void> {
	await until(JSON.stringify(expected), async () => {
		const stats = (await attachment.getStats()) as unknown as Record<string, unknown>;

		return Object.entries(expected).every(([name, value]) => stats[name] === value);
	});
}

t.test('what is taken leaves no gap, and what comes behind it closes up', async (t) => {
	const [attachment] = await attachScribe({});
	const call = await openCall(router);

	await call.sendRange(65_534, 65_541);

	const asked = await tickets(8);

	// In whatever order they come.
	write(...asked.map((ticket, index) => verdict(ticket, index % 3 === 1 ? Verdict.Take : Verdict.Accept)).reverse());
	await until('5 packets', () => call.received.length === 5);

	t.same(numbersOf(call), [65_534, 65_536, 65_537, 65_539, 65_540]);
	t.ok(isGapless(call.received));
	await counted(attachment!, { accepted: 5, taken: 3, held: 0 });
	call.close();
});

t.test('what is replaced goes out with another payload, longer or shorter; what cannot be one is a strike', async (t) => {
	const [attachment] = await attachScribe({});
	const sender = await openSender(router, 4711);
	const receiver = await openReceiver(router, sender.producer);
	const longer = vp8(true, 'x'.repeat(1_396));

	for (const seq of [1, 2, 3]) {
		await sender.send(seq, seq * 3_000, vp8(true, `frame ${seq}`));
	}

	const [first, second, third] = await tickets(3);

	write(
		verdict(first!, Verdict.Replace, { payload: Buffer.alloc(1_401) }),
		verdict(first!, Verdict.Replace, { payload: Buffer.alloc(8), argument: 9 }),
		verdict(first!, Verdict.Replace),
		verdict(first!, Verdict.Drop, { decider: 1 }),
		verdict(first!, Verdict.Replace, { payload: longer }),
		verdict(second!, Verdict.Replace, { payload: vp8(true, '') }),
		verdict(third!, Verdict.Accept),
	);
	await until('3 packets', () => mediaOf(receiver).length === 3);

	t.same(
		mediaOf(receiver).map(({ payload }) => payload.subarray(4).toString()),
		['x'.repeat(1_396), '', 'frame 3'],
	);
	t.same(
		mediaOf(receiver).map(({ timestamp }) => timestamp - mediaOf(receiver)[0]!.timestamp),
		[0, 3_000, 6_000],
	);
	await counted(attachment!, { accepted: 1, replaced: 2, held: 0 });
	t.equal((await plugin.getStats()).workers[0]!.strikes, 4);
	receiver.close();
	sender.close();
});

t.test('a deadline is extended once, by no more than the attachment allows', async (t) => {
	const [attachment] = await attachScribe({ deadlineMs: 400, onTimeout: 'drop' });
	const call = await openCall(router);

	await call.send(1);

	const [ticket] = await tickets(1);

	write(verdict(ticket!, Verdict.Extend, { argument: 3_000_000_000 }), verdict(ticket!, Verdict.Extend, { argument: 3_000_000_000 }));
	await counted(attachment!, { timeoutDropped: 1, held: 0 });

	const { holdMicros } = await attachment!.getStats();

	t.ok(holdMicros.max! > 400_000, 'longer than its deadline');
	t.equal((await plugin.getStats()).workers[0]!.strikes, 0);
	call.close();
});

t.test('what a plugin wants to bypass is not copied any more: n packets, or for good', async (t) => {
	const [attachment] = await attachHeard({});
	const call = await openCall(router);

	await call.send(1);

	const [ticket] = await tickets(1);
	const [own, producer] = [await scribe.numberOf(attachment!.id), await scribe.numberOf(call.producer.id)];

	write(bypass(own, producer, BypassUnit.Packets, 3), verdict(ticket!, Verdict.Accept));
	await until('the first packet', () => call.received.length === 1);
	await call.sendRange(2, 5);

	const asked = await tickets(2);

	write(bypass(own, producer, BypassUnit.Forever), verdict(asked[1]!, Verdict.Accept));
	await until('5 packets', () => call.received.length === 5);
	await call.sendRange(6, 20);
	await until('20 packets', () => call.received.length === 20);

	t.ok(isGapless(call.received));
	t.equal(scribe.packets().length, 2);
	await counted(attachment!, { accepted: 2, bypassed: 18, held: 0 });
	call.close();
});

t.test('neighbours of one host are one run: one record, and each counts what came to it', async (t) => {
	const [first, second, third] = await attachHeard({ order: 1 }, { order: 2, mode: 'observe' }, { order: 3 });
	const call = await openCall(router);

	await call.sendRange(1, 3);

	const asked = await tickets(3);
	const run = await scribe.event('the run', (event) => event.type() === EventType.RunAdded && event.membersLength() === 3);

	t.same([...run.membersArray()!], await Promise.all([first, second, third].map((each) => scribe.numberOf(each!.id))));
	write(verdict(asked[0]!, Verdict.Accept), verdict(asked[1]!, Verdict.Drop), verdict(asked[2]!, Verdict.Drop, { decider: 2 }));
	await counted(first!, { accepted: 2, dropped: 1, held: 0 });
	await counted(second!, { observed: 2 });
	await counted(third!, { accepted: 1, dropped: 1, held: 0 });
	t.same(numbersOf(call), [1]);
	call.close();
});

t.test('a member that goes has no say any more; what is held waits for the others, in order', async (t) => {
	const [first, second] = await attachScribe({ order: 1 }, { order: 2 });
	const call = await openCall(router);

	await call.sendRange(1, 2);
	await tickets(2);
	await first!.close();
	await call.send(3);

	const asked = await tickets(3);

	write(verdict(asked[2]!, Verdict.Accept), verdict(asked[1]!, Verdict.Accept), verdict(asked[0]!, Verdict.Drop, { decider: 1 }));
	await until('2 packets', () => call.received.length === 2);

	t.same(numbersOf(call), [2, 3]);
	t.ok(isGapless(call.received));
	await counted(second!, { accepted: 2, dropped: 1, held: 0 });
	call.close();
});

t.test('who comes between two members of a run cuts it in two, and nothing that waits is lost or overtaken', async (t) => {
	await attachScribe({ order: 1 }, { order: 3 });

	const other = await pluginHost.createPlugin({ file: fixturePlugin('accept-all') });
	const call = await openCall(router);

	await call.sendRange(1, 2);

	const [one, two] = await tickets(2);
	const between = await other.attach({ router, mode: 'filter', order: 2, deadlineMs: 10_000, ...policies });

	await call.send(3);

	const three = (await tickets(3))[2]!;

	write(verdict(three, Verdict.Accept), verdict(two!, Verdict.Accept), verdict(one!, Verdict.Accept));

	// The third one is asked about again: of the second half.
	const again = (await tickets(4))[3]!;

	await until('2 packets', () => call.received.length === 2);
	write(verdict(again, Verdict.Accept));
	await until('3 packets', () => call.received.length === 3);

	t.same(numbersOf(call), [1, 2, 3]);
	await counted(between, { accepted: 1, held: 0 });
	call.close();
	other.close();
});

t.test('a host that answers others at once is not waited for behind one that is pending', async (t) => {
	const [attachment] = await attachScribe({ deadlineMs: 10_000 });
	const [slow, quick] = await Promise.all([openCall(router), openCall(router)]);

	await slow.send(1);

	const [pending] = await tickets(1);

	await quick.sendRange(1, 20);
	write(...(await tickets(21)).slice(1).map((ticket) => verdict(ticket, Verdict.Accept)));
	await until('20 packets', () => quick.received.length === 20);
	t.equal(slow.received.length, 0);
	write(verdict(pending!, Verdict.Accept));
	await until('the slow one', () => slow.received.length === 1);
	await counted(attachment!, { accepted: 21, held: 0 });
	slow.close();
	quick.close();
});

t.test('what is diverted goes to the plugin alone, and receivers see no gap', async (t) => {
	const attachment = await attachFixture('accept-all', {}, { mode: 'divert', every: 4 });
	const call = await openCall(router);

	await call.sendRange(1, 40);
	await until('30 packets', () => call.received.length === 30);

	t.ok(isGapless(call.received));
	t.notOk(numbersOf(call).some((number) => number % 4 === 1), 'every fourth one, the first included, is diverted');
	await counted(attachment, { diverted: 10, notSelected: 30 } as Partial<AttachmentStats>);
	call.close();
});

t.test('without a host onAbsent says whether what would be diverted is routed', async (t) => {
	const attachment = await attachFixture('accept-all', {}, { mode: 'divert', onAbsent: 'accept' });
	const call = await openCall(router);

	await call.send(1);
	await counted(attachment, { diverted: 1 } as Partial<AttachmentStats>);

	let number = 1;

	// The next host may be there before the first packet.
	await until('a packet is routed', async () => {
		if (plugin.hostPid !== undefined) {
			process.kill(plugin.hostPid, 'SIGKILL');
		}
		await call.sendRange(number + 1, number + 50);
		number += 50;

		return call.received.length > 0;
	});
	t.ok(isGapless(call.received));
	call.close();
});

t.test('with one packet of a frame the rest of it goes, and the sender is asked for a key frame', async (t) => {
	// The second packet of each frame of three is dropped first: the first one is out by then.
	const attachment = await attachFixture('drop-every-nth', { n: 2 }, { mode: 'filter', deadlineMs: 10_000, wholeFrames: true });
	const sender = await openSender(router, 4712);
	const receiver = await openReceiver(router, sender.producer);
	const before = sender.keyFrameRequests();

	for (let seq = 0; seq < 3; seq++) {
		await sender.send(seq, 3_000, vp8(seq === 0, `part ${seq}`));
	}
	await counted(attachment, { accepted: 1, dropped: 1, frameDropped: 1, held: 0 } as Partial<AttachmentStats>);
	await until('a key frame is asked for', () => sender.keyFrameRequests() > before);

	t.ok(mediaOf(receiver).length <= 1);
	receiver.close();
	sender.close();
});

t.test('key frames only: all packets of one, and no other', async () => {
	const attachment = await attachFixture('accept-all', {}, { mode: 'observe', keyFramesOnly: true });
	const sender = await openSender(router, 4713);

	for (const [seq, timestamp, isKeyFrame] of [
		[1, 3_000, false],
		[2, 6_000, true],
		[3, 6_000, false],
		[4, 9_000, false],
	] as const) {
		await sender.send(seq, timestamp, vp8(isKeyFrame, 'part'));
	}
	await counted(attachment, { observed: 2, notSelected: 2 } as Partial<AttachmentStats>);
	sender.close();
});

t.end();
