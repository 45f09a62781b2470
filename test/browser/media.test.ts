// What a person would hear and see when plugins put their hands on the media: a browser on both ends. MPH_LONG=1 listens for 30 s instead of 6.

import { setTimeout as sleep } from 'node:timers/promises';

import * as mediasoup from 'mediasoup';
import t, { type Test } from 'tap';

import type { Attachment, AttachOptions, Plugin } from '../../src/index.ts';
import { createPluginHost } from '../../src/index.ts';
import { mediaCodecs } from '../../tools/demo/topology.ts';
import { examplePlugin } from '../../tools/lib/example-plugin.ts';
import { fixturePlugin } from '../helpers/binaries.ts';
import { until } from '../helpers/until.ts';
import { openCallPage } from './browser.ts';
import { PictureWatch } from './picture-watch.ts';
import type { CallOptions, Page, ReceivedMedia } from './signalling.ts';

const isLong = process.env['MPH_LONG'] !== undefined;
const seconds = isLong ? 30 : 6;

/** A machine that also does something else makes a browser conceal and freeze without anybody's help. */
const concealedBeyondPlain = isLong ? 0.002 : 0.02;
const maxFreezeSeconds = 0.2;

/** What codecs make of colours, and a little more. */
const pictureTolerance = 12;

t.setTimeout(900_000);

type Stage = { readonly page: Page; readonly attach: (options?: Partial<AttachOptions>) => Promise<Attachment> };

async function stage(t: Test, file: string, config: object, call: CallOptions): Promise<Stage> {
	const pluginHost = await createPluginHost({ mediasoup });
	const worker = await mediasoup.createWorker({ workerBin: pluginHost.workerBin, logLevel: 'warn' });

	worker.on('died', (error) => t.fail(`the worker died: ${error.message}`));
	t.teardown(() => (pluginHost.close(), worker.close()));

	const router = await worker.createRouter({ mediaCodecs });
	const plugin: Plugin = await pluginHost.createPlugin({ file, config });
	const { page, close } = await openCallPage(router);

	t.teardown(close);
	await page.call(call);
	await until('media in the browser', async () => {
		const { framesDecoded, totalSamples } = await page.received();

		return (call.video === 'none' || framesDecoded > 30) && (call.audio === false || totalSamples > 48_000);
	});

	return {
		page,
		attach: (options = {}) => plugin.attach({ router, mode: 'filter', deadlineMs: 50, onTimeout: 'drop', onAbsent: 'drop', onOverflow: 'drop', ...options } as AttachOptions),
	};
}

type Heard = { readonly energyPerSecond: number; readonly concealed: number };

/** Of the time that it listens. */
async function listen(page: Page): Promise<Heard> {
	const before = await page.received();

	await sleep(seconds * 1000);

	const after = await page.received();
	const samples = after.totalSamples - before.totalSamples;

	return {
		energyPerSecond: (after.audioEnergy - before.audioEnergy) / (samples / 48_000),
		concealed: (after.concealedSamples - before.concealedSamples) / samples,
	};
}

t.test('audio that is decoded, turned down by 12 dB, encoded and injected plays as if it had been sent so', async (t) => {
	const { page, attach } = await stage(t, examplePlugin('gain'), { dB: -12 }, { video: 'none' });
	const plain = await listen(page);
	const attachment = await attach({ kinds: ['audio'] });

	// What was on its way before, and the seam between two encoders, is not what is measured.
	await until('transcoded packets', async () => (await attachment.getStats()).taken > 25);

	const turnedDown = await listen(page);
	const dB = 10 * Math.log10(turnedDown.energyPerSecond / plain.energyPerSecond);

	t.comment(JSON.stringify({ plain, turnedDown, dB }));
	t.ok(dB > -14 && dB < -10, `the level fell by ${dB.toFixed(1)} dB`);
	t.ok(turnedDown.concealed <= plain.concealed + concealedBeyondPlain, `${(100 * turnedDown.concealed).toFixed(2)} % was concealed, ${(100 * plain.concealed).toFixed(2)} % without the plugin`);
});

t.test('video that was taken and injected again plays on without a freeze', async (t) => {
	const { page, attach } = await stage(t, examplePlugin('relay'), {}, { video: 'picture', audio: false });
	const plain = await page.received();
	const attachment = await attach({ kinds: ['video'] });

	await until('relayed packets', async () => (await attachment.getStats()).taken > 100);

	const watch = new PictureWatch(page);

	await sleep(seconds * 1000);

	const picture = await watch.end();

	t.comment(JSON.stringify(picture));
	t.same(picture.secondsWithoutFrames, []);
	t.same(picture.freezes.filter((freeze) => freeze > maxFreezeSeconds), []);
	t.equal(picture.packetsLost, 0);
	isWhole(t, plain, await page.received());
});

t.test('dropped frames leave nothing behind in the picture', async (t) => {
	const { page, attach } = await stage(t, fixturePlugin('drop-every-nth'), { n: 50 }, { video: 'picture', audio: false });
	const plain = await page.received();
	const attachment = await attach({ kinds: ['video'] });

	await until('dropped frames', async () => (await attachment.getStats()).dropped > 5);
	for (let second = 0; second < seconds; second++) {
		const before = await page.received();

		await sleep(1000);
		t.ok((await page.received()).framesDecoded > before.framesDecoded, 'frames are decoded');
	}
	attachment.close();

	// The last drop is repaired by the key frame that the worker asked for.
	const { framesDecoded } = await page.received();

	await until('a second of video', async () => (await page.received()).framesDecoded > framesDecoded + 30);
	isWhole(t, plain, await page.received());
});

function isWhole(t: Test, plain: ReceivedMedia, now: ReceivedMedia): void {
	t.ok(now.pictureError <= plain.pictureError + pictureTolerance, `the picture is off by ${now.pictureError}, ${plain.pictureError} without the plugin`);
}

t.end();
