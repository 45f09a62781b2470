// A data message that can never be published is known when the plugin is attached, as far as it can be known.

import type { Test } from 'tap';
import t from 'tap';

import { Body } from '../../src/generated/control.js';
import type { Stage } from '../helpers/stage.ts';
import { stage } from '../helpers/stage.ts';
import type { StandInDataTransport } from '../helpers/stand-in-worker.ts';
import { until } from '../helpers/until.ts';
import { readAttach } from '../helpers/worker-messages.ts';

const chosen = { onAbsent: 'accept', onOverflow: 'accept' } as const;
/** Of a ring of 1 MiB, less what a record has besides the message. */
const longest = 2 ** 19 - 72 - 4_096;

async function withData(t: Test, maxReceiveMessageSize: number, transport: StandInDataTransport = {}): Promise<Stage> {
	const staged = await stage(t);

	staged.router.produceData('data-1', { sctpParameters: { maxReceiveMessageSize }, ...transport });

	return staged;
}

t.test('the longest message that fits may come', async (t) => {
	const { plugin, router } = await withData(t, longest);

	await plugin.attach({ dataProducerId: 'data-1', ...chosen });
	await plugin.attach({ router, dataProducers: true, ...chosen });
	t.pass();
});

t.test('a longer one is refused, with both sizes and what to do', async (t) => {
	const { plugin, worker, router } = await withData(t, longest + 1);
	const refusal = {
		...{ name: 'RingSizeError', code: 'MPH_ERR_RING_SIZE' },
		message: /attach\(\): a message of data producer data-1 can have 520121 bytes, and the packet ring .* router-1 has 1048576, .* at least 2097152 by configureRouter\(\)/,
	};

	await t.rejects(plugin.attach({ dataProducerId: 'data-1', ...chosen }), refusal);
	await t.rejects(plugin.attach({ dataProducerIds: ['data-1'], ...chosen }), refusal);
	await t.rejects(plugin.attach({ router, dataProducers: true, ...chosen }), refusal);
	t.same(worker.requestsOf(Body.Attach), []);
	t.same((await plugin.dump()).attachmentIds, []);
});

t.test('it counts also for what is added later', async (t) => {
	const { plugin, worker, router } = await withData(t, longest + 1);
	const attachment = await plugin.attach({ router, dataProducerIds: [], ...chosen });

	await t.rejects(attachment.addDataProducer('data-1'), { code: 'MPH_ERR_RING_SIZE', message: /addDataProducer\(\): / });
	t.same([attachment.dataProducerIds, worker.requestsOf(Body.AddTarget)], [[], []]);
});

t.test('messages of which nothing is copied always fit', async (t) => {
	const { plugin, router } = await withData(t, 2 ** 30);

	await plugin.attach({ dataProducerId: 'data-1', copy: 'meta', ...chosen });
	await (await plugin.attach({ router, dataProducerIds: [], copy: 'headers', ...chosen })).addDataProducer('data-1');
	t.pass();
});

t.test('who means no data is not asked', async (t) => {
	const { plugin, worker, router } = await withData(t, 2 ** 30);

	await plugin.attach({ router });
	t.same(worker.requestsOf(Body.GetStats), []);
});

t.test('data producers of pipe transports count for those that mean them', async (t) => {
	const { plugin, router } = await withData(t, 2 ** 30, { type: 'pipe' });

	await plugin.attach({ router, dataProducers: true, ...chosen });
	await t.rejects(plugin.attach({ router, dataProducers: true, pipe: true, ...chosen }), { code: 'MPH_ERR_RING_SIZE' });
});

t.test('a larger ring takes longer messages, once it is configured', async (t) => {
	const { pluginHost, plugin, router } = await withData(t, longest + 1);

	await pluginHost.configureRouter(router, { packetRingSize: 2 ** 21 });
	await plugin.attach({ dataProducerId: 'data-1', ...chosen });
	await pluginHost.configureRouter(router, { verdictRingSize: 2 ** 20 });
	await t.rejects(plugin.attach({ dataProducerId: 'data-1', ...chosen }), { code: 'MPH_ERR_RING_SIZE' }, 'what is left out is the default again');
});

t.test('a ring that is there already counts, whatever was configured since', async (t) => {
	const { pluginHost, plugin, worker, router } = await withData(t, longest + 1);

	await plugin.attach({ router });
	worker.rings.push({ pluginId: readAttach(worker.requestsOf(Body.Attach)[0]!).pluginId()!, routerId: 'router-1', packetRingSize: 2 ** 20 });
	await pluginHost.configureRouter(router, { packetRingSize: 2 ** 21 });
	await t.rejects(plugin.attach({ dataProducerId: 'data-1', ...chosen }), { code: 'MPH_ERR_RING_SIZE', message: /has 1048576/ });
});

t.test('what cannot be known is left to the worker', async (t) => {
	const { plugin, router } = await stage(t);

	router.produceData('data-1', { type: 'direct', dump: async () => Promise.reject(new Error('no answer')) });
	await plugin.attach({ dataProducerId: 'data-1', ...chosen });
	t.pass();
});

t.test('a router that closes meanwhile ends it, and the worker hears of nothing', async (t) => {
	const { plugin, worker, router } = await stage(t);
	const asked = Promise.withResolvers<void>();
	const answer = Promise.withResolvers<{ maxReceiveMessageSize: number }>();

	router.produceData('data-1', { type: 'direct', dump: () => (asked.resolve(), answer.promise) });

	const attaching = plugin.attach({ router, dataProducers: true, ...chosen });

	attaching.catch(() => {});
	await asked.promise;
	await until('the stats', () => worker.requestsOf(Body.GetStats).length > 0);
	router.close();
	await t.rejects(attaching, { code: 'MPH_ERR_ROUTER_CLOSED' });
	answer.resolve({ maxReceiveMessageSize: 1 });
	await plugin.getStats();
	t.same(worker.requestsOf(Body.Attach), []);
});
