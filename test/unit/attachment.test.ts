// What goes over the wire, and what the library makes of what the worker says about an attachment.

import t from 'tap';

import { AttachmentState, Body, Copy, ErrorCode, HostPhase, Mode, Policy } from '../../src/generated/control.js';
import { nextEvent } from '../helpers/events.ts';
import { eventsOf, stage } from '../helpers/stage.ts';
import { attachmentStateChanged, failure, hostStateChanged, ok, readAttach, readDetach, readPauseAttachment } from '../helpers/worker-messages.ts';
import { until } from '../helpers/until.ts';

t.test('every option reaches the worker', async (t) => {
	const { plugin, worker, router } = await stage(t);
	const attachment = await plugin.attach({
		...{ router, kinds: ['video'], dataProducers: true, pipe: true, mode: 'filter', order: -7, deadlineMs: 0.25 },
		...{ onTimeout: 'drop', onAbsent: 'accept', onOverflow: 'drop', onError: 'accept', context: { room: 42 }, copy: 'meta', keyFramesOnly: true },
		...{ spatialLayers: [0, 2], temporalLayers: [7], every: 3, subscribe: true },
	});
	const sent = readAttach(worker.requestsOf(Body.Attach)[0]!);

	t.equal(sent.attachmentId(), attachment.id);
	t.equal(sent.member(), plugin.id);
	t.equal(sent.routerId(), 'router-1');
	t.same([sent.targeted(), sent.producerIdsLength(), sent.dataProducerIdsLength()], [false, 0, 0]);
	t.same([sent.audio(), sent.video(), sent.data(), sent.pipe()], [false, true, true, true]);
	t.same([sent.mode(), sent.order(), sent.deadlineUs()], [Mode.Filter, -7, 250]);
	t.same([sent.onTimeout(), sent.onAbsent(), sent.onOverflow(), sent.onError()], [Policy.Drop, Policy.Accept, Policy.Drop, Policy.Accept]);
	t.same([sent.copy(), sent.keyFramesOnly(), sent.spatialLayers(), sent.temporalLayers()], [Copy.Meta, true, 0b101, 0b1000_0000]);
	t.same([sent.everyNth(), sent.audioLevel(), sent.subscribe(), sent.wholeFrames()], [3, 0, true, true]);
	t.equal(sent.context(), '{"room":42}');
});

t.test('what is left out reaches the worker as the defaults say', async (t) => {
	const { plugin, worker, router } = await stage(t);

	await plugin.attach({ router });

	const sent = readAttach(worker.requestsOf(Body.Attach)[0]!);

	t.same([sent.targeted(), sent.producerIdsLength(), sent.dataProducerIdsLength(), sent.keepWithoutTargets()], [false, 0, 0, false]);
	t.same([sent.audio(), sent.video(), sent.data(), sent.pipe()], [true, true, false, false]);
	t.same([sent.mode(), sent.order(), sent.deadlineUs()], [Mode.Observe, 0, 10_000]);
	t.same([sent.onTimeout(), sent.onAbsent(), sent.onOverflow(), sent.onError()], Array<Policy>(4).fill(Policy.Accept));
	t.same([sent.copy(), sent.keyFramesOnly(), sent.spatialLayers(), sent.temporalLayers()], [Copy.Full, false, 0, 0]);
	t.same([sent.everyNth(), sent.audioLevel(), sent.subscribe(), sent.wholeFrames()], [1, 0, false, false]);
	t.equal(sent.context(), '{}');
});

