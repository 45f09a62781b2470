// The library with the real worker and the real native host: adoption, attaching, closing, and what happens when somebody dies.

import { existsSync } from 'node:fs';

import * as mediasoup from 'mediasoup';
import type { types } from 'mediasoup';
import type { Test } from 'tap';
import t from 'tap';

import type { Attachment, CodedError, HostCrash, HostQuarantine, HostRecovery, Plugin, PluginHost, PluginHostOptions } from '../../src/index.ts';
import { createPluginHost } from '../../src/index.ts';
import { fixturePlugin } from '../helpers/binaries.ts';
import { isGapless, mediaCodecs, openCall } from '../helpers/call.ts';
import { nextEvent } from '../helpers/events.ts';
import { isAlive } from '../helpers/processes.ts';
import { until } from '../helpers/until.ts';

type Stage = { readonly pluginHost: PluginHost; readonly worker: types.Worker; readonly router: types.Router };

/** A plugin host of its own for each test, which is closed after it along with its workers. */
async function open(t: Test, options: Partial<PluginHostOptions> = {}): Promise<PluginHost> {
	const pluginHost = await createPluginHost({ mediasoup, ...options });

	t.teardown(() => pluginHost.close());

	return pluginHost;
}

async function createWorker(t: Test, workerBin: string): Promise<types.Worker> {
	const worker = await mediasoup.createWorker({ workerBin });

	t.teardown(() => worker.close());

	return worker;
}

async function stage(t: Test, options: Partial<PluginHostOptions> = {}): Promise<Stage> {
	const pluginHost = await open(t, options);
	const worker = await createWorker(t, pluginHost.workerBin);

	return { pluginHost, worker, router: await worker.createRouter({ mediaCodecs }) };
}

/** The names of the events in the order in which they come. */
function record(attachment: Attachment): string[] {
	const events: string[] = [];

	for (const event of ['routerclose', 'producerclose', 'workerclose', 'pluginclose', 'absent', 'active'] as const) {
		attachment.on(event, () => events.push(event));
	}
	attachment.observer.on('close', () => events.push('observer close'));

	return events;
}

t.test('a worker is adopted by itself, and one host serves all of them', async (t) => {
	const { pluginHost, worker, router } = await stage(t);
	const plugin = await pluginHost.createPlugin({ file: fixturePlugin('accept-all') });
	const adopted = nextEvent<types.Worker>(pluginHost, 'workeradopted');
	const later = await createWorker(t, pluginHost.workerBin);

	t.equal(await adopted, later);
	await plugin.attach({ router, mode: 'filter' });
	await plugin.attach({ router: await later.createRouter({ mediaCodecs }), mode: 'filter' });

	const { host, workers, attachments } = await plugin.getStats();

	t.match(host, { pid: Number, rssBytes: Number, starts: 1, deaths: 0 });
	t.same(workers.map(({ workerPid, connected }) => ({ workerPid, connected })), [
		{ workerPid: worker.pid, connected: true },
		{ workerPid: later.pid, connected: true },
	]);
	t.same(attachments.map(({ active }) => active), [true, true]);
	t.match(await pluginHost.dump(), { workerPids: [worker.pid, later.pid], pluginIds: [plugin.id] });
});

t.test('a plugin knows itself, an attachment too', async (t) => {
	const { pluginHost, router } = await stage(t);
	const plugin = await pluginHost.createPlugin<{ n: number }, { who: string }>({
		file: fixturePlugin('drop-every-nth'),
		config: { n: 3 },
		appData: { who: 'me' },
	});
	const attachment = await plugin.attach({
		...{ router, kinds: ['audio'], mode: 'filter', order: 7, deadlineMs: 2.5, onAbsent: 'drop' },
		...{ context: { room: '42' }, appData: { answer: 42 } },
	});

	t.match(await plugin.dump(), { name: 'drop-every-nth', abiVersion: 3, hostState: 'running', hostPid: plugin.hostPid, attachmentIds: [attachment.id] });
	t.equal(plugin.config.n, 3);
	t.equal(plugin.appData.who, 'me');
	t.equal(attachment.appData.answer, 42);
	t.match(await attachment.dump(), {
		...{ pluginId: plugin.id, routerId: router.id, kinds: ['audio'], mode: 'filter', order: 7, deadlineMs: 2.5 },
		...{ onTimeout: 'accept', onAbsent: 'drop', context: { room: '42' }, active: true, paused: false, closed: false },
	});
});

