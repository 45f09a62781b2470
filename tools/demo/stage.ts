// Opens what stands between senders and receiver: the patched worker with a router, `throttle` and `counter` attached to it, and a way
// through it for every stream.

import * as mediasoup from 'mediasoup';

import { createPluginHost } from '../../src/index.ts';
import { examplePlugin } from '../lib/example-plugin.ts';
import { type FilterCounters, type HostFigures, type ObserverCounters, filterCountersOf, hostFiguresOf, observerCountersOf } from './figures.ts';
import type { Bucket } from './receipt.ts';
import { type StreamPath, type StreamPlan, mediaCodecs, openPath } from './topology.ts';

export type Stage = {
	readonly paths: readonly StreamPath[];
	readonly throttle: {
		/** Undefined while none serves. */
		readonly hostPid: () => Promise<number | undefined>;
		readonly counters: () => Promise<FilterCounters>;
		readonly host: () => Promise<HostFigures>;
		/** Resolves at the next death of the host with the number of packets that the worker held for it. */
		readonly nextCrash: () => Promise<number>;
	};
	readonly counter: {
		readonly counters: () => Promise<ObserverCounters>;
		readonly host: () => Promise<HostFigures>;
	};
	readonly close: () => void;
};

export async function openStage(plans: readonly StreamPlan[], receiverPorts: readonly number[], bucket: Bucket): Promise<Stage> {
	const pluginHost = await createPluginHost({ mediasoup });
	const worker = await mediasoup.createWorker({ workerBin: pluginHost.workerBin, logLevel: 'warn' });
	const close = (): void => {
		pluginHost.close();
		worker.close();
	};

	try {
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
			onError: 'accept',
		});
		const observer = await counter.attach({ router, mode: 'observe' });

		return {
			paths: await Promise.all(plans.map((plan, index) => openPath(router, plan, receiverPorts[index]!))),
			throttle: {
				hostPid: async () => (filter.active ? throttle.hostPid : undefined),
				counters: async () => filterCountersOf(await filter.getStats()),
				host: async () => hostFiguresOf(await throttle.getStats()),
				nextCrash: () => new Promise((resolve) => throttle.once('crash', ({ held }) => resolve(held))),
			},
			counter: {
				counters: async () => observerCountersOf(await observer.getStats()),
				host: async () => hostFiguresOf(await counter.getStats()),
			},
			close,
		};
	} catch (error) {
		close();
		throw error;
	}
}
