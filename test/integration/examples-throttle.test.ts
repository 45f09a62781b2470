// examples/throttle, in C++ and in TypeScript: what is over the limit is dropped, per producer.

import * as mediasoup from 'mediasoup';
import t from 'tap';

import { createPluginHost } from '../../src/index.ts';
import { examplePlugin } from '../../tools/lib/example-plugin.ts';
import type { Call } from '../helpers/call.ts';
import { isGapless, mediaCodecs, openCall } from '../helpers/call.ts';
import { until } from '../helpers/until.ts';

/** A token in many minutes: what passes is the burst. */
const hardlyAny = 0.001;
const burst = 20;
const deadlineMs = 10_000;

const kinds = [
	{
		example: 'throttle',
		refusals: [
			[{}, /config\.packetsPerSecond is missing/],
			[{ packetsPerSecond: 0 }, /config\.packetsPerSecond must be a number greater than 0, not 0/],
			[{ packetsPerSecond: 9, burst: 0.5 }, /config\.burst must be a number of at least 1, not 0.5/],
			[{ packetsPerSecond: 9, brust: 3 }, /config\.brust is unknown/],
		],
	},
	{
		example: 'throttle-ts',
		refusals: [
			[{}, /"config" is refused: packetsPerSecond: .*expected number/],
			[{ packetsPerSecond: 0 }, /packetsPerSecond: .*>0/],
			[{ packetsPerSecond: 9, burst: 0.5 }, /burst: .*>=1/],
			[{ packetsPerSecond: 9, brust: 3 }, /brust/],
		],
	},
] as const;

for (const { example, refusals } of kinds) {
	const file = examplePlugin(example);

	t.test(`${example}: a producer may send a burst, and as much again as time goes by; receivers see no gap`, async (t) => {
		const pluginHost = await createPluginHost({ mediasoup });

		t.teardown(() => pluginHost.close());

		const worker = await mediasoup.createWorker({ workerBin: pluginHost.workerBin });

		t.teardown(() => worker.close());

		const router = await worker.createRouter({ mediaCodecs });
		const open = async (): Promise<Call> => {
			const call = await openCall(router);

			t.teardown(() => call.close());

			return call;
		};

		for (const [config, message] of refusals) {
			await t.rejects(pluginHost.createPlugin({ file, config }), { code: 'MPH_ERR_PLUGIN_CREATE', message }, JSON.stringify(config));
		}

		const strict = await pluginHost.createPlugin({ file, config: { packetsPerSecond: hardlyAny, burst } });
		const attachment = await strict.attach({ router, mode: 'filter', deadlineMs });
		const [alice, bob] = [await open(), await open()];

		await alice.sendRange(1, 100);
		await bob.sendRange(1, 50);

		const counters = await until('all that was counted', async () => {
			const { passed = 0, dropped = 0 } = (await strict.getStats()).instances[0]!.counters;

			return passed + dropped === 150 && { passed, dropped };
		});

		t.same(counters, { passed: 2 * burst, dropped: 150 - 2 * burst }, 'each has a bucket of its own');
		await until('the first ones of both', () => alice.received.length === burst && bob.received.length === burst);
		t.ok(isGapless(alice.received) && isGapless(bob.received));
		t.equal(alice.received.at(-1)!.number, burst);
		t.match(await attachment.getStats(), { accepted: 2 * burst, dropped: 150 - 2 * burst });
		attachment.close();

		const generous = await pluginHost.createPlugin({ file, config: { packetsPerSecond: 20, burst: 1 } });

		await generous.attach({ router, mode: 'filter', deadlineMs });

		let next = 101;

		await until('a bucket that fills again', async () => {
			await alice.send(next++);

			return alice.received.length >= burst + 5;
		});
		t.ok(isGapless(alice.received));
	});
}

t.end();
