// A filter in TypeScript that fails in every way in which a script can, again and again, in a call with a standby: nobody notices. MPH_LONG=1: a
// hundred times.

import { join } from 'node:path';

import * as mediasoup from 'mediasoup';
import t from 'tap';

import type { HostRecovery } from '../../src/index.ts';
import { createPluginHost } from '../../src/index.ts';
import { inRandomOrder } from '../../tools/drill/scenarios.ts';
import { repoRoot } from '../../tools/lib/paths.ts';
import type { Fault } from '../fixtures/plugins/faulty.ts';
import { fixturePlugin } from '../helpers/binaries.ts';
import { isAscending, isGapless, keepSending, mediaCodecs, openCall } from '../helpers/call.ts';
import { nextEvent } from '../helpers/events.ts';
import { until } from '../helpers/until.ts';
import { isLong } from './flow.ts';

t.setTimeout(1_800_000);

const faults: readonly Fault[] = ['throw', 'heap', 'exit', 'segfault', 'loop'];
const rounds = isLong ? 100 : 10;

t.test(`${rounds} random failures of a script, with a standby: nothing is lost, nothing unfiltered`, async (t) => {
	const pluginHost = await createPluginHost({ mediasoup, timeoutMs: 60_000 });
	const worker = await mediasoup.createWorker({ workerBin: pluginHost.workerBin });

	worker.on('died', (error) => t.fail(`the worker died: ${error.message}`));
	t.teardown(() => (pluginHost.close(), worker.close()));

	const router = await worker.createRouter({ mediaCodecs });
	const plugin = await pluginHost.createPlugin({
		file: join(repoRoot, 'test/fixtures/plugins/faulty.ts'),
		config: { crashing: fixturePlugin('crash-on-load') },
		standby: true,
		hangMs: 2_000,
		threadLimits: { maxOldGenerationSizeMb: 64 },
	});
	const attachment = await plugin.attach({ router, mode: 'filter', deadlineMs: 10_000, onAbsent: 'accept', onTimeout: 'accept', onError: 'accept' });
	const call = await openCall(router);
	const flow = keepSending(call);

	t.teardown(() => call.close());
	plugin.on('died', (error) => t.fail(`given up: ${error.message}`));

	const seed = Number(process.env['MPH_SEED'] ?? Date.now() % 1000);
	const order = inRandomOrder(faults, seed);
	const happened: Record<Fault, number> = { throw: 0, heap: 0, exit: 0, segfault: 0, loop: 0 };

	for (let round = 1; round <= rounds; round++) {
		const fault = order.next().value;

		await until('a standby', async () => (await plugin.getStats()).workers[0]!.standbyPids.length > 0);
		await until('packets that pass', () => call.received.some(({ number }) => number > flow.sent - 100));

		const { errorAccepted } = await attachment.getStats();
		const recovered = fault === 'throw' ? undefined : nextEvent<HostRecovery>(plugin, 'recovered');

		happened[fault]++;
		await plugin.notify('fail', fault);
		await (recovered ?? until('the error', async () => (await attachment.getStats()).errorAccepted > errorAccepted));
		t.comment(`${round}: ${fault}`);
	}
	await until('packets that pass at last', () => call.received.some(({ number }) => number > flow.sent - 20));
	await flow.stop();

	const { sent } = flow;
	const passing = Array.from({ length: sent }, (_, index) => index + 1).filter((number) => number % 10 !== 3);

	await until('the last packets', () => call.received.filter(({ number }) => number % 10 !== 3).length >= passing.length);

	const arrived = new Set(call.received.map(({ number }) => number));
	const { host } = await plugin.getStats();

	t.comment(`MPH_SEED=${seed}`);
	t.same(passing.filter((number) => !arrived.has(number)), [], 'lost');
	t.same(call.received.filter(({ number }) => number % 10 === 3), [], 'unfiltered');
	t.equal(arrived.size, call.received.length, 'none came twice');
	t.ok(isAscending(call.received) && isGapless(call.received), 'in order, and without a gap');
	t.match(await attachment.getStats(), { errorAccepted: happened.throw, absentAccepted: 0, timeoutAccepted: 0, overflowAccepted: 0 });
	t.ok(host.threadDeaths >= happened.heap + happened.exit && host.deaths >= happened.segfault + happened.loop, JSON.stringify({ happened, ...host }));
});

t.end();
