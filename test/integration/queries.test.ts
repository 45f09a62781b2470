// What a plugin may ask the worker, and how much it may inject, all the way: the library, the native host with the plugin
// test/fixtures/plugins/caller.cpp, the real worker.

import type { types } from 'mediasoup';
import t from 'tap';

import type { Plugin, PluginHost } from '../../src/index.ts';
import { fixturePlugin } from '../helpers/binaries.ts';
import { isGapless, mediaCodecs, openCall } from '../helpers/call.ts';
import { openDataCall } from '../helpers/messages.ts';
import { mappedStream, openReceiver, openSender, senderReport, vp8 } from '../helpers/streams.ts';
import { realStage } from '../helpers/real-stage.ts';
import { until } from '../helpers/until.ts';

/** mph_result */
const [ok, full, unknown, invalid, limited] = [0, 1, 2, 3, 4] as const;
/** mph_query */
const [rtpParameters, consumers, senderReports, scores] = [1, 2, 3, 4] as const;

type Answer = { readonly call: number; readonly result: number; readonly json: unknown };
type Event = { readonly router: number; readonly producer: number; readonly consumer: number } & {
	readonly [Id in 'routerId' | 'producerId' | 'consumerId']: string | null;
};
type Called = { readonly result: number; readonly call: number };

const policies = { onTimeout: 'accept', onAbsent: 'accept', onOverflow: 'accept', onError: 'accept' } as const;

const stage = realStage();
let pluginHost: PluginHost;
let worker: types.Worker;
let router: types.Router;
let plugin: Plugin;
let answers: Answer[];
let events: Event[];

t.beforeEach(async () => {
	({ pluginHost, worker, router } = stage);
	[answers, events] = [[], []];
	plugin = await pluginHost.createPlugin({ file: fixturePlugin('caller'), config: { events: 1 }, hangMs: 60_000 });
	plugin.on('message', ({ name, body }) => void (name === 'answer' ? answers.push(body as Answer) : events.push(body as Event)));
	await attach(router);
});

t.afterEach(() => {
	plugin.close();
});

const attach = (to: types.Router) => plugin.attach({ router: to, dataProducers: true, mode: 'observe', ...policies });

/** What the plugin calls a router, or what lives in one. */
async function numberOf(id: string): Promise<number> {
	const event = await until(`what tells of ${id}`, () => events.find(({ routerId, producerId, consumerId }) => [routerId, producerId, consumerId].includes(id)));

	return event.consumerId === id ? event.consumer : event.producerId === id ? event.producer : event.router;
}

const call = async (method: string, body: Readonly<Record<string, number>>): Promise<Called> => (await plugin.request(method, body)) as Called;

async function answerTo({ result, call }: Called): Promise<Answer> {
	if (result !== ok) {
		return { call, result, json: undefined };
	}

	return until(`the answer to call ${call}`, () => answers.find((answer) => answer.call === call));
}

const query = async (what: number, object: number, of = router): Promise<Answer> => answerTo(await call('query', { router: await numberOf(of.id), what, object }));

t.test('a plugin learns the parameters, consumers, sender reports and scores of what lives in its router', async (t) => {
	const sender = await openSender(router, 88_001);
	const receiver = await openReceiver(router, sender.producer);
	const data = await openDataCall(router);
	const [producer, consumer] = [await numberOf(sender.producer.id), await numberOf(receiver.consumer.id)];

	t.same((await query(senderReports, producer)).json, [], 'nothing was sent yet');
	await sender.send(1, 3000, vp8(true, 'key frame'));
	await until('it is received', () => receiver.received.length === 1);

	const parameters = (await query(rtpParameters, producer)).json;

	t.match(parameters, { rtpParameters: { codecs: [{ mimeType: 'video/VP8', payloadType: 101, clockRate: 90_000 }], encodings: [{ ssrc: 88_001 }] } });
	t.match((await query(rtpParameters, consumer)).json, { rtpParameters: { encodings: [{ ssrc: receiver.consumer.rtpParameters.encodings![0]!.ssrc }] } });
	t.same((await query(consumers, producer)).json, [{ consumer, id: receiver.consumer.id, kind: 'video', type: 'simple', paused: false }]);
	t.match((await query(consumers, await numberOf(data.producer.id))).json, [
		{ consumer: await numberOf(data.consumer.id), id: data.consumer.id, paused: false },
	]);
	t.match((await query(scores, producer)).json, [{ ssrc: sender.ssrc, encodingIndex: 0, score: 10 }]);
	t.match((await query(scores, consumer)).json, { score: 10, producerScore: 10, producerScores: [10] });

	await receiver.consumer.pause();
	t.match((await query(consumers, producer)).json, [{ consumer, paused: true }]);

	const ntpSeconds = 3_900_000_000;

	sender.sendRaw(senderReport(88_001, ntpSeconds, 90_000));

	const [report] = await until('the report has come', async () => {
		const { json } = await query(senderReports, producer);
		const reports = json as { ssrc: number; rtpTimestamp: number; ntpMs: number; receivedAtNs: number }[];

		return reports.length > 0 && reports;
	});

	t.match(report, { ssrc: sender.ssrc, rtpTimestamp: 90_000 });
	t.ok(Math.abs(report!.ntpMs - (ntpSeconds * 1000 + 500)) < 1, 'as NTP counts');
	t.ok(report!.receivedAtNs > 0 && report!.receivedAtNs <= Number(process.hrtime.bigint()), 'by the clock of the machine');
	[data, receiver, sender].forEach((each) => each.close());
});

