// What reaches a plugin beside packets, what it asks for, and what becomes of its errors.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';

import t from 'tap';

import { logLevels } from '../../plugin-host/runner/instance/addon.ts';
import { eventNames } from '../../plugin-host/runner/instance/event-reader.ts';
import { ScriptErrors, sourceLine } from '../../plugin-host/runner/instance/script-errors.ts';
import { queryNumbers } from '../../plugin-host/runner/instance/worker-calls.ts';
import { definePlugin } from '../../src/plugin/define-plugin.ts';
import type { PluginSource } from '../../src/plugin/define-plugin.ts';
import type { LifecycleEvent } from '../../src/plugin/events.ts';
import type { EventMap, PluginHandlers, RequestHandlers } from '../../src/plugin/handlers.ts';
import { ppids } from '../../src/plugin/message-view.ts';
import type { PluginContext } from '../../src/plugin/plugin-context.ts';
import { resultOf } from '../../src/plugin/results.ts';
import type { StandardSchema } from '../../src/plugin/standard-schema.ts';
import { verdictNumbers } from '../../src/plugin/verdicts.ts';
import { repoRoot } from '../../tools/lib/paths.ts';
import { ScriptStage, packetBytes } from '../helpers/script-stage.ts';
import { until } from '../helpers/until.ts';

type Settings = Omit<PluginSource<StandardSchema, RequestHandlers, EventMap>, 'setup'>;

async function open(handlers: PluginHandlers, settings: Settings = {}): Promise<{ stage: ScriptStage; context: PluginContext }> {
	let context: PluginContext | undefined;
	const stage = await ScriptStage.open(
		definePlugin({
			...settings,
			setup(given) {
				context = given as PluginContext;

				return handlers;
			},
		}),
		{ config: { n: 1 } },
	);

	return { stage, context: context! };
}

t.test('numbers are those of mph_plugin.h', async (t) => {
	const header = readFileSync(join(repoRoot, 'plugin-host/include/mph_plugin.h'), 'utf8');
	const inHeader = (prefix: string): Map<string, number> =>
		new Map([...header.matchAll(new RegExp(`[ {](${prefix}[A-Z_]+) = (\\d+)`, 'g'))].map(([, name, number]) => [name!, Number(number)]));
	const constant = (name: string): string => name.replaceAll(/[A-Z]/g, '_$&').toUpperCase();
	const events = inHeader('MPH_EVENT_');

	t.equal(events.size, eventNames.length);
	eventNames.forEach((name, i) => t.equal(events.get(`MPH_EVENT_${constant(name)}`), i + 1, name));

	const all = inHeader('MPH_');

	for (const [name, number] of Object.entries(verdictNumbers)) {
		// Its constant is on its way, together with the policy.
		if (name !== 'error' || all.has('MPH_ERROR')) {
			t.equal(all.get(`MPH_${constant(name)}`), number, name);
		}
	}
	for (const [name, number] of Object.entries(logLevels)) {
		t.equal(all.get(`MPH_LOG_${constant(name)}`), number, name);
	}
	for (const [name, number] of Object.entries(queryNumbers)) {
		t.equal(all.get(`MPH_QUERY_${constant(name)}`), number, name);
	}
	for (const name of ['ok', 'full', 'unknown', 'invalid', 'limited', 'malformed']) {
		t.equal(resultOf(all.get(`MPH_${constant(name)}`) ?? -1), name);
	}
	for (const [name, number] of Object.entries(ppids)) {
		const inC = name.startsWith('empty') ? `EMPTY_${constant(name.slice(5)).slice(1)}` : constant(name);

		t.match(header, new RegExp(`#define MPH_PPID_${inC} ${number}u`));
	}
});

t.test('setup gets what it needs, and says what the plugin wants', async (t) => {
	const { stage, context } = await open({ onPacket() {}, onTick() {} }, { tickMs: 40 });

	t.same(context.config, { n: 1 });
	t.same(context.info, { pluginId: 'p', file: '/somewhere/throttle.ts', shard: 0, workerPid: 7 });
	t.same(await stage.instance.setUp({}), { name: 'throttle', version: '0.0.0', wantsPackets: true, wantsData: false, tickIntervalMs: 40 });

	const other = await open({ async onDataAsync() {} }, { name: 'mine', version: '2' });

	t.same(await other.stage.instance.setUp({}), { name: 'mine', version: '2', wantsPackets: false, wantsData: true, tickIntervalMs: 0 });
});

