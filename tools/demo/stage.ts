// Opens what stands between senders and receiver: the patched worker with a router, `throttle` and `counter` attached to it, and a way
// through it for every stream.

import * as mediasoup from 'mediasoup';

import { type PluginStats, createPluginHost } from '../../src/index.ts';
import { examplePlugin } from '../lib/example-plugin.ts';
import { type FilterFigures, type ObserverFigures, filterFiguresOf, observerFiguresOf } from './figures.ts';
import type { Bucket } from './receipt.ts';
import { type StreamPath, type StreamPlan, mediaCodecs, openPath } from './topology.ts';

export type Stage = {
	readonly paths: readonly StreamPath[];
	readonly filterFigures: () => Promise<FilterFigures>;
	readonly observerFigures: () => Promise<ObserverFigures>;
	readonly close: () => void;
};

export async function openStage(plans: readonly StreamPlan[], receiverPorts: readonly number[], bucket: Bucket): Promise<Stage> {
	const pluginHost = await createPluginHost({ mediasoup });

	try {
		const worker = await mediasoup.createWorker({ workerBin: pluginHost.workerBin, logLevel: 'warn' });
		const router = await worker.createRouter({ mediaCodecs });
		const throttle = await pluginHost.createPlugin({ file: examplePlugin('throttle'), config: bucket });
		const counter = await pluginHost.createPlugin({ file: examplePlugin('counter') });

		// Before there are producers, so that no packet goes by unseen.
		const filter = await throttle.attach({
			router,
			mode: 'filter',
			deadlineMs: 10,
			onTimeout: 'accept',
			onAbsent: 'accept',
			onOverflow: 'accept',
		});
		const observer = await counter.attach({ router, mode: 'observe' });

		return {
			paths: await Promise.all(plans.map((plan, index) => openPath(router, plan, receiverPorts[index]!))),
			filterFigures: async () => filterFiguresOf(await throttle.getStats()),
			observerFigures: async () => observerFiguresOf(await counter.getStats()),
			close: () => {
				pluginHost.close();
				worker.close();
			},
		};
	} catch (error) {
		pluginHost.close();
		throw error;
	}
}
