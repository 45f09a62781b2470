// Targets that come and go while the attachment stays.

import t from 'tap';

import type { AttachOptions } from '../../src/types.ts';
import { AttachmentState, Body, ErrorCode } from '../../src/generated/control.js';
import { eventsOf, stage } from '../helpers/stage.ts';
import type { StandInProducer } from '../helpers/stand-in-worker.ts';
import { until } from '../helpers/until.ts';
import { attachmentStateChanged, failure, ok, readAddTarget, readAttach, readRemoveTarget } from '../helpers/worker-messages.ts';

const chosen = { onAbsent: 'accept', onOverflow: 'accept' } as const;

t.test('one producer is the only target, and the attachment ends with it', async (t) => {
	const { plugin, worker, router } = await stage(t);
	const producer = router.produce('producer-1');
	const attachment = await plugin.attach({ producerId: 'producer-1' });
	const events = eventsOf(attachment);
	const sent = readAttach(worker.requestsOf(Body.Attach)[0]!);

	t.equal(sent.routerId(), 'router-1');
	t.same([sent.targeted(), sent.keepWithoutTargets(), sent.producerIdsLength(), sent.producerIds(0), sent.dataProducerIdsLength()], [true, false, 1, 'producer-1', 0]);
	t.same([sent.audio(), sent.video(), sent.data(), sent.pipe()], [true, true, true, true], 'it is meant whatever it is');
	t.same([attachment.producerIds, attachment.dataProducerIds], [['producer-1'], []]);
	producer.close();
	t.same(events, ['producerclose'], 'in the same turn');
	t.ok(attachment.closed);
});

t.test('one data producer is the only target, and the attachment ends with it', async (t) => {
	const { plugin, worker, router } = await stage(t);
	const dataProducer = router.produceData('data-1');
	const attachment = await plugin.attach({ dataProducerId: 'data-1', ...chosen });
	const events = eventsOf(attachment);
	const sent = readAttach(worker.requestsOf(Body.Attach)[0]!);

	t.same([sent.targeted(), sent.keepWithoutTargets(), sent.producerIdsLength(), sent.dataProducerIdsLength(), sent.dataProducerIds(0)], [true, false, 0, 1, 'data-1']);
	dataProducer.close();
	t.same(events, ['dataproducerclose']);
	t.ok(attachment.closed);
});

t.test('an attachment to lists outlives all that they name', async (t) => {
	const { plugin, worker, router } = await stage(t);
	const closing = [router.produce('producer-1'), router.produce('producer-2'), router.produceData('data-1')];
	const attachment = await plugin.attach({ producerIds: ['producer-1', 'producer-2'], dataProducerIds: ['data-1'], ...chosen });
	const events = eventsOf(attachment);
	const sent = readAttach(worker.requestsOf(Body.Attach)[0]!);

	t.same([sent.targeted(), sent.keepWithoutTargets()], [true, true]);
	t.same([sent.producerIds(0), sent.producerIds(1), sent.dataProducerIds(0)], ['producer-1', 'producer-2', 'data-1']);
	t.match(await attachment.dump(), { producerIds: ['producer-1', 'producer-2'], dataProducerIds: ['data-1'] });
	closing.forEach((producer) => producer.close());
	t.same([attachment.producerIds, attachment.dataProducerIds], [[], []]);
	t.notOk(attachment.closed);
	t.same(events, []);
	router.close();
	t.same(events, ['routerclose']);
});

t.test('an attachment to a router has no targets, and none can be added or removed', async (t) => {
	const { plugin, worker, router } = await stage(t);

	router.produce('producer-1');

	const attachment = await plugin.attach({ router });

	t.same([attachment.producerIds, attachment.dataProducerIds], [undefined, undefined]);
	for (const change of [() => attachment.addProducer('producer-1'), () => attachment.removeProducer('producer-1'), () => attachment.removeDataProducer('d')]) {
		await t.rejects(change(), { name: 'InvalidStateError', code: 'MPH_ERR_NOT_TARGETED', message: /attachment .* is to router router-1 as a whole/ });
	}
	t.same([worker.requestsOf(Body.AddTarget), worker.requestsOf(Body.RemoveTarget)], [[], []]);
});

