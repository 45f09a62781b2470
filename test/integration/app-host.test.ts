// A plugin within the app, as src/direct has it, with real workers: its packets come to this thread's loop, from several workers, again after it
// was cut off, and no more when it is closed.

import * as mediasoup from 'mediasoup';
import type { types } from 'mediasoup';
import type { Test } from 'tap';
import t from 'tap';

import { AppHost } from '../../src/app-host.ts';
import { loadAppRunner } from '../../src/host-command.ts';
import type { PluginHost } from '../../src/index.ts';
import { createPluginHost } from '../../src/index.ts';
import { parsePluginOptions } from '../../src/options.ts';
import type { PluginDefinition } from '../../src/plugin/define-plugin.ts';
import { definePlugin } from '../../src/plugin/index.ts';
import type { Plugin } from '../../src/types.ts';
import { isAscending, isGapless, mediaCodecs, openCall } from '../helpers/call.ts';
import { until } from '../helpers/until.ts';

let parts: Awaited<ReturnType<typeof loadAppRunner>>;
let pluginHost: PluginHost;
let workers: types.Worker[];

t.before(async () => {
	parts = await loadAppRunner();
	pluginHost = await createPluginHost({ mediasoup, timeoutMs: 60_000 });
	workers = [await mediasoup.createWorker({ workerBin: pluginHost.workerBin }), await mediasoup.createWorker({ workerBin: pluginHost.workerBin })];
});

t.after(() => {
	pluginHost.close();
	workers.forEach((worker) => worker.close());
});

async function create(t: Test, definition: PluginDefinition): Promise<Plugin> {
	const settings = { ...parsePluginOptions({ file: import.meta.filename }), hangMs: 2 ** 31 - 1 };
	const plugin = await pluginHost.createOwnPlugin(settings, (_kind, name) => new AppHost({ ...parts, definition, name, timeoutMs: 60_000 }));

	t.teardown(() => plugin.close());

	return plugin;
}

t.test('packets of two workers are decided on this loop, beside timers', async (t) => {
	const seen = new Map<string, number>();
	let ticks = 0;
	const timer = setInterval(() => ++ticks, 1);
	const plugin = await create(
		t,
		definePlugin({
			setup: () => ({
				onPacket(packet) {
					seen.set(packet.routerId, (seen.get(packet.routerId) ?? 0) + 1);

					return packet.sequenceNumber % 10 === 0 ? 'drop' : 'accept';
				},
			}),
		}),
	);

	t.teardown(() => clearInterval(timer));

	const calls = await Promise.all(
		workers.map(async (worker) => {
			const router = await worker.createRouter({ mediaCodecs });
			const call = await openCall(router);

			t.teardown(() => {
				call.close();
				router.close();
			});
			await plugin.attach({ router, mode: 'filter', deadlineMs: 10_000, onTimeout: 'drop', onAbsent: 'drop', onOverflow: 'drop' });

			return { router, call };
		}),
	);

	ticks = 0;
	await Promise.all(calls.map(({ call }) => call.sendRange(1, 1_000)));

	for (const { router, call } of calls) {
		await until('all that are not dropped', () => call.received.length === 900);
		t.equal(seen.get(router.id), 1_000);
		t.ok(isGapless(call.received) && isAscending(call.received));
		t.notOk(call.received.some(({ number }) => number % 10 === 0));
	}
	t.ok(ticks > 1, 'timers go on');

	const stats = await plugin.getStats();

	t.equal(stats.host.pid, process.pid);
	t.same(stats.workers.map(({ workerPid }) => workerPid).sort(), workers.map(({ pid }) => pid).sort());
});

t.test('one that is cut off by its errors is there again, in that worker alone', async (t) => {
	const [worker, other] = workers as [types.Worker, types.Worker];
	const setups = new Map<number, number>();
	const plugin = await create(
		t,
		definePlugin({
			errorBudget: 3,
			setup({ info }) {
				setups.set(info.workerPid, (setups.get(info.workerPid) ?? 0) + 1);

				const isFirst = [...setups.values()].reduce((sum, count) => sum + count, 0) <= 2;

				return {
					onPacket() {
						if (isFirst) {
							throw new Error('on purpose');
						}

						return 'accept';
					},
				};
			},
		}),
	);
	const router = await worker.createRouter({ mediaCodecs });
	const call = await openCall(router);
	const attachment = await plugin.attach({ router, mode: 'filter', onError: 'accept', deadlineMs: 10_000 });

	t.teardown(() => {
		call.close();
		router.close();
	});
	await call.sendRange(1, 100);
	await until('the first ones', () => call.received.length === 100);
	await until('an end', async () => (await plugin.getStats()).host.threadDeaths === 1);
	await until('another one that serves', () => attachment.active);
	await call.sendRange(101, 200);
	await until('the next ones', () => call.received.length === 200);
	t.ok(isGapless(call.received) && isAscending(call.received));
	t.equal((await plugin.getStats()).host.starts, 1, 'the host itself goes on');
	t.equal([...setups.values()].reduce((sum, count) => sum + count, 0), 3);
	t.notOk(other.closed);
});

t.test('when it is closed, packets go on as if it had never been', async (t) => {
	const router = await workers[0]!.createRouter({ mediaCodecs });
	const call = await openCall(router);
	let dropped = 0;
	let closed = 0;
	const plugin = await create(t, definePlugin({ setup: () => ({ onPacket: () => (++dropped, 'drop'), close: () => void ++closed }) }));

	t.teardown(() => {
		call.close();
		router.close();
	});
	await plugin.attach({ router, mode: 'filter' });
	await call.sendRange(1, 100);
	await until('what it dropped', () => dropped === 100);
	plugin.close();
	await until('both of its instances to be closed', () => closed === 2);
	await call.sendRange(101, 200);
	await until('all later ones', () => call.received.length === 100);
	t.equal(call.received[0]!.number, 101);
});

// The root test would wait for the workers' handles, and the workers for the root test's end.
t.end();