t.test('an attachment to a producer leaves the others alone, and finds its router by itself', async (t) => {
	const { pluginHost, router } = await stage(t);
	const plugin = await pluginHost.createPlugin({ file: fixturePlugin('accept-all') });
	const [call, other] = [await openCall(router), await openCall(router)];

	t.teardown(() => (call.close(), other.close()));

	const attachment = await plugin.attach({ producerId: call.producer.id, mode: 'filter', deadlineMs: 5_000 });

	t.equal(attachment.routerId, router.id);
	await call.sendRange(1, 50);
	await other.sendRange(1, 50);
	await until('both calls', () => call.received.length === 50 && other.received.length === 50);
	t.match(await attachment.getStats(), { accepted: 50, holdMicros: { count: 50 } });
});

t.test('a piped producer is in two routers, and the one that is meant must be named', async (t) => {
	const { pluginHost, router } = await stage(t);
	const second = await (await createWorker(t, pluginHost.workerBin)).createRouter({ mediaCodecs });
	const plugin = await pluginHost.createPlugin({ file: fixturePlugin('accept-all') });
	const call = await openCall(router);
	const producerId = call.producer.id;

	t.teardown(() => call.close());
	await router.pipeToRouter({ producerId, router: second });
	await t.rejects(plugin.attach({ producerId }), { code: 'MPH_ERR_OPTION_VALUE', message: /piped.*name the one that is meant/ });
	t.equal((await plugin.attach({ producerId, router: second, pipe: true })).routerId, second.id);
});

t.test('what is paused passes packets by, and resumes', async (t) => {
	const { pluginHost, router } = await stage(t);
	const plugin = await pluginHost.createPlugin({ file: fixturePlugin('drop-all') });
	const attachment = await plugin.attach({ router, mode: 'filter', deadlineMs: 5_000 });
	const observed: string[] = [];
	const call = await openCall(router);

	t.teardown(() => call.close());
	attachment.observer.on('pause', () => observed.push('pause'));
	attachment.observer.on('resume', () => observed.push('resume'));

	await call.sendRange(1, 10);
	await until('10 drops', async () => (await attachment.getStats()).dropped === 10);
	await attachment.pause();
	await attachment.pause();
	t.ok(attachment.paused);
	await call.sendRange(11, 20);
	await until('10 packets', () => call.received.length === 10);
	await attachment.resume();
	t.notOk(attachment.paused);
	await call.sendRange(21, 30);
	await until('20 drops', async () => (await attachment.getStats()).dropped === 20);
	t.same(observed, ['pause', 'resume']);
	t.ok(isGapless(call.received));
});

t.test('what an attachment holds when it is closed is accepted', async (t) => {
	const { pluginHost, router } = await stage(t);
	const plugin = await pluginHost.createPlugin({ file: fixturePlugin('hang') });
	const attachment = await plugin.attach({ router, mode: 'filter', deadlineMs: 10_000, onTimeout: 'drop' });
	const call = await openCall(router);

	t.teardown(() => call.close());
	await call.sendRange(1, 20);
	await until('20 held', async () => (await attachment.getStats()).held === 20);
	attachment.close();
	t.ok(attachment.closed);
	await until('20 packets', () => call.received.length === 20);
	t.same((await plugin.dump()).attachmentIds, []);
	attachment.close();
});