t.test('no option is taken for another one', async (t) => {
	const { plugin, worker, router } = await stage(t);

	for (const name of ['onTimeout', 'onAbsent', 'onOverflow', 'onError'] as const) {
		await plugin.attach({ router, mode: 'filter', [name]: 'drop' });

		const sent = readAttach(worker.requestsOf(Body.Attach).at(-1)!);
		const policies = { onTimeout: sent.onTimeout(), onAbsent: sent.onAbsent(), onOverflow: sent.onOverflow(), onError: sent.onError() };

		t.same(policies, { onTimeout: Policy.Accept, onAbsent: Policy.Accept, onOverflow: Policy.Accept, onError: Policy.Accept, [name]: Policy.Drop });
	}
	for (const name of ['keyFramesOnly', 'subscribe', 'wholeFrames', 'pipe'] as const) {
		await plugin.attach({ router, mode: 'filter', wholeFrames: false, [name]: true });

		const sent = readAttach(worker.requestsOf(Body.Attach).at(-1)!);
		const flags = { keyFramesOnly: sent.keyFramesOnly(), subscribe: sent.subscribe(), wholeFrames: sent.wholeFrames(), pipe: sent.pipe() };

		t.same(flags, { keyFramesOnly: false, subscribe: false, wholeFrames: false, pipe: false, [name]: true });
	}
});

t.test('a level of sound is negative here and positive there', async (t) => {
	const { plugin, worker, router } = await stage(t);

	await plugin.attach({ router, audioLevel: -50 });
	t.equal(readAttach(worker.requestsOf(Body.Attach)[0]!).audioLevel(), 50);
});

t.test('divert reaches the worker as such', async (t) => {
	const { plugin, worker, router } = await stage(t);

	await plugin.attach({ router, mode: 'divert', onAbsent: 'accept', onOverflow: 'drop' });

	const sent = readAttach(worker.requestsOf(Body.Attach)[0]!);

	t.same([sent.mode(), sent.onAbsent(), sent.onOverflow(), sent.wholeFrames()], [Mode.Divert, Policy.Accept, Policy.Drop, false]);
});

t.test("attach() resolves with the worker's word that it is active, not with its answer", async (t) => {
	const { plugin, worker, router } = await stage(t, { answers: { [Body.Attach]: ({ id }) => ok(id) } });
	const requested = nextEvent(worker.events, 'request');
	let resolved = false;
	const attaching = plugin.attach({ router }).then((attachment) => ((resolved = true), attachment));

	await requested;
	await until('the request', () => worker.requestsOf(Body.Attach).length === 1);
	t.notOk(resolved);
	worker.say(attachmentStateChanged(readAttach(worker.requestsOf(Body.Attach)[0]!).attachmentId()!, AttachmentState.Active));
	t.ok((await attaching).active);
});

t.test("absent and active follow the worker's word, and each is told once", async (t) => {
	const { plugin, worker, router } = await stage(t);
	const attachment = await plugin.attach({ router });
	const events = eventsOf(attachment);

	for (const state of [AttachmentState.Absent, AttachmentState.Absent, AttachmentState.Active, AttachmentState.Active]) {
		worker.say(attachmentStateChanged(attachment.id, state));
	}
	await until('both', () => events.length >= 2);
	t.same(events, ['absent', 'active']);
	t.ok(attachment.active);
});

t.test('what the worker closes is closed', async (t) => {
	const { plugin, worker, router } = await stage(t);

	router.produce('producer-1');
	router.produceData('data-1');

	const attachments = [
		await plugin.attach({ router }),
		await plugin.attach({ producerId: 'producer-1' }),
		await plugin.attach({ dataProducerId: 'data-1', onAbsent: 'accept', onOverflow: 'accept' }),
	];
	const events = attachments.map(eventsOf);

	for (const [index, state] of [AttachmentState.RouterClosed, AttachmentState.ProducerClosed, AttachmentState.ProducerClosed].entries()) {
		worker.say(attachmentStateChanged(attachments[index]!.id, state));
	}
	await until('all', () => attachments.every(({ closed }) => closed));
	t.same(events, [['routerclose'], ['producerclose'], ['dataproducerclose']]);
	t.same(worker.requestsOf(Body.Detach), [], 'the worker need not be told what it said');
});

t.test('a state that this version does not know is logged and nothing else', async (t) => {
	const { plugin, worker, router, log } = await stage(t);
	const attachment = await plugin.attach({ router });

	worker.say(attachmentStateChanged(attachment.id, 99 as AttachmentState));
	await until('a line', () => log.length > 0);
	t.match(log, [/unknown state 99/]);
	t.notOk(attachment.closed);
});

