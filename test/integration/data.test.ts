// What happens to data messages in the worker's tap: the real worker, the real native host with the plugin test/fixtures/plugins/witness.c.

import type { types } from 'mediasoup';
import t from 'tap';

import type { AttachmentStats, AttachOptions, Plugin, PluginHost } from '../../src/index.ts';
import { fixturePlugin } from '../helpers/binaries.ts';
import { mediaCodecs } from '../helpers/call.ts';
import { nextEvent } from '../helpers/events.ts';
import { numbers, openDataCall, openSctpCall } from '../helpers/messages.ts';
import { stopProcess } from '../helpers/processes.ts';
import { realStage } from '../helpers/real-stage.ts';
import { until } from '../helpers/until.ts';
import { Witness } from '../helpers/witness.ts';

/** mph_verdict */
const [pending, accept, drop, take] = [0, 1, 2, 3] as const;
const policies = { onTimeout: 'accept', onAbsent: 'accept', onOverflow: 'accept', onError: 'accept' } as const;

const stage = realStage();
let pluginHost: PluginHost;
let worker: types.Worker;
let router: types.Router;
let elsewhere: types.Router;

t.beforeEach(async () => {
	({ pluginHost, worker, router } = stage);
	elsewhere = await worker.createRouter({ mediaCodecs });
});

t.afterEach(() => {
	elsewhere.close();
});

const openPlugin = (witness: Witness, config: { readonly verdict?: number; readonly replacement?: string; readonly empty?: number } = {}): Promise<Plugin> =>
	pluginHost.createPlugin({ file: fixturePlugin('witness'), config: { file: witness.file, ...config }, hangMs: 60_000 });

async function attached(plugin: Plugin, options: Partial<AttachOptions> = {}): Promise<() => Promise<AttachmentStats>> {
	const attachment = await plugin.attach({
		...{ router, dataProducers: true, mode: 'filter', deadlineMs: 5000, ...policies },
		...options,
	} as AttachOptions);

	return () => attachment.getStats();
}

for (const [name, open] of [
	['a direct transport', () => openDataCall(router)],
	['SCTP', () => openSctpCall(router, elsewhere)],
] as const) {
	t.test(`over ${name}, an observer gets each message and every message is routed`, async (t) => {
		const witness = new Witness();
		const plugin = await openPlugin(witness);
		const stats = await attached(plugin, { mode: 'observe' });
		const call = await open();

		call.sendRange(1, 200);
		await until('200 messages', () => call.received.length === 200);

		t.same(call.received, numbers(1, 200));
		t.match(await stats(), { observed: 200, observeOverflow: 0, held: 0 });
		call.close();
		plugin.close();
	});

	t.test(`over ${name}, a filter that accepts passes each message in order and unchanged`, async (t) => {
		const witness = new Witness();
		const plugin = await openPlugin(witness, { verdict: accept });
		const stats = await attached(plugin);
		const call = await open();

		call.sendRange(1, 200);
		await until('200 messages', () => call.received.length === 200);

		t.same(call.received, numbers(1, 200));
		t.match(await stats(), { accepted: 200, dropped: 0, timeoutAccepted: 0, held: 0 });
		t.same(
			witness.heard('message').map(({ bytes }) => Buffer.from(bytes!, 'hex').toString()),
			numbers(1, 200).map(({ text }) => text),
		);
		call.close();
		plugin.close();
	});

	t.test(`over ${name}, what is dropped or taken reaches nobody`, async (t) => {
		for (const [verdict, expected] of [
			[drop, { dropped: 50, taken: 0, accepted: 0 }],
			[take, { dropped: 0, taken: 50, accepted: 0 }],
		] as const) {
			const plugin = await openPlugin(new Witness(), { verdict });
			const stats = await attached(plugin);
			const call = await open();

			call.sendRange(1, 50);
			await until('50 verdicts', async () => (({ dropped, taken, held }) => dropped + taken === 50 && held === 0)(await stats()));
			t.match(await stats(), expected);
			// Detaching lets everything through again, so that this comes behind all that was dropped.
			plugin.close();
			call.sendRange(51, 51);
			await until('a message', () => call.received.length > 0);

			t.same(call.received, numbers(51, 51));
			call.close();
		}
	});
}

t.test('a message that waits holds those behind it, and they leave in order', async (t) => {
	const plugin = await openPlugin(new Witness(), { verdict: pending });
	const stats = await attached(plugin);
	const call = await openDataCall(router);

	call.sendRange(1, 40);
	await until('40 messages', () => call.received.length === 40);

	t.same(call.received, numbers(1, 40));
	t.match(await stats(), { accepted: 40, timeoutAccepted: 0, held: 0 });
	call.close();
	plugin.close();
});

