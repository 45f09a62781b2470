// mediasoup, with DirectTransports on rings: `import * as mediasoup from 'mediasoup-plugin-host/mediasoup'` and nothing else changes
// (docs/direct-transport.md).

import * as mediasoup from 'mediasoup';
import type { AppData, Router, Worker, WorkerSettings } from 'mediasoup/types';

import { createOnRings } from './direct/direct-transport.ts';
import type { PluginHost } from './plugin-host.ts';
import { createPluginHost } from './plugin-host.ts';

// By name: `export *` would hand on mediasoup's `module.exports`, too, which is what require() would return then. test/unit/mediasoup.test.ts holds
// that none is forgotten.
export { errors, extras, getSupportedRtpCapabilities, observer, ortc, parseScalabilityMode, setLogEventListeners, version, workerBin } from 'mediasoup';
export type { types } from 'mediasoup';

/** For as long as there are workers, or one is being made. */
type Use = { readonly opening: Promise<PluginHost>; pluginHost?: PluginHost; workers: number };

let use: Use | undefined;

/** As mediasoup's own, with the worker that belongs to this package. */
export async function createWorker<WorkerAppData extends AppData = AppData>(settings: WorkerSettings<WorkerAppData> = {}): Promise<Worker<WorkerAppData>> {
	const ours: Use = (use ??= { opening: createPluginHost({ mediasoup }), workers: 0 });

	++ours.workers;

	try {
		const pluginHost = (ours.pluginHost = await ours.opening);
		const worker = await mediasoup.createWorker<WorkerAppData>({ workerBin: pluginHost.workerBin, ...settings });

		worker.observer.on('newrouter', (router: Router) => replaceDirectTransport(pluginHost, router));
		worker.observer.once('close', () => letGo(ours));

		return worker;
	} catch (error) {
		letGo(ours);
		throw error;
	}
}

function replaceDirectTransport(pluginHost: PluginHost, router: Router): void {
	const create = router.createDirectTransport.bind(router);

	router.createDirectTransport = ((options) => createOnRings(pluginHost, router, () => create(options))) as Router['createDirectTransport'];
}

/** At once, so that the next worker may be made in the same turn. */
function letGo(ours: Use): void {
	if (--ours.workers === 0) {
		use = use === ours ? undefined : use;
		ours.pluginHost?.close();
	}
}
