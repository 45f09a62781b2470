// A plugin with a host that does nothing, and a worker that stands in with a router in it: for what goes over the wire.

import type { Test } from 'tap';

import { createPluginHost } from '../../src/index.ts';
import type { PluginHost } from '../../src/plugin-host.ts';
import type { Attachment, Plugin, PluginOptions } from '../../src/types.ts';
import { fixturePlugin } from './binaries.ts';
import { standInHost } from './processes.ts';
import type { StandInOptions, StandInRouter } from './stand-in-worker.ts';
import { StandInWorker, standInMediasoup } from './stand-in-worker.ts';

export type Stage = {
	readonly pluginHost: PluginHost;
	readonly plugin: Plugin;
	readonly worker: StandInWorker;
	readonly router: StandInRouter;
	readonly log: readonly string[];
	/** One more worker. */
	readonly addWorker: () => Promise<StandInWorker>;
};

export type StageOptions = StandInOptions & { readonly timeoutMs?: number; readonly plugin?: Omit<PluginOptions, 'file'> };

export async function stage(t: Test, { timeoutMs = 10_000, plugin = {}, ...options }: StageOptions = {}): Promise<Stage> {
	const mediasoup = standInMediasoup();
	const log: string[] = [];
	const pluginHost = await createPluginHost({ mediasoup, hostBin: standInHost, timeoutMs, logger: { warn: (line) => log.push(line) } });
	const { dir } = await pluginHost.dump();
	const addWorker = async (): Promise<StandInWorker> => {
		const worker = await StandInWorker.create(mediasoup, dir, options);

		t.teardown(() => worker.close());

		return worker;
	};

	t.teardown(() => pluginHost.close());

	const worker = await addWorker();
	const router = worker.createRouter('router-1');

	return { pluginHost, plugin: await pluginHost.createPlugin({ file: fixturePlugin('accept-all'), ...plugin }), worker, router, log, addWorker };
}

export function eventsOf(attachment: Attachment): string[] {
	const events: string[] = [];

	for (const event of ['routerclose', 'producerclose', 'dataproducerclose', 'transportclose', 'workerclose', 'pluginclose', 'absent', 'active'] as const) {
		attachment.on(event, () => events.push(event));
	}

	return events;
}