t.test('PPID, subchannels and empty messages are the same for the plugin and behind it', async (t) => {
	const witness = new Witness();
	const plugin = await openPlugin(witness, { verdict: accept });

	await attached(plugin);

	const call = await openDataCall(router, [7, 9]);
	const producer = call.producer;

	// Each of them is held, for the plugin takes some time to answer.
	producer.send('to seven', undefined, [7]);
	producer.send('to eight', undefined, [8]);
	producer.send('to seven and eight', undefined, [7, 8], 9, 11);
	producer.send('not for those in nine', undefined, [], undefined, 9);
	producer.send('');
	producer.send(Buffer.alloc(0));
	producer.send(Buffer.from([0xff, 0x00]));
	producer.send('of a kind of its own', 4711);
	await until('the last message', () => call.received.some(({ ppid }) => ppid === 4711));

	t.same(
		call.received.map(({ ppid }) => ppid),
		[51, 51, 56, 57, 53, 4711],
	);
	t.same(
		call.received.filter(({ ppid }) => ppid === 51).map(({ text }) => text),
		['to seven', 'to seven and eight'],
	);

	const heard = witness.heard('message');

	t.match(heard[0], { subchannels: [7], required: -1, ignored: -1, ppid: 51 });
	t.match(heard[2], { subchannels: [7, 8], required: 9, ignored: 11 });
	t.match(heard[3], { subchannels: [], required: -1, ignored: 9 });
	t.same(
		heard.map(({ ppid }) => ppid),
		[51, 51, 51, 51, 56, 57, 53, 4711],
	);
	t.equal(heard[6]!.bytes, 'ff00');
	call.close();
	plugin.close();
});

t.test('a message that is replaced is routed with its new bytes; only whether it is empty changes its PPID', async (t) => {
	for (const replacement of ['something else', '']) {
		const plugin = await openPlugin(new Witness(), replacement ? { replacement } : { empty: 1 });
		const stats = await attached(plugin);
		const call = await openDataCall(router);

		call.producer.send('text');
		call.producer.send('');
		call.producer.send(Buffer.from([1]));
		call.producer.send(Buffer.alloc(0));
		call.producer.send('of a kind of its own', 4711);
		await until('5 messages', () => call.received.length === 5);

		t.same(
			call.received.map(({ ppid }) => ppid),
			replacement ? [51, 51, 53, 53, 4711] : [56, 56, 57, 57, 4711],
		);
		t.ok(call.received.every(({ text }) => text === (replacement || '\0')), 'one byte stands for nothing');
		t.match(await stats(), { replaced: 5, accepted: 0, held: 0 });
		call.close();
		plugin.close();
	}
});

t.test('without a verdict in time a message follows onTimeout', async (t) => {
	for (const onTimeout of ['accept', 'drop'] as const) {
		const plugin = await openPlugin(new Witness());
		const stats = await attached(plugin, { deadlineMs: 20, onTimeout });
		const call = await openDataCall(router);

		await stopProcess(plugin.hostPid!);
		call.sendRange(1, 10);
		await until('10 messages are decided', async () => (({ timeoutAccepted, timeoutDropped }) => timeoutAccepted + timeoutDropped === 10)(await stats()));

		t.match(await stats(), onTimeout === 'accept' ? { timeoutAccepted: 10, held: 0 } : { timeoutDropped: 10, held: 0 });
		if (onTimeout === 'accept') {
			await until('10 messages', () => call.received.length === 10);
			t.same(call.received, numbers(1, 10));
		} else {
			t.equal(call.received.length, 0);
		}
		process.kill(plugin.hostPid!, 'SIGCONT');
		call.close();
		plugin.close();
	}
});

t.test('without a host a message follows onAbsent, and so does what is held as the host goes', async (t) => {
	for (const onAbsent of ['accept', 'drop'] as const) {
		const plugin = await openPlugin(new Witness());
		const stats = await attached(plugin, { deadlineMs: 10_000, onAbsent });
		const call = await openDataCall(router);

		await stopProcess(plugin.hostPid!);
		call.sendRange(1, 10);
		await until('10 messages are held', async () => (await stats()).held === 10);

		const recovered = nextEvent(plugin, 'recovered');

		process.kill(plugin.hostPid!, 'SIGKILL');
		await until('10 messages are decided', async () => (({ absentAccepted, absentDropped }) => absentAccepted + absentDropped >= 10)(await stats()));

		if (onAbsent === 'accept') {
			await until('10 messages', () => call.received.length === 10);
			t.same(call.received, numbers(1, 10));
		} else {
			t.equal(call.received.length, 0);
		}
		t.match(await stats(), { held: 0, accepted: 0, dropped: 0 });
		await recovered;
		call.close();
		plugin.close();
	}
});

