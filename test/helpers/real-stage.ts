// What most files with a real worker begin with.

import * as mediasoup from 'mediasoup';
import type { types } from 'mediasoup';
import t from 'tap';

import type { PluginHost } from '../../src/index.ts';
import { createPluginHost } from '../../src/index.ts';
import { mediaCodecs } from './call.ts';

export type RealStage = {
	pluginHost: PluginHost;
	worker: types.Worker;
	/** Of the test that runs. */
	router: types.Router;
};

/** A plugin host and a worker for all tests of a file, and a router for each. To be called at its top level; what it returns is filled in before the first test. */
export function realStage(): RealStage {
	const stage: Partial<RealStage> = {};

	t.before(async () => {
		stage.pluginHost = await createPluginHost({ mediasoup, timeoutMs: 60_000 });
		stage.worker = await mediasoup.createWorker({ workerBin: stage.pluginHost.workerBin });
		stage.worker.on('died', (error) => t.fail(`the worker died: ${error.message}`));
	});

	t.beforeEach(async () => {
		stage.router = await stage.worker!.createRouter({ mediaCodecs });
	});

	t.afterEach(() => stage.router!.close());

	t.after(() => {
		stage.pluginHost!.close();
		stage.worker!.close();
	});

	return stage as RealStage;
}