t.test('targets are added and removed by id or object, when the worker says so', async (t) => {
	const { plugin, worker, router } = await stage(t);
	const producer = router.produce('producer-1');

	router.produceData('data-1');

	const attachment = await plugin.attach({ router, producerIds: [], ...chosen });

	await attachment.addProducer(producer);
	await attachment.addDataProducer('data-1');
	t.same([attachment.producerIds, attachment.dataProducerIds], [['producer-1'], ['data-1']]);

	const added = worker.requestsOf(Body.AddTarget).map(readAddTarget);

	t.same(added.map((sent) => [sent.attachmentId(), sent.producerId(), sent.dataProducerId()]), [
		[attachment.id, 'producer-1', null],
		[attachment.id, null, 'data-1'],
	]);
	await attachment.removeProducer('producer-1');
	await attachment.removeDataProducer('data-1');
	t.same([attachment.producerIds, attachment.dataProducerIds], [[], []]);

	const removed = worker.requestsOf(Body.RemoveTarget).map(readRemoveTarget);

	t.same(removed.map((sent) => [sent.attachmentId(), sent.producerId(), sent.dataProducerId()]), [
		[attachment.id, 'producer-1', null],
		[attachment.id, null, 'data-1'],
	]);
	t.notOk(attachment.closed);
});

t.test('what is a target already is not added again', async (t) => {
	const { plugin, worker, router } = await stage(t);

	router.produce('producer-1');

	const attachment = await plugin.attach({ producerId: 'producer-1' });

	await attachment.addProducer('producer-1');
	t.same(worker.requestsOf(Body.AddTarget), []);
});

t.test('who is not there can be neither added nor removed', async (t) => {
	const { plugin, worker, router } = await stage(t);

	router.produce('producer-1');

	const attachment = await plugin.attach({ router, producerIds: [], dataProducerIds: [], ...chosen });

	await t.rejects(attachment.addProducer('producer-9'), { name: 'NotFoundError', code: 'MPH_ERR_PRODUCER_NOT_FOUND', message: /addProducer\(\): router router-1 has no producer producer-9/ });
	await t.rejects(attachment.addDataProducer('producer-1'), { name: 'NotFoundError', code: 'MPH_ERR_DATA_PRODUCER_NOT_FOUND' });
	await t.rejects(attachment.removeProducer('producer-1'), { name: 'NotFoundError', code: 'MPH_ERR_PRODUCER_NOT_FOUND', message: /producer producer-1 is no target of/ });
	await t.rejects(attachment.removeDataProducer('data-9'), { name: 'NotFoundError', code: 'MPH_ERR_DATA_PRODUCER_NOT_FOUND' });
	for (const bad of ['', 5, {}, undefined]) {
		await t.rejects(attachment.addProducer(bad as string), { name: 'InvalidOptionError', code: 'MPH_ERR_OPTION_TYPE', message: /addProducer\(\): the argument must be a producer or its id/ });
	}
	t.same([worker.requestsOf(Body.AddTarget), worker.requestsOf(Body.RemoveTarget)], [[], []]);
});

t.test('a target that the worker refuses is none', async (t) => {
	const { plugin, router } = await stage(t, { answers: { [Body.AddTarget]: ({ id }) => failure(id, ErrorCode.NotFound, 'there is no producer producer-1') } });

	router.produce('producer-1');

	const attachment = await plugin.attach({ router, producerIds: [] });

	await t.rejects(attachment.addProducer('producer-1'), { name: 'NotFoundError', code: 'MPH_ERR_PRODUCER_NOT_FOUND', message: /there is no producer producer-1/ });
	t.same(attachment.producerIds, []);
});