t.test('handlers that make no sense are refused by setUp()', async (t) => {
	for (const [handlers, message] of [
		[undefined, /setup\(\) returned undefined; it must return the plugin's handlers/],
		[[], /setup\(\) returned \[\]/],
		[{ onPackets() {} }, /unknown handler "onPackets"; known are onPacket, onPacketAsync/],
		[{ onPacket: 5 }, /"onPacket": 5; it must be a function/],
		[{ requests: { a: 1 } }, /"requests": { a: 1 }; it must be an object of functions/],
		[{ onPacket() {}, async onPacketAsync() {} }, /both onPacket and onPacketAsync/],
	] as const) {
		await t.rejects(open(handlers as PluginHandlers), { name: 'TypeError', message });
	}
	await t.rejects(ScriptStage.open(definePlugin({ setup: () => Promise.reject(new Error('no database')) })), { message: 'no database' });
});

t.test('events come with names, and numbers are known by them', async (t) => {
	const events: LifecycleEvent[] = [];
	const ids: unknown[] = [];
	const { stage } = await open({ onEvent: (event) => void events.push(event), onPacket: (packet) => void ids.push([packet.producerId, packet.routerId]) });

	stage.tell({ type: 1, routerId: 'r', workerPid: 8 });
	stage.tell({ type: 7, attachment: 5, attachmentId: 'a', context: '{"room":1}', observe: true });
	stage.tell({ type: 9, transport: 2, transportId: 't', parameters: '{"type":"plain"}' });
	stage.tell({ type: 3, producer: 3, producerId: 'p', kind: 2, mimeType: 'video/VP8', clockRate: 90_000, ssrcs: [77], transport: 2, transportId: 't', parameters: '{"type":"simple"}' });
	stage.run([packetBytes()]);
	stage.tell({ type: 15, producer: 4, producerId: 'd', paused: true });
	stage.tell({ type: 11, consumer: 6, consumerId: 'c', producer: 3 });
	stage.tell({ type: 22, consumer: 7, producer: 4 });
	stage.tell({ type: 5, producer: 3, paused: true });
	stage.tell({ type: 4, producer: 3 });
	stage.tell({ type: 8, attachment: 5 });
	stage.run([packetBytes()]);
	stage.tell({ type: 2 });
	stage.tell({ type: 99 });

	t.same(ids, [['p', 'r'], [undefined, 'r']]);
	t.same(
		events.map(({ type }) => type),
		[
			...['routerOpened', 'attachmentAdded', 'transportCreated', 'producerCreated', 'dataProducerCreated', 'consumerCreated', 'dataConsumerResumed'],
			...['producerPaused', 'producerClosed', 'attachmentRemoved', 'routerClosed'],
		],
	);
	t.same(events[0], { at: 1, router: 9, routerId: 'r', type: 'routerOpened', workerPid: 8 });
	t.match(events[1], { attachment: 5, attachmentId: 'a', context: { room: 1 }, observe: true });
	t.match(events[2], { transport: 2, transportId: 't', parameters: { type: 'plain' } });
	t.match(events[3], { producer: 3, producerId: 'p', kind: 'video', mimeType: 'video/VP8', clockRate: 90_000, ssrcs: [77], transportId: 't', parameters: { type: 'simple' } });
	t.match(events[4], { dataProducer: 4, dataProducerId: 'd', paused: true });
	t.match(events[5], { consumer: 6, consumerId: 'c', producer: 3, producerId: 'p' });
	t.match(events[6], { dataConsumer: 7, dataProducer: 4, dataProducerId: 'd' });
	t.match(events[7], { producerId: 'p', mimeType: 'video/VP8', paused: true }, 'what is known is told again');
	t.match(events[8], { producerId: 'p' });
	t.match(events[9], { attachmentId: 'a', context: { room: 1 } });
});

t.test('requests go to their handler, what they throw to the app', async (t) => {
	const heard: unknown[] = [];
	const { stage } = await open({
		requests: {
			setLimit: (body: { n: number }) => ({ was: body.n }),
			bytes: async (body: Uint8Array) => body.slice(1),
			nothing() {},
			fail() {
				throw new RangeError('out of range');
			},
			circle() {
				return 1n;
			},
		},
		onRequest: async (method, body) => void heard.push(method, body),
	});

	stage.instance.message('setLimit', '{"n":5}', 1);
	stage.instance.message('bytes', Uint8Array.from([1, 2]), 2);
	stage.instance.message('nothing', undefined, 3);
	stage.instance.message('fail', undefined, 4);
	stage.instance.message('circle', undefined, 5);
	stage.instance.message('setLimit', '{', 6);
	stage.instance.message('toString', '1', 7);
	stage.instance.message('other', undefined, 0);
	stage.instance.message('fail', undefined, 0);
	await until('all answers', () => stage.fake.of('reply').length === 7);

	const replies = new Map(stage.fake.of('reply').map(([request, ...reply]) => [request, reply]));

	t.same([1, 2, 3, 4, 7].map((request) => replies.get(request)), [
		...[[false, '{"was":5}'], [false, Uint8Array.from([2])], [false, undefined], [true, 'out of range'], [false, undefined]],
	]);
	t.match(replies.get(5), [true, /^the answer to request "circle" is 1n; it must be something that JSON can express/]);
	t.match(replies.get(6), [true, /JSON/]);
	t.same(heard, ['toString', 1, 'other', undefined], 'what objects inherit is no handler');
	t.match(stage.fake.of('log'), [[3, /notification "fail" threw .*out of range/]], 'of a refused request the app hears');
});

t.test('a request that nobody handles fails, an answer without room waits, one too long fails', async (t) => {
	const { stage } = await open({ requests: { long: () => 'x'.repeat(50) } });
	const { fake } = stage;

	stage.instance.message('nobody', undefined, 1);
	await turn();
	t.same(fake.of('reply'), [[1, true, 'the plugin has no handler for "nobody"; it has long']]);
	fake.results['reply'] = 1;
	stage.instance.message('long', undefined, 2);
	await until('three attempts', () => fake.of('reply').length > 3);
	fake.results['reply'] = 3;
	await until('a refusal', () => fake.of('reply').some(([, , body]) => /52 bytes is too long/.test(String(body))));

	const attempts = fake.of('reply').length;

	await turn();
	t.equal(fake.of('reply').length, attempts);
});

t.test('calls reach the addon, and say what became of them by name', async (t) => {
	const { stage, context } = await open({});
	const { fake } = stage;
	const payload = Uint8Array.from([1]);
	const rtp = { router: 9, producer: 3, ssrc: 77, timestamp: 5, payloadType: 111, payload };

	t.equal(context.inject(rtp), 'ok');
	t.equal(context.inject({ ...rtp, cause: { cause: 7n } }), 'ok');
	t.same(fake.of('injectRtp'), [[rtp, false], [{ ...rtp, cause: 7n }, false]]);
	context.injectData({ router: 9, dataProducer: 4, message: 'hi' });
	context.injectData({ router: 9, consumers: [1], message: '', cause: 8n });
	context.injectData({ router: 9, message: payload });
	context.injectData({ router: 9, message: new Uint8Array(0) });
	context.injectData({ router: 9, message: payload, ppid: 60, subchannels: [2], requiredSubchannel: 2 });
	t.match(
		fake.of('injectData').map(([data]) => data),
		[{ dataProducer: 4, ppid: 51 }, { consumers: [1], ppid: 56, cause: 8n }, { ppid: 53 }, { ppid: 57 }, { ppid: 60, subchannels: [2], requiredSubchannel: 2 }],
	);
	context.requestKeyFrame({ router: 9, producer: 3 });
	context.requestKeyFrame({ router: 9, producer: 3, ssrc: 77 });
	context.subscribe({ router: 9, attachment: 5, producer: 3 });
	context.subscribe({ router: 9, attachment: 5, producer: 3 }, false);
	t.same([...fake.of('requestKeyFrame'), ...fake.of('subscribe')], [[9, 3, 0, false], [9, 3, 77, false], [9, 5, 3, true, false], [9, 5, 3, false, false]]);
	context.post('speech', { n: 1 });
	context.post('bytes', payload);
	context.post('nothing', undefined);
	t.same(fake.of('post'), [['speech', '{"n":1}'], ['bytes', payload], ['nothing', undefined]]);
	t.throws(() => context.post('', 1), { name: 'TypeError', message: /name is ""/ });
	t.throws(() => context.post('speech', 1n), { name: 'TypeError', message: /the body of "speech" is 1n/ });
	t.equal(context.snapshot(payload), 'ok');
	t.throws(() => context.snapshot({} as Uint8Array), TypeError);
	context.log.warn('careful');
	t.same(fake.of('log'), [[2, 'careful']]);

	['full', 'unknown', 'invalid', 'limited', 'malformed'].forEach((result, i) => {
		fake.results['injectRtp'] = i + 1;
		t.equal(context.inject(rtp), result);
	});
	stage.instance.close();
	fake.asked.length = 0;
	t.same([context.inject(rtp), context.post('a', 1), context.snapshot(payload)], ['unknown', 'unknown', 'unknown']);
	context.log.warn('careful');
	t.same(fake.asked, [], 'after close nothing is asked for');
});

t.test('whoever wants to know what the worker made of it is told, once', async (t) => {
	const { stage, context } = await open({});
	const results: unknown[] = [];
	const rtp = { router: 9, producer: 3, ssrc: 77, timestamp: 5, payloadType: 111, payload: new Uint8Array(1) };

	context.inject(rtp, (result) => results.push(['inject', result]));
	context.requestKeyFrame({ router: 9, producer: 3 }, (result) => results.push(['key frame', result]));
	context.inject(rtp, () => {
		throw new Error('in a callback');
	});
	t.equal(stage.fake.of('injectRtp')[0]![1], true);
	stage.instance.answer(2, 4, undefined);
	stage.instance.answer(1, 0, undefined);
	stage.instance.answer(1, 0, undefined);
	stage.instance.answer(3, 0, undefined);
	stage.instance.answer(99, 0, undefined);
	t.same(results, [['key frame', 'limited'], ['inject', 'ok']]);
	t.match(stage.fake.of('log'), [[3, /the callback of inject\(\) threw at .*in a callback/]]);
});

t.test('queries resolve, reject with what is wrong, wait for their turn and end with the plugin', async (t) => {
	const { stage, context } = await open({});
	const { fake, instance } = stage;
	const scores = context.query('scores', { router: 9, object: 3 });

	t.same(fake.of('query'), [[9, 4, 3]]);
	instance.answer(1, 0, '[{"score":9}]');
	t.same(await scores, [{ score: 9 }]);

	const refused = context.query('consumers', { router: 9, object: 4 });

	instance.answer(2, 2, 'there is no producer 4');
	await t.rejects(refused, { code: 'MPH_ERR_REQUEST_FAILED', message: 'query("consumers") of 4: there is no producer 4' });
	fake.results['query'] = 3;
	await t.rejects(context.query('scores', { router: 1, object: 4 }), { message: /invalid/ });
	await t.rejects(context.query('weather' as 'scores', { router: 1, object: 4 }), { name: 'TypeError', message: /"weather"; it must be one of rtpParameters/ });

	fake.results['query'] = 1;

	const waiting = context.query('senderReports', { router: 9, object: 3 });

	await until('three attempts', () => fake.of('query').length > 5);
	fake.results['query'] = 0;
	await until('it is taken', () => fake.of('query').length > 6);

	const unanswered = t.rejects(waiting, { code: 'MPH_ERR_CLOSED' });

	fake.results['query'] = 1;

	const unasked = t.rejects(context.query('scores', { router: 9, object: 3 }), { code: 'MPH_ERR_CLOSED' });

	instance.close();
	await unanswered;
	await unasked;
	await t.rejects(context.query('scores', { router: 9, object: 3 }), { code: 'MPH_ERR_CLOSED' });
});

t.test('drain resolves when it is worth trying again', async (t) => {
	const { stage, context } = await open({});
	let isDrained = false;

	await context.drain();
	stage.fake.results['post'] = 1;
	t.equal(context.post('a', 1), 'full');

	const drained = context.drain().then(() => (isDrained = true));

	t.equal(context.drain(), context.drain(), 'whoever waits, waits together');
	await turn();
	t.equal(isDrained, false);
	await drained;
	context.post('a', 1);

	const closing = context.drain();

	stage.instance.close();
	await closing;
});

t.test('counters are sums, handed on in their own time', async (t) => {
	const { stage, context } = await open({});
	const dropped = context.counter('dropped');

	for (let i = 0; i < 1_000; ++i) {
		dropped.add();
	}
	dropped.add(5);
	dropped.add(0);
	t.same(stage.fake.of('count'), [], 'not one call per packet');
	await until('the sum', () => stage.fake.counted('dropped') === 1_005);
	t.equal(stage.fake.of('count').length, 1);
	context.counter('dropped').add(2);
	stage.instance.close();
	t.equal(stage.fake.counted('dropped'), 1_007, 'the last ones at the end');
	t.throws(() => dropped.add(-1), RangeError);
	t.throws(() => dropped.add(0.5), RangeError);
	t.throws(() => context.counter(''), TypeError);
});

t.test('no handler throws past the instance', async (t) => {
	const fail = (): never => {
		throw new Error('failed');
	};
	const { stage } = await open({ onEvent: fail, onTick: async () => fail(), onRestore: fail, close: fail });

	stage.tell({ type: 1, routerId: 'r' });
	stage.instance.tick();
	stage.instance.restore(new Uint8Array(1));
	await turn();
	stage.instance.close();
	stage.instance.close();
	t.match(stage.fake.of('log').map(([, text]) => text), [/onEvent threw/, /onRestore threw/, /onTick threw/, /close threw/]);
	t.equal(stage.fake.counted('script.throws'), 4);
});

t.test('a place that throws again and again is logged once a second, with how often it was not', async (t) => {
	const logged: string[] = [];
	let now = 0;
	const errors = new ScriptErrors({ plugin: 'p', errorBudget: 1_000, throws: { add() {} }, log: (text) => logged.push(text), end: () => {}, now: () => now });
	const here = (): Error => new Error('here');

	for (now = 0; now < 1_000; now += 100) {
		errors.report('onPacket', here());
	}
	errors.report('onTick', here());
	t.equal(logged.length, 2, 'another handler is another place');
	now = 1_500;
	errors.report('onPacket', here());
	t.match(logged[2], /^plugin p: onPacket threw at .*script-instance\.test\.ts:\d+:\d+ \(and 9 times more since it was last logged\): Error: here/);

	for (const thrown of ['text', undefined, null, Object.create(null), Object.assign(new Error('x'), { stack: 5 })]) {
		errors.report('onPacket', thrown);
	}
	t.match(logged.slice(3), [/what is no Error: text/, /what is no Error: undefined/, /what is no Error: null/, /what cannot be shown/, /Error: x/]);
	t.match(sourceLine(here()), /script-instance\.test\.ts:\d+:\d+$/);
});

t.test('the thread ends when the error budget is used up within ten seconds, and is told so once', async (t) => {
	for (const errorBudget of [1, 3]) {
		const ended: string[] = [];
		let now = 0;
		const errors = new ScriptErrors({ plugin: 'p', errorBudget, throws: { add() {} }, log: () => {}, end: (reason) => ended.push(reason), now: () => now });

		for (let i = 0; i < 10 && errorBudget > 1; ++i) {
			errors.report('onPacket', new Error('slow'));
			now += 5_000;
		}
		t.same(ended, [], 'two in ten seconds are not three');
		now += 20_000;

		for (let i = 0; i < errorBudget - 1; ++i) {
			errors.report('onPacket', new Error('quick'));
		}
		t.same(ended, []);
		errors.report('onPacket', new Error('quick'));
		errors.report('onPacket', new Error('quick'));
		t.match(ended, [new RegExp(`^plugin p: ${errorBudget} errors within 10 s \\(errorBudget\\), the last one: onPacket at .*: Error: quick`)]);
	}

	const { stage } = await open({ onPacket: () => Promise.reject(new Error('no')) as never }, { errorBudget: 2 });

	t.same(stage.run([packetBytes()]), [5]);
	t.same(stage.fake.of('endThread'), []);
	stage.run([packetBytes()]);
	t.match(stage.fake.of('endThread'), [[/throttle: 2 errors/]]);
});