t.test('close() detaches it, once', async (t) => {
	const { plugin, worker, router } = await stage(t);
	const attachment = await plugin.attach({ router });

	attachment.close();
	attachment.close();
	await until('the request', () => worker.requestsOf(Body.Detach).length > 0);
	t.same(worker.requestsOf(Body.Detach).map((request) => readDetach(request).attachmentId()), [attachment.id]);
	await t.rejects(attachment.pause(), { code: 'MPH_ERR_CLOSED' });
	await t.rejects(attachment.resume(), { code: 'MPH_ERR_CLOSED' });
	await t.rejects(attachment.getStats(), { code: 'MPH_ERR_CLOSED' });
	t.match(await attachment.dump(), { closed: true });
});

t.test('one that is given up is detached in the worker', async (t) => {
	const { plugin, worker, router } = await stage(t, { answers: { [Body.Attach]: ({ id }) => ok(id) }, timeoutMs: 5_000 });

	await t.rejects(plugin.attach({ router }), { code: 'MPH_ERR_TIMEOUT', message: /the host of stand-in is running/ });
	await until('the request', () => worker.requestsOf(Body.Detach).length === 1);
	t.same((await plugin.dump()).attachmentIds, []);
});

t.test('one that the worker refuses is no more', async (t) => {
	const { plugin, router } = await stage(t, { answers: { [Body.Attach]: ({ id }) => failure(id, ErrorCode.Malformed, 'mode is 9') } });

	await t.rejects(plugin.attach({ router }), { name: 'WorkerRefusedError', code: 'MPH_ERR_WORKER_REFUSED', message: /refused Attach: mode is 9/ });
	t.same((await plugin.dump()).attachmentIds, []);
});

t.test('it is paused when the worker says so, and observers hear of a change only', async (t) => {
	const { plugin, worker, router } = await stage(t);
	const attachment = await plugin.attach({ router });
	const events: string[] = [];

	attachment.observer.on('pause', () => events.push('pause'));
	attachment.observer.on('resume', () => events.push('resume'));
	await attachment.resume();
	await attachment.pause();
	await attachment.pause();
	await attachment.resume();
	t.same(worker.requestsOf(Body.PauseAttachment).map((request) => readPauseAttachment(request).paused()), [false, true, true, false]);
	t.same(events, ['pause', 'resume']);
});

t.test('an attachment that ended in the worker cannot be paused', async (t) => {
	const { plugin, router } = await stage(t, { answers: { [Body.PauseAttachment]: ({ id }) => failure(id, ErrorCode.NotFound, 'there is no attachment a') } });
	const attachment = await plugin.attach({ router });

	await t.rejects(attachment.pause(), { name: 'InvalidStateError', code: 'MPH_ERR_CLOSED' });
	t.notOk(attachment.paused);
});

t.test('when the host goes, all are absent at once, and recovered when the last one is active', async (t) => {
	const { plugin, worker, router } = await stage(t);
	const attachments = [await plugin.attach({ router }), await plugin.attach({ router })];
	const down = nextEvent(attachments[1]!, 'absent');
	let recovered = false;

	plugin.on('recovered', () => (recovered = true));
	worker.say(hostStateChanged(plugin.id, plugin.hostPid!, HostPhase.Gone, 'too many strikes', 3));
	await down;
	t.notOk(attachments.some(({ active }) => active));

	const next = nextEvent(plugin, 'recovered');
	const { starts } = (await plugin.getStats()).host;

	t.equal(starts, 2);
	worker.say(attachmentStateChanged(attachments[0]!.id, AttachmentState.Active));
	await until('the first one', () => attachments[0]!.active);
	t.notOk(recovered);
	worker.say(attachmentStateChanged(attachments[1]!.id, AttachmentState.Active));
	t.match(await next, { pid: plugin.hostPid });
});
