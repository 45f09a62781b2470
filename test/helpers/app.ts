// An app for tests that end it: two workers, a plugin attached in each. It prints what it has as a line of JSON, then does as its argument says.

import * as mediasoup from 'mediasoup';

import { createPluginHost } from '../../src/index.ts';
import { fixturePlugin } from './binaries.ts';
import { mediaCodecs } from './call.ts';

export type AppReport = { readonly dir: string; readonly workerPids: readonly number[]; readonly hostPid: number };

/**
 * stay    lives until it is killed
 * exit    calls process.exit()
 * end     closes the workers and has nothing more to do
 * throw   dies of an uncaught exception
 */
export type AppEnd = 'stay' | 'exit' | 'end' | 'throw';

if (import.meta.main) {
	const pluginHost = await createPluginHost({ mediasoup });
	const workers = [await mediasoup.createWorker({ workerBin: pluginHost.workerBin }), await mediasoup.createWorker({ workerBin: pluginHost.workerBin })];
	const plugin = await pluginHost.createPlugin({ file: fixturePlugin('accept-all') });

	for (const worker of workers) {
		await plugin.attach({ router: await worker.createRouter({ mediaCodecs }), mode: 'filter' });
	}

	const { dir, workerPids } = await pluginHost.dump();
	const report: AppReport = { dir, workerPids, hostPid: plugin.hostPid! };

	process.stdout.write(`${JSON.stringify(report)}\n`, () => end(process.argv[2] as AppEnd, workers));
}

function end(how: AppEnd, workers: mediasoup.types.Worker[]): void {
	switch (how) {
		case 'exit':
			process.exit(0);
		case 'end':
			for (const worker of workers) {
				worker.close();
			}
			break;
		case 'throw':
			throw new Error('thrown on purpose');
		case 'stay':
			break;
	}
}