t.test('a message that is too long for the ring, or has too many subchannels, follows onOverflow', async (t) => {
	for (const onOverflow of ['accept', 'drop'] as const) {
		await pluginHost.configureRouter(router, { packetRingSize: 262_144 });

		const plugin = await openPlugin(new Witness(), { verdict: accept });
		const stats = await attached(plugin, { onOverflow });
		const call = await openDataCall(router, [1]);

		call.producer.send('x'.repeat(131_072), undefined, [1]);
		call.producer.send('y', undefined, Array.from({ length: 2049 }, (_, index) => index));
		// One that just has few enough.
		call.producer.send('z', undefined, Array.from({ length: 2048 }, (_, index) => index));
		await until('the last message', () => call.received.some(({ text }) => text === 'z'));

		t.match(await stats(), { accepted: 1, [onOverflow === 'accept' ? 'overflowAccepted' : 'overflowDropped']: 2, held: 0 });
		t.same(
			call.received.map(({ text }) => text[0]),
			onOverflow === 'accept' ? ['x', 'y', 'z'] : ['z'],
		);
		call.close();
		plugin.close();
	}
});

t.test('what waits is bounded in bytes: beyond that it is overflow', async (t) => {
	await pluginHost.configureRouter(router, { packetRingSize: 134_217_728 });

	const plugin = await openPlugin(new Witness());
	const stats = await attached(plugin, { deadlineMs: 10_000, onOverflow: 'drop' });
	const call = await openDataCall(router);
	const message = Buffer.alloc(262_144, 1);

	await stopProcess(plugin.hostPid!);
	// 64 MiB are 256 of them, but for what they cost besides.
	for (let i = 0; i < 300; i++) {
		call.producer.send(message);
	}
	await until('300 messages are held or dropped', async () => (({ held, overflowDropped }) => held + overflowDropped === 300)(await stats()));

	const { held, overflowDropped } = await stats();

	t.equal(held, 255);
	t.equal(overflowDropped, 45);
	// Frees what is held, so that there is room for others again.
	call.close();

	const other = await openDataCall(router);

	other.producer.send(message);
	await until('it is held', async () => (await stats()).held === 1);
	t.match(await stats(), { closedFreed: 255, overflowDropped: 45 });
	process.kill(plugin.hostPid!, 'SIGCONT');
	other.close();
	plugin.close();
});

t.test('messages of data producers on pipe transports pass unseen, unless they are meant, too', async (t) => {
	for (const pipe of [false, true]) {
		const call = await openDataCall(router);
		const plugin = await openPlugin(new Witness());
		const stats = await attached(plugin, { router: elsewhere, mode: 'observe', pipe });
		const { pipeDataProducer } = await router.pipeToRouter({ dataProducerId: call.producer.id, router: elsewhere, keepId: false });
		const egress = await elsewhere.createDirectTransport();
		const consumer = await egress.consumeData({ dataProducerId: pipeDataProducer!.id });
		const texts: string[] = [];

		consumer.on('message', (message) => texts.push(message.toString()));
		call.sendRange(1, 20);
		await until('20 messages', () => texts.length === 20);

		t.equal((await stats()).observed, pipe ? 20 : 0);
		call.close();
		plugin.close();
	}
});

t.test('an attachment to data producers means those that are named and no other', async (t) => {
	const [meant, other] = [await openDataCall(router), await openDataCall(router)];
	const plugin = await openPlugin(new Witness(), { verdict: drop });
	const attachment = await plugin.attach({ dataProducerId: meant.producer.id, mode: 'filter', deadlineMs: 5000, ...policies });

	meant.sendRange(1, 10);
	other.sendRange(1, 10);
	await until('10 messages of the other', () => other.received.length === 10);
	await until('10 verdicts', async () => (await attachment.getStats()).dropped === 10);

	t.equal(meant.received.length, 0);

	const closed = nextEvent(attachment, 'dataproducerclose');

	meant.producer.close();
	await closed;
	t.ok(attachment.closed);
	meant.close();
	other.close();
	plugin.close();
});

// The root test would wait for the worker's handles, and the worker for the root test's end.
t.end();