t.test('what is not in the router, and what there is not of a thing, is said to be so', async (t) => {
	const elsewhere = await worker.createRouter({ mediaCodecs });
	const sound = await openCall(router);
	const data = await openDataCall(router);
	const [producer, consumer] = [await numberOf(sound.producer.id), await numberOf(sound.consumer.id)];

	await attach(elsewhere);

	const other = await openCall(elsewhere);
	const foreign = await numberOf(other.producer.id);

	t.match(await query(scores, foreign, elsewhere), { result: ok });
	for (const [name, what, object, wanted] of [
		['a number that nothing has', scores, 999_999, unknown],
		['no number', scores, 0, unknown],
		['a producer of another router', rtpParameters, foreign, unknown],
		['a consumer of another router', scores, await numberOf(other.consumer.id), unknown],
		['consumers of a consumer', consumers, consumer, invalid],
		['sender reports of a consumer', senderReports, consumer, invalid],
		['parameters of a data producer', rtpParameters, await numberOf(data.producer.id), invalid],
		['anything of a data consumer', scores, await numberOf(data.consumer.id), invalid],
		['what nobody can ask', 5, producer, invalid],
		['nothing', 0, producer, invalid],
	] as const) {
		t.equal((await query(what, object)).result, wanted, name);
	}
	t.equal((await call('query', { router: 999_999, what: scores, object: producer })).result, unknown, 'in a router that it does not serve');

	sound.producer.close();
	await until('it is gone', async () => (await query(scores, producer)).result === unknown);
	[sound, data, other].forEach((each) => each.close());
	elsewhere.close();
});

t.test('a plugin that asks more than it may has to wait, and is answered all the same', async (t) => {
	const sound = await openCall(router);
	const object = await numberOf(sound.producer.id);
	const pid = plugin.hostPid;
	let expected = answers.length;

	for (let round = 0; round < 50; round++) {
		const { result, call: count } = await call('flood-query', { router: await numberOf(router.id), object });

		t.equal(result, full);
		t.ok(count >= 32, `${count} queries`);
		expected += count;
		await until('all of them are answered', () => answers.length === expected);
	}
	t.ok(answers.every(({ result }) => result === ok));
	t.match(await query(scores, object), { result: ok });
	t.equal(plugin.hostPid, pid, 'its host is still the same');
	sound.close();
});

t.test('what is beyond the limits of the plugin is refused, counted and told', async (t) => {
	const sound = await openCall(router);
	const stream = { router: await numberOf(router.id), producer: await numberOf(sound.producer.id), ssrc: mappedStream(sound.producer).ssrc };
	const stats = async () => (await plugin.getStats()).workers[0]!;

	await plugin.setLimits({ packetsPerSecond: 1 });

	// All at once: this machine would have to take as many seconds for them.
	const calls = await Promise.all(Array.from({ length: 50 }, () => call('inject', { ...stream, length: 200 })));
	const results = (await Promise.all(calls.map(answerTo))).map(({ result }) => result);
	const refused = results.filter((result) => result === limited).length;

	t.equal(results[0], ok);
	t.ok(refused > 0 && results.every((result) => result === ok || result === limited), `${refused} of 50 are refused`);
	await until('it is counted', async () => (await stats()).injectLimited === refused);

	await plugin.setLimits({ packetsPerSecond: 20_000, bytesPerSecond: 1 });

	const { injected } = await stats();

	// More than all of a tenth of a second needs a full bucket, and leaves it in debt: here for a quarter of an hour.
	t.equal((await answerTo(await call('inject', { ...stream, length: 1000 }))).result, ok);
	t.equal((await answerTo(await call('inject', { ...stream, length: 100 }))).result, limited, 'too many bytes');
	t.match(await stats(), { injected: injected + 1, injectLimited: refused + 1 });

	await plugin.setLimits({ packetsPerSecond: 20_000, bytesPerSecond: 67_108_864 });
	t.equal((await answerTo(await call('inject', { ...stream, length: 100 }))).result, ok);
	await until('what was not refused', async () => sound.received.length === (await stats()).injected);
	t.ok(isGapless(sound.received));
	sound.close();
});

// The root test would wait for the worker's handles, and the worker for the root test's end.
t.end();
