// restart() and upgrade() again and again, under 20,000 packets a second: nobody who receives notices. Short form: 20 times; MPH_LONG=1: 200.

import { copyFileSync } from 'node:fs';
import { join } from 'node:path';

import * as mediasoup from 'mediasoup';
import t from 'tap';

import { createPluginHost } from '../../src/index.ts';
import { rule } from '../../tools/drill/drill.ts';
import { Orders } from '../../tools/drill/orders.ts';
import { repoRoot } from '../../tools/lib/paths.ts';
import { mediaCodecs } from '../helpers/call.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { until } from '../helpers/until.ts';
import { isLong, openFlow } from './flow.ts';

const times = isLong ? 200 : 20;
// A socket each, with a receive buffer of its own: what a worker that is not run for a moment finds there must not have been dropped.
const streams = 16;
const packetsPerSecond = 20_000;

t.setTimeout(600_000);

t.test('planned restarts and upgrades under 20,000 packets a second lose nothing and let nothing by unfiltered', async (t) => {
	const pluginHost = await createPluginHost({ mediasoup, timeoutMs: 60_000 });
	const worker = await mediasoup.createWorker({ workerBin: pluginHost.workerBin });

	t.teardown(() => (pluginHost.close(), worker.close()));

	const router = await worker.createRouter({ mediaCodecs });
	const dir = tempDir();
	// Of no use but that the plugin wants one.
	const orders = new Orders(join(dir, 'orders'));
	const files = [join(repoRoot, 'build/native/tools/drill/plugin/drill.so'), join(dir, 'upgraded.so')] as const;
	const config = { orders: join(dir, 'orders'), dropEvery: rule.every, dropRest: rule.rest, version: 0 };

	t.teardown(() => orders.close());
	copyFileSync(files[0], files[1]);
	await pluginHost.configureRouter(router, { packetRingSize: 16 * 1024 * 1024, verdictRingSize: 1024 * 1024 });

	const plugin = await pluginHost.createPlugin({ file: files[0], config });
	const filter = await plugin.attach({ router, mode: 'filter', deadlineMs: 10_000, onAbsent: 'accept', onTimeout: 'accept', onOverflow: 'accept' });
	const pids = new Set([plugin.hostPid]);
	const took: number[] = [];

	filter.on('absent', () => t.fail('it never was absent'));
	plugin.on('crash', ({ reason }) => t.fail(`nothing crashed: ${reason}`));

	const flow = await openFlow(t, { routers: Array.from({ length: streams }, () => router), packetsPerSecond: packetsPerSecond / streams });

	await until('packets', () => flow.receivedSoFar() > 0);
	for (let version = 1; version <= times; version++) {
		const beganAt = performance.now();

		await (version % 2 === 0 ? plugin.upgrade({ file: files[(version / 2) % 2]!, config: { ...config, version } }) : plugin.restart());
		took.push(performance.now() - beganAt);
		pids.add(plugin.hostPid);
	}

	const report = await flow.stop();
	const { lost, unfiltered, reordered, duplicated, distinct } = report.judge(rule);
	const stats = await filter.getStats();

	t.comment(
		`${times} times; sent ${report.sent}, received ${distinct}, dropped by verdict ${stats.dropped}, kernel drops ${report.kernelDrops}, rtp-send stalled ${report.stalledMs} ms`,
	);
	t.comment(`each took ${Math.min(...took).toFixed(0)} to ${Math.max(...took).toFixed(0)} ms, ${took.toSorted((a, b) => a - b)[times / 2]!.toFixed(0)} at the median; held for at most ${stats.holdMicros.max} µs`);
	t.equal(pids.size, times + 1, 'each time another host');
	t.same({ lost, unfiltered, reordered, duplicated, gaps: report.gaps }, { lost: 0, unfiltered: 0, reordered: 0, duplicated: 0, gaps: 0 });
	t.match(stats, { accepted: distinct, dropped: report.sent - distinct, timeoutAccepted: 0, absentAccepted: 0, overflowAccepted: 0, held: 0 });
});

// The root test would wait for the worker's handles, and the worker for the root test's end.
t.end();
