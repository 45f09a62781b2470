// A browser on both ends of simulcast and SVC: what plugins do with layers must still be video that it decodes.

import * as mediasoup from 'mediasoup';
import type { types } from 'mediasoup';
import t, { type Test } from 'tap';

import type { Attachment, AttachOptions, PluginHost } from '../../src/index.ts';
import { createPluginHost } from '../../src/index.ts';
import { until as untilWithin } from '../../tools/lib/until.ts';
import { examplePlugin } from '../../tools/lib/example-plugin.ts';
import { fixturePlugin } from '../helpers/binaries.ts';
import { layeredCodecs } from '../helpers/layers.ts';
import { openCallPage } from './browser.ts';
import type { CallOptions, Page } from './signalling.ts';

/** Of the two layers. */
const heights = [240, 480];

/** Two encoders and a decoder on a machine that also does something else. */
const patience = { everyMs: 50, withinMs: 60_000 };

/** More packets than a few changes of the layer can account for. */
const manyGaps = 30;

t.setTimeout(240_000);

type Stage = { readonly pluginHost: PluginHost; readonly router: types.Router; readonly page: Page; readonly consumer: types.Consumer };

async function stage(t: Test, layers: NonNullable<CallOptions['layers']>): Promise<Stage> {
	const pluginHost = await createPluginHost({ mediasoup });
	const worker = await mediasoup.createWorker({ workerBin: pluginHost.workerBin, logLevel: 'warn' });

	worker.on('died', (error) => t.fail(`the worker died: ${error.message}`));
	t.teardown(() => (pluginHost.close(), worker.close()));

	const router = await worker.createRouter({ mediaCodecs: layeredCodecs });
	const { page, consumers, close } = await openCallPage(router);

	t.teardown(close);
	await page.call({ video: 'picture', audio: false, layers });

	return { pluginHost, router, page, consumer: consumers()[0]! };
}

function until(what: string, probe: () => Promise<boolean>): Promise<true> {
	return untilWithin(what, patience, async () => (await probe()) || undefined);
}

/** Has the consumer prefer each layer in turn, and waits until the browser shows it and goes on showing it. */
async function travel({ page, consumer }: Stage): Promise<void> {
	for (const spatialLayer of [1, 0, 1]) {
		await consumer.setPreferredLayers({ spatialLayer });
		await until(`layer ${spatialLayer}`, async () => (await page.received()).frameHeight === heights[spatialLayer]);

		const { framesDecoded } = await page.received();

		await until(`15 frames of layer ${spatialLayer}`, async () => (await page.received()).framesDecoded > framesDecoded + 15);
	}
}

for (const layers of ['simulcast', 'svc'] as const) {
	t.test(`${layers}: with frames dropped, and with every packet taken and injected again, Chromium changes layers and plays on`, async (t) => {
		const s = await stage(t, layers);

		t.equal(s.consumer.type, layers);
		await until('the upper layer', async () => (await s.page.received()).frameHeight === 480);

		let deliberateGaps = 0;
		let spatialLayer = s.consumer.currentLayers?.spatialLayer;

		// Where simulcast changes streams within a frame mediasoup leaves one number out, so that the receiver gives that frame up (mediasoup issue 408).
		s.consumer.on('layerschange', (current) => {
			if (layers === 'simulcast' && current?.spatialLayer !== spatialLayer) {
				deliberateGaps++;
			}
			spatialLayer = current?.spatialLayer;
		});

		for (const [file, config, done] of [
			[fixturePlugin('drop-frames'), { n: 10 }, ({ dropped }) => dropped],
			[examplePlugin('relay'), {}, ({ taken }) => taken],
		] satisfies [string, object, (stats: Awaited<ReturnType<Attachment['getStats']>>) => number][]) {
			const plugin = await s.pluginHost.createPlugin({ file, config });
			const attachment = await plugin.attach({ router: s.router, mode: 'filter', deadlineMs: 1000, onTimeout: 'drop', onAbsent: 'drop', onOverflow: 'drop' } as AttachOptions);

			await travel(s);

			t.ok(await until('packets that were its own', async () => done(await attachment.getStats()) > manyGaps));
			plugin.close();
		}

		const { packetsLost } = await s.page.received();

		t.ok(packetsLost <= deliberateGaps, `nobody saw a gap that a plugin made: ${packetsLost} packets lost, ${deliberateGaps} changes of the layer`);
		t.ok(deliberateGaps < manyGaps, 'which is little beside what the plugins took out');
	});
}

t.end();
