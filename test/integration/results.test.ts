// What a host hears about its calls when somebody is slow: transports that take no more, and the host itself, which does not read what is told. Records
// as they stand in the ring, written by test/fixtures/plugins/scribe.cpp.

import type { types } from 'mediasoup';
import t from 'tap';

import type { Attachment, AttachOptions, Plugin, PluginHost } from '../../src/index.ts';
import { fixturePlugin } from '../helpers/binaries.ts';
import { openCall } from '../helpers/call.ts';
import { openDataCall } from '../helpers/messages.ts';
import { Scribe, injectData, injectRtp } from '../helpers/scribe.ts';
import { openSctpPeer } from '../helpers/sctp-peer.ts';
import { realStage } from '../helpers/real-stage.ts';
import { until } from '../helpers/until.ts';

/** ResultOutlet::MaxWaiting */
const mostWaiting = 4096;

t.setTimeout(120_000);

const stage = realStage();
let pluginHost: PluginHost;
let router: types.Router;
let scribe: Scribe;
let plugin: Plugin;

t.beforeEach(async () => {
	({ pluginHost, router } = stage);
	scribe = new Scribe();
	plugin = await pluginHost.createPlugin({ file: fixturePlugin('scribe'), config: { file: scribe.file }, hangMs: 60_000 });
	await pluginHost.configureRouter(router, { packetRingSize: 262_144 });
});

t.afterEach(() => {
	plugin.close();
});

const attach = (options: Partial<AttachOptions> = {}): Promise<Attachment> => plugin.attach({ router, mode: 'observe', ...options } as AttachOptions);

const write = (...records: readonly Buffer[]): void => scribe.write(plugin.hostPid!, ...records);

t.test('a data consumer whose peer does not listen is full, which the host is told; the others get everything, and so does the peer later', async (t) => {
	await attach({ dataProducers: true, onTimeout: 'accept', onAbsent: 'accept', onOverflow: 'accept' } as Partial<AttachOptions>);

	const call = await openDataCall(router);
	const peer = await openSctpPeer(router, call.producer, 50_000);
	const dataProducer = await scribe.numberOf(call.producer.id);
	const consumer = await scribe.numberOf(peer.consumer.id);
	const inject = async (number: number, consumers: readonly number[] = []): Promise<string> => {
		const message = Buffer.alloc(10_000, ' ');
		const asked = scribe.call;

		message.write(`${number}`);
		write(injectData({ dataProducer, consumers, call: asked, ppid: 53, message }));

		return scribe.result(asked);
	};
	const results: string[] = [];

	t.equal(await inject(0), 'Ok');
	await until('the peer has it', () => peer.received.length === 1);
	peer.stopListening();
	// More than the buffer and what is on the way to the peer.
	for (let number = 1; number <= 60; number++) {
		results.push(await inject(number));
	}

	const taken = results.indexOf('Full');

	t.ok(taken > 0, `full after ${taken} messages`);
	t.same(results.slice(0, taken), Array.from({ length: taken }, () => 'Ok'));
	t.same(results.slice(taken), Array.from({ length: 60 - taken }, () => 'Full'));
	t.equal(await inject(61, [consumer]), 'Full');
	t.match((await plugin.getStats()).workers[0], { injected: 1 + taken, injectFull: 61 - taken });
	await until('all of them at the other data consumer', () => call.received.length === 61);

	peer.listenAgain();
	await until('what was taken', () => peer.received.length === 1 + taken);
	t.same(
		peer.received.map((message) => Number.parseInt(message.toString(), 10)),
		Array.from({ length: 1 + taken }, (_, index) => index),
	);
	t.equal(await inject(62), 'Ok');
	await until('it is open again', () => peer.received.length === 2 + taken);
	await peer.close();
	call.close();
});

for (const [name, count] of [
	['wait for room in a full ring and come later, in order', 1500],
	['that wait are bounded: the oldest are lost, and counted', mostWaiting + 904],
] as const) {
	t.test(`results ${name}`, async (t) => {
		const attachment = await attach();
		const call = await openCall(router);
		const observed = async (): Promise<number> => (await attachment.getStats()).observed;
		const pid = plugin.hostPid!;
		const calls = Array.from({ length: count }, () => scribe.call);

		scribe.hold(pid);
		for (let number = 1; (await attachment.getStats()).observeOverflow === 0; number += 100) {
			await call.sendRange(number, number + 99);
		}
		await until('the plugin has seen as much as there is', async () => scribe.packets().length === (await observed()));

		// Nothing with that number is there, which costs nothing to say.
		write(...calls.map((asked) => injectRtp({ producer: 999_999, ssrc: 1, payloadType: 1, call: asked, payload: Buffer.alloc(1) })));
		await until('the worker has read them all', async () => (await plugin.getStats()).workers[0]!.injectUnknown === count);

		// A result is shorter than a packet: some find room.
		const fitted = await until('they are told', () => {
			const told = scribe.results().size;

			return told < 20 ? { told } : undefined;
		});

		scribe.goOn(pid);
		await until('the last one', () => scribe.results().has(calls.at(-1)!));

		const wanted = [...calls.slice(0, fitted.told), ...calls.slice(fitted.told).slice(-mostWaiting)];

		t.same([...scribe.results().keys()].map(Number), wanted.map(Number));
		t.equal((await plugin.getStats()).workers[0]!.resultsLost, count - wanted.length);
		call.close();
	});
}

// The root test would wait for the worker's handles, and the worker for the root test's end.
t.end();
