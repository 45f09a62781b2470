// What a drill plays on: the patched worker with a router, and the plugin attached to it as a filter. RTP's streams or a browser's call are
// brought by others.

import * as mediasoup from 'mediasoup';
import type { types } from 'mediasoup';

import { type Attachment, type HostCrash, type Plugin, createPluginHost } from '../../src/index.ts';
import { mediaCodecs } from '../demo/topology.ts';
import type { DrillOptions } from './options.ts';
import type { WorkerFigures } from './receipt.ts';

/** Enough for a host, and eaten before that is taken for a hang. */
const memoryLimit = 48 * 1024 * 1024;

export type Stage = {
	readonly router: types.Router;
	/** The host that serves; undefined while there is none, or while a standby is wanted and is not warm yet. */
	readonly readyHost: () => Promise<number | undefined>;
	readonly hostPid: () => number | undefined;
	/** Verdicts that the worker got, and packets that it holds. */
	readonly counters: () => Promise<{ readonly verdicts: number; readonly held: number }>;
	/** Resolves at the next death of a host that served. */
	readonly nextCrash: () => Promise<HostCrash>;
	/** All deaths of hosts that served. */
	readonly crashes: readonly HostCrash[];
	readonly workerFigures: () => Promise<WorkerFigures>;
	/** Set when the worker dies, which no drill survives. */
	readonly workerDied: () => Error | undefined;
	readonly close: () => void;
};

export async function openStage(options: DrillOptions, plugin: { readonly file: string; readonly config: unknown }): Promise<Stage> {
	const pluginHost = await createPluginHost({ mediasoup });
	const worker = await mediasoup.createWorker({ workerBin: pluginHost.workerBin, logLevel: 'warn' });
	const close = (): void => {
		pluginHost.close();
		worker.close();
	};

	try {
		const router = await worker.createRouter({ mediaCodecs });
		const { standby, hangMs, deadlineMs, onAbsent } = options;

		// Room for all that waits while a hang is noticed.
		await pluginHost.configureRouter(router, { packetRingSize: 16 * 1024 * 1024, verdictRingSize: 1024 * 1024 });

		// Poison would be the user's own business; the drill's plugin takes an order back before it follows it.
		const made = await pluginHost.createPlugin({ ...plugin, standby, hangMs, ...(options.plugin ? {} : { memoryLimit }) });
		// Before there are producers, so that no packet goes by unseen.
		const filter = await made.attach({ router, mode: 'filter', deadlineMs, onAbsent, onTimeout: 'accept', onOverflow: 'accept' });

		return stageOf({ router, worker, plugin: made, filter, standby, close });
	} catch (error) {
		close();
		throw error;
	}
}

type Parts = {
	readonly router: types.Router;
	readonly worker: types.Worker;
	readonly plugin: Plugin;
	readonly filter: Attachment;
	readonly standby: boolean;
	readonly close: () => void;
};

function stageOf({ router, worker, plugin, filter, standby, close }: Parts): Stage {
	const crashes: HostCrash[] = [];
	let workerDied: Error | undefined;

	plugin.on('crash', (crash) => crashes.push(crash));
	worker.on('died', (error) => (workerDied = error));

	return {
		router,
		async readyHost() {
			const { workers } = await plugin.getStats();
			const isServed = filter.active && workers.every(({ connected }) => connected);

			return isServed && (!standby || workers.every(({ standbyPids }) => standbyPids.length > 0)) ? plugin.hostPid : undefined;
		},
		hostPid: () => plugin.hostPid,
		async counters() {
			const { accepted, dropped, held } = await filter.getStats();

			return { verdicts: accepted + dropped, held };
		},
		nextCrash: () => new Promise((resolve) => plugin.once('crash', resolve)),
		crashes,
		async workerFigures() {
			const stats = await filter.getStats();

			return {
				...{ accepted: stats.accepted, dropped: stats.dropped },
				...{ timeoutAccepted: stats.timeoutAccepted, absentAccepted: stats.absentAccepted },
				...{ overflowAccepted: stats.overflowAccepted, errorAccepted: stats.errorAccepted },
				policyAccepted: stats.timeoutAccepted + stats.absentAccepted + stats.overflowAccepted + stats.errorAccepted,
				policyDropped: stats.timeoutDropped + stats.absentDropped + stats.overflowDropped + stats.errorDropped,
				holdMaxMs: stats.holdMicros.max / 1000,
			};
		},
		workerDied: () => workerDied,
		close,
	};
}