t.test('closing goes down the tree, at once, and each child says who closed it', async (t) => {
	const { pluginHost, worker, router } = await stage(t);
	const plugin = await pluginHost.createPlugin({ file: fixturePlugin('accept-all') });
	const other = await pluginHost.createPlugin({ file: fixturePlugin('accept-all') });
	const call = await openCall(router);
	const second = await worker.createRouter({ mediaCodecs });
	const [ofProducer, ofRouter, ofPlugin, ofWorker] = [
		await plugin.attach({ producerId: call.producer.id }),
		await plugin.attach({ router }),
		await other.attach({ router: second }),
		await plugin.attach({ router: second }),
	];
	const events = [ofProducer, ofRouter, ofPlugin, ofWorker].map(record);

	call.close();
	t.same(events, [['producerclose', 'observer close'], [], [], []]);
	router.close();
	t.same(events[1], ['routerclose', 'observer close']);
	other.close();
	t.same(events[2], ['pluginclose', 'observer close']);
	worker.close();
	t.same(events[3], ['workerclose', 'observer close']);
	t.ok([ofProducer, ofRouter, ofPlugin, ofWorker].every(({ closed, active }) => closed && !active));
	t.notOk(plugin.closed, 'a plugin survives its worker');
});

t.test('ring sizes can be set per router', async (t) => {
	const { pluginHost, router } = await stage(t);
	const plugin = await pluginHost.createPlugin({ file: fixturePlugin('accept-all') });

	await pluginHost.configureRouter(router, { packetRingSize: 4_194_304, verdictRingSize: 524_288 });
	await plugin.attach({ router });
	t.match((await plugin.getStats()).rings, [{ routerId: router.id, packetRingSize: 4_194_304, verdictRingSize: 524_288, epoch: 1 }]);
});

t.test('a host that is killed while it holds packets is replaced, and calls go on', async (t) => {
	const { pluginHost, router } = await stage(t);
	const plugin = await pluginHost.createPlugin({ file: fixturePlugin('pending'), config: { delayMs: 10_000 } });
	const attachment = await plugin.attach({ router, mode: 'filter', deadlineMs: 10_000, onAbsent: 'accept' });
	const events = record(attachment);
	const call = await openCall(router);
	const crash = nextEvent<HostCrash>(plugin, 'crash');
	const recovered = nextEvent<HostRecovery>(plugin, 'recovered');
	const { hostPid } = plugin;

	t.teardown(() => call.close());
	await call.sendRange(1, 30);
	await until('30 held', async () => (await attachment.getStats()).held === 30);
	process.kill(hostPid!, 'SIGKILL');

	t.match(await crash, { pid: hostPid, signal: 'SIGKILL', code: null, held: 30 });
	t.match(await recovered, { pid: plugin.hostPid, downMs: Number });
	t.not(plugin.hostPid, hostPid);
	t.same(events, ['absent', 'active']);
	await until('30 packets', () => call.received.length === 30);
	t.match(await attachment.getStats(), { absentAccepted: 30, active: true });
	t.match((await plugin.getStats()).workers, [{ disconnects: 1, heldAtLastDisconnect: 30, connected: true }]);
});

t.test('after many kills in a row every router of every worker is served again', async (t) => {
	const { pluginHost, router } = await stage(t);
	const second = await (await createWorker(t, pluginHost.workerBin)).createRouter({ mediaCodecs });
	const plugin = await pluginHost.createPlugin({ file: fixturePlugin('accept-all') });
	const attachments = [
		await plugin.attach({ router, mode: 'filter', deadlineMs: 5_000 }),
		await plugin.attach({ router: second, mode: 'filter', deadlineMs: 5_000 }),
	];
	const calls = [await openCall(router), await openCall(second)];

	t.teardown(() => calls.forEach((call) => call.close()));

	for (let kills = 0; kills < 10; kills++) {
		const recovered = nextEvent(plugin, 'recovered');

		process.kill(plugin.hostPid!, 'SIGKILL');
		await recovered;
		t.ok(attachments.every(({ active }) => active));
	}
	for (const [index, call] of calls.entries()) {
		await call.sendRange(1, 20);
		await until('20 packets', () => call.received.length === 20);
		t.match(await attachments[index]!.getStats(), { accepted: 20 });
	}
	t.match((await plugin.getStats()).host, { starts: 11, deaths: 10 });
});

