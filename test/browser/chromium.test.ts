// A real browser on both ends. It is also what would notice the worker dying at a DTLS handshake (worker-patch/hooks/dtls-bio-callback.hook):
// no other test makes one.

import { setTimeout as sleep } from 'node:timers/promises';

import * as mediasoup from 'mediasoup';
import t, { type Test } from 'tap';

import { type Plugin, createPluginHost } from '../../src/index.ts';
import { mediaCodecs } from '../../tools/demo/topology.ts';
import { until } from '../../tools/lib/until.ts';
import { examplePlugin } from '../../tools/lib/example-plugin.ts';
import { openCallPage } from './browser.ts';
import { PictureWatch } from './picture-watch.ts';
import type { Page } from './signalling.ts';

const kills = 5;
const maxFreezeSeconds = 0.2;
const wait = { everyMs: 20, withinMs: 20_000 };

t.test('a call in Chromium does not notice that the host of its filter is killed, five times', async (t) => {
	const { page, throttle } = await startCall(t);

	await until('the first second of video', wait, async () => ((await page.received()).framesDecoded >= 30 ? true : undefined));

	const watch = new PictureWatch(page);

	for (let kill = 1; kill <= kills; ++kill) {
		await killHost(throttle);
		t.pass(`kill ${kill}: the next host gives verdicts`);
		// The picture is given the time to show that it suffered.
		await sleep(1000);
	}

	const picture = await watch.end();

	t.comment(JSON.stringify(picture));
	t.same(picture.secondsWithoutFrames, [], 'frames were decoded in every second');
	t.same(picture.freezes.filter((seconds) => seconds > maxFreezeSeconds), [], 'no freeze was longer than 200 ms');
	t.ok(picture.audioPackets > 0, 'audio arrived');
	t.equal(picture.packetsLost, 0, 'nothing was lost');
});

async function startCall(t: Test): Promise<{ page: Page; throttle: Plugin }> {
	const pluginHost = await createPluginHost({ mediasoup });

	t.teardown(() => pluginHost.close());

	const worker = await mediasoup.createWorker({ workerBin: pluginHost.workerBin, logLevel: 'warn' });

	t.teardown(() => worker.close());
	worker.on('died', (error) => t.fail(`the worker died: ${error.message}`));

	const router = await worker.createRouter({ mediaCodecs });
	const throttle = await pluginHost.createPlugin({ file: examplePlugin('throttle'), config: { packetsPerSecond: 100_000 } });

	await throttle.attach({ router, mode: 'filter', deadlineMs: 10, onTimeout: 'accept', onAbsent: 'accept', onOverflow: 'accept' });

	const { page, close } = await openCallPage(router);

	t.teardown(close);
	await page.call();

	return { page, throttle };
}

/** Resolves when the next host has given a verdict. */
async function killHost(throttle: Plugin): Promise<void> {
	const { pid } = (await throttle.getStats()).host;

	process.kill(pid!, 'SIGKILL');

	const lost = await until('the death of the host', wait, async () => {
		const stats = await throttle.getStats();

		return stats.host.pid === pid ? undefined : stats;
	});

	await until('a verdict of the next host', wait, async () => (verdictsOf(await throttle.getStats()) > verdictsOf(lost) ? true : undefined));
}

function verdictsOf({ workers }: Awaited<ReturnType<Plugin['getStats']>>): number {
	return workers.reduce((sum, { verdicts }) => sum + verdicts, 0);
}