t.test('a target that the worker keeps is one', async (t) => {
	const { plugin, router } = await stage(t, { answers: { [Body.RemoveTarget]: ({ id }) => failure(id, ErrorCode.System, 'no') } });

	router.produce('producer-1');

	const attachment = await plugin.attach({ producerIds: ['producer-1'] });

	await t.rejects(attachment.removeProducer('producer-1'), { code: 'MPH_ERR_WORKER_REFUSED' });
	t.same(attachment.producerIds, ['producer-1']);
});

t.test('a target that closes while it is being added is none', async (t) => {
	let producer: StandInProducer | undefined;
	const { plugin, router } = await stage(t, { answers: { [Body.AddTarget]: ({ id }) => (producer!.close(), ok(id)) } });

	producer = router.produce('producer-1');

	const attachment = await plugin.attach({ router, producerIds: [] });

	await attachment.addProducer('producer-1');
	t.same(attachment.producerIds, []);
});

t.test('what closed the attachment says more than that the worker does not know it any more', async (t) => {
	const { plugin, router } = await stage(t, {
		answers: { [Body.AddTarget]: ({ id }) => (router.close(), failure(id, ErrorCode.NotFound, 'there is no attachment')) },
	});

	router.produce('producer-1');

	const attachment = await plugin.attach({ router, producerIds: [] });

	await t.rejects(attachment.addProducer('producer-1'), { name: 'InvalidStateError', code: 'MPH_ERR_CLOSED' });
	await t.rejects(attachment.removeProducer('producer-1'), { code: 'MPH_ERR_CLOSED', message: /removeProducer\(\)/ });
});

t.test('without its last target an attachment that was made without a list is closed', async (t) => {
	const { plugin, worker, router } = await stage(t);

	router.produce('producer-1');
	router.produce('producer-2');

	const attachment = await plugin.attach({ producerId: 'producer-1' });
	const events = eventsOf(attachment);

	await attachment.addProducer('producer-2');
	await attachment.removeProducer('producer-1');
	t.notOk(attachment.closed);
	await attachment.removeProducer('producer-2');
	t.ok(attachment.closed);
	await until('the request', () => worker.requestsOf(Body.Detach).length === 1);
	t.equal(worker.requestsOf(Body.RemoveTarget).length, 1, 'the last one went by Detach');
	t.same(events, [], 'nothing else closed it');
});

t.test('an attachment that got a second target outlives the first one', async (t) => {
	const { plugin, router } = await stage(t);
	const first = router.produce('producer-1');
	const attachment = await plugin.attach({ producerId: 'producer-1', ...chosen });
	const events = eventsOf(attachment);
	const second = router.produceData('data-1');

	await attachment.addDataProducer('data-1');
	first.close();
	t.notOk(attachment.closed);
	second.close();
	t.same(events, ['dataproducerclose'], 'the last one names the event');
});

t.test('data producers are for attachments that have chosen their policies', async (t) => {
	const { plugin, worker, router } = await stage(t);

	router.produceData('data-1');

	for (const [options, missing] of [
		[{ mode: 'filter', onAbsent: 'drop', onOverflow: 'drop' }, /options "onTimeout", "onError" must be chosen/],
		[{ mode: 'observe' }, /options "onAbsent", "onOverflow" must be chosen/],
	] as const satisfies readonly (readonly [Omit<AttachOptions, 'router'>, RegExp])[]) {
		const attachment = await plugin.attach({ router, producerIds: [], ...options });

		await t.rejects(attachment.addDataProducer('data-1'), { name: 'InvalidOptionError', code: 'MPH_ERR_OPTION_TYPE', message: missing });
		t.same(attachment.dataProducerIds, []);
	}
	t.same(worker.requestsOf(Body.AddTarget), []);
});

t.test('the worker may know first that the last target closed', async (t) => {
	const { plugin, worker, router } = await stage(t);
	const producer = router.produce('producer-1');
	const attachment = await plugin.attach({ producerId: 'producer-1' });
	const events = eventsOf(attachment);

	worker.say(attachmentStateChanged(attachment.id, AttachmentState.ProducerClosed));
	await until('the end', () => attachment.closed);
	producer.close();
	t.same(events, ['producerclose'], 'once');
});