t.test('a plugin that crashes on every first packet is quarantined, and its policy applies', async (t) => {
	const { pluginHost, router } = await stage(t);
	const plugin = await pluginHost.createPlugin({ file: fixturePlugin('crash-on-nth'), config: { packet: 1 }, crashBudget: 3 });
	const attachment = await plugin.attach({ router, mode: 'filter', deadlineMs: 5_000, onAbsent: 'accept' });
	const call = await openCall(router);
	const quarantine = nextEvent<HostQuarantine>(plugin, 'quarantine');
	let sent = 0;

	t.teardown(() => call.close());
	while (!plugin.quarantined) {
		await call.send(++sent);
		await until('the packet, and a host or none for good', () => call.received.length === sent && (attachment.active || plugin.quarantined));
	}
	t.match(await quarantine, { error: { code: 'MPH_ERR_QUARANTINED', message: /died 3 times in a row without doing any work/ } });
	t.equal(plugin.hostPid, undefined);
	await t.rejects(plugin.attach({ router }), { code: 'MPH_ERR_QUARANTINED' });

	await call.sendRange(sent + 1, sent + 20);
	await until('20 more packets', () => call.received.length === sent + 20);
	t.notOk(attachment.closed);
	t.notOk(attachment.active);
	t.ok(isGapless(call.received));
});

t.test('a worker that is killed takes its attachments along and nothing else', async (t) => {
	const { pluginHost, worker, router } = await stage(t);
	const plugin = await pluginHost.createPlugin({ file: fixturePlugin('accept-all') });
	const attachment = await plugin.attach({ router });
	const events = record(attachment);
	const { hostPid } = plugin;
	const closed = nextEvent(attachment, 'workerclose');

	process.kill(worker.pid, 'SIGKILL');
	await closed;
	t.same(events, ['workerclose', 'observer close']);

	const next = await createWorker(t, pluginHost.workerBin);

	await plugin.attach({ router: await next.createRouter({ mediaCodecs }) });
	t.equal(plugin.hostPid, hostPid, 'the host lives on');
	t.match(await pluginHost.dump(), { workerPids: [next.pid] });
});

t.test('closing a plugin ends its host and accepts what was held, though its policy says drop', async (t) => {
	const { pluginHost, router } = await stage(t);
	const plugin = await pluginHost.createPlugin({ file: fixturePlugin('pending'), config: { delayMs: 10_000 } });
	const attachment = await plugin.attach({ router, mode: 'filter', deadlineMs: 10_000, onAbsent: 'drop', onTimeout: 'drop' });
	const call = await openCall(router);
	const { hostPid } = plugin;

	t.teardown(() => call.close());
	await call.sendRange(1, 20);
	await until('20 held', async () => (await attachment.getStats()).held === 20);
	plugin.close();
	t.ok(plugin.closed);
	t.ok(attachment.closed);
	await until('20 packets', () => call.received.length === 20);
	await until('the end of the host', () => !isAlive(hostPid!));
	t.same((await pluginHost.dump()).pluginIds, []);
});

t.test('closing the plugin host leaves workers that go on without it, and nothing else', async (t) => {
	const inherited = process.env['MEDIASOUP_PLUGIN_HOST_DIR'];
	const { pluginHost, worker, router } = await stage(t);
	const plugin = await pluginHost.createPlugin({ file: fixturePlugin('drop-all') });
	const attachment = await plugin.attach({ router, mode: 'filter', deadlineMs: 5_000, onAbsent: 'drop' });
	const { dir } = await pluginHost.dump();
	const { hostPid } = plugin;
	const call = await openCall(router);
	const observed = nextEvent(pluginHost.observer, 'close');

	t.teardown(() => call.close());
	t.ok(existsSync(dir));
	t.equal(process.env['MEDIASOUP_PLUGIN_HOST_DIR'], dir);
	pluginHost.close();
	await observed;
	t.ok(pluginHost.closed && plugin.closed && attachment.closed);
	t.notOk(existsSync(dir));
	t.equal(process.env['MEDIASOUP_PLUGIN_HOST_DIR'], inherited);
	await until('the end of the host', () => !isAlive(hostPid!));
	await until('a packet that nobody drops', async () => (await call.send(call.received.length + 1), call.received.length >= 5));
	t.notOk(worker.closed);
	pluginHost.close();

	// And a new one may be opened.
	(await open(t)).close();
});

