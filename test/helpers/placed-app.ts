// An app for tests that restrict it to some CPUs: one worker, one plugin placed as the argument says. It sends itself packets and prints, until it
// is killed, where the plugin's thread is: a line of JSON each time.

import { setTimeout as delay } from 'node:timers/promises';

import * as mediasoup from 'mediasoup';

import type { Placement } from '../../src/index.ts';
import { createPluginHost } from '../../src/index.ts';
import { fixturePlugin } from './binaries.ts';
import { mediaCodecs, openCall } from './call.ts';

if (import.meta.main) {
	const pluginHost = await createPluginHost({ mediasoup });
	const worker = await mediasoup.createWorker({ workerBin: pluginHost.workerBin });
	const router = await worker.createRouter({ mediaCodecs });
	const plugin = await pluginHost.createPlugin({ file: fixturePlugin('accept-all'), placement: process.argv[2] as Placement });
	const call = await openCall(router);

	await plugin.attach({ router, mode: 'filter' });

	for (let number = 1; ; number++) {
		await call.send(number);

		const { instances } = await plugin.getStats();

		process.stdout.write(`${JSON.stringify(instances[0]?.placement ?? {})}\n`);
		await delay(5);
	}
}