t.test('a worker whose version is another one is refused, and goes on as stock', async (t) => {
	const pluginHost = await open(t, { mediasoup: { ...mediasoup, version: '3.99.0' } });
	const refused = new Promise<[types.Worker, CodedError]>((resolve) => pluginHost.once('workerrefused', (...args) => resolve(args)));
	const worker = await createWorker(t, pluginHost.workerBin);
	const router = await worker.createRouter({ mediaCodecs });
	const plugin = await pluginHost.createPlugin({ file: fixturePlugin('accept-all') });
	const [refusedWorker, error] = await refused;
	const call = await openCall(router);

	t.teardown(() => call.close());
	t.equal(refusedWorker, worker);
	t.match(error, { name: 'UnsupportedError', code: 'MPH_ERR_VERSION_MISMATCH', message: /built from mediasoup 3\.27\.1, and the mediasoup module is 3\.99\.0/ });
	await t.rejects(plugin.attach({ router }), { code: 'MPH_ERR_VERSION_MISMATCH' });
	await call.sendRange(1, 20);
	await until('20 packets', () => call.received.length === 20);
});

t.test('listeners that throw harm nobody', async (t) => {
	const errors: string[] = [];
	const { pluginHost, router } = await stage(t, { logger: { error: (message) => errors.push(message) } });
	const plugin = await pluginHost.createPlugin({ file: fixturePlugin('accept-all') });
	const attachment = await plugin.attach({ router });
	const recovered = nextEvent(plugin, 'recovered');

	plugin.on('crash', () => {
		throw new Error('in crash');
	});
	attachment.on('absent', () => {
		throw new Error('in absent');
	});
	process.kill(plugin.hostPid!, 'SIGKILL');
	await recovered;
	await attachment.getStats();
	t.match(errors.sort(), [/listener for "absent" of attachment .* threw: Error: in absent/, /listener for "crash" of plugin accept-all threw: Error: in crash/]);
});

t.test('stats of all there is', async (t) => {
	const { pluginHost, worker, router } = await stage(t);
	const plugin: Plugin = await pluginHost.createPlugin({ file: fixturePlugin('accept-all') });
	const call = await openCall(router);

	t.teardown(() => call.close());
	await plugin.attach({ router, mode: 'filter', deadlineMs: 5_000 });
	await plugin.attach({ router, mode: 'observe', order: 1 });
	await call.sendRange(1, 100);
	await until('100 packets', () => call.received.length === 100);

	const { workers, plugins } = await pluginHost.getStats();
	const { attachments, rings, instances, holdMicros } = plugins.get(plugin.id)!;
	const [filter, observer] = attachments.toSorted((a, b) => b.accepted - a.accepted);

	t.match(workers, [{ workerPid: worker.pid, tapped: 100, applyErrors: 0 }]);
	t.match(filter, { accepted: 100, held: 0, workerPid: worker.pid, routerId: router.id });
	t.match(observer, { observed: 100, accepted: 0 });
	t.match(rings, [{ workerPid: worker.pid, routerId: router.id, published: Number, epoch: 1 }]);
	t.match(instances, [{ workerPid: worker.pid, packets: Number, verdicts: 100 }]);
	t.equal(holdMicros.count, 100);
	t.ok(0 < holdMicros.p50 && holdMicros.p50 <= holdMicros.p90 && holdMicros.p90 <= holdMicros.p99 && holdMicros.p99 <= holdMicros.max);
});
