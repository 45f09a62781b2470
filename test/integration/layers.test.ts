// Plugins on video in layers, simulcast and SVC, whose consumers choose among them and change between them: the real worker, the real native host. What
// arrives must be one valid stream whatever the plugin does.

import * as mediasoup from 'mediasoup';
import type { types } from 'mediasoup';
import type { Test } from 'tap';
import t from 'tap';

import type { Attachment, AttachOptions, Plugin, PluginHost } from '../../src/index.ts';
import { createPluginHost } from '../../src/index.ts';
import { examplePlugin } from '../../tools/lib/example-plugin.ts';
import { fixturePlugin } from '../helpers/binaries.ts';
import type { LayeredPacket, LayeredSender } from '../helpers/layers.ts';
import { faultsOf, layeredCodecs, openSimulcast, openSvc, readLayered, tornFrames } from '../helpers/layers.ts';
import { Scribe, injectRtp } from '../helpers/scribe.ts';
import type { Receiver } from '../helpers/streams.ts';
import { openReceiver } from '../helpers/streams.ts';
import { until } from '../helpers/until.ts';

const policies = { deadlineMs: 10_000, onTimeout: 'drop', onAbsent: 'drop', onOverflow: 'drop' } as const;

/** Up, down and up again, with fewer frames, too. */
const journey = [
	[2, 1],
	[0, 1],
	[1, 0],
	[2, 0],
	[1, 1],
] as const;

t.setTimeout(180_000);

let pluginHost: PluginHost;
let worker: types.Worker;
let router: types.Router;
let plugin: Plugin;
let sender: LayeredSender;
let receivers: Receiver[];

t.before(async () => {
	pluginHost = await createPluginHost({ mediasoup, timeoutMs: 60_000 });
	worker = await mediasoup.createWorker({ workerBin: pluginHost.workerBin });
	worker.on('died', (error) => t.fail(`the worker died: ${error.message}`));
});

t.beforeEach(async () => {
	router = await worker.createRouter({ mediaCodecs: layeredCodecs });
	receivers = [];
});

t.afterEach(() => {
	[sender, ...receivers].forEach((each) => each.close());
	plugin.close();
	router.close();
});

t.after(() => {
	pluginHost.close();
	worker.close();
});

async function attach(file: string, config: object = {}, options: Partial<AttachOptions> = {}): Promise<Attachment> {
	plugin = await pluginHost.createPlugin({ file, config, hangMs: 60_000 });

	return plugin.attach({ router, mode: 'filter', ...(options.mode === 'observe' ? {} : policies), ...options } as AttachOptions);
}

async function receive(): Promise<Receiver> {
	const receiver = await openReceiver(router, sender.producer);

	receivers.push(receiver);

	return receiver;
}

const packetsOf = ({ received }: Receiver): LayeredPacket[] => received.map(readLayered);

/** Sends frame by frame until `probe` says that it is enough. */
function sendUntil(what: string, probe: () => boolean): Promise<true> {
	return until(what, async () => {
		await sender.sendFrame();

		return probe();
	});
}

/** Sends so many frames, and waits until the attachment, which is there since the first one, is done with all that was ever sent. */
async function send(frames: number, attachment: Attachment, decided: (stats: Awaited<ReturnType<Attachment['getStats']>>) => number): Promise<void> {
	for (let frame = 0; frame < frames; frame++) {
		await sender.sendFrame();
	}
	await until('all are decided', async () => decided(await attachment.getStats()) === sender.packetsSent());
}

/** Has the consumer prefer those layers, and waits until it gets them, and those alone. */
async function travel(receiver: Receiver, [spatialLayer, temporalLayer]: readonly [number, number]): Promise<void> {
	await receiver.consumer.setPreferredLayers({ spatialLayer, temporalLayer });
	await sendUntil(`layers ${spatialLayer}:${temporalLayer}`, () => {
		const latest = packetsOf(receiver).slice(-24);

		// Of SVC the layers below come along.
		return latest.length === 24 && Math.max(...latest.map(({ spatial }) => spatial)) === spatialLayer && Math.max(...latest.map(({ temporal }) => temporal)) === temporalLayer;
	});
}

/** Nothing is missing but whole frames. */
function isOneStream(t: Test, receiver: Receiver): void {
	t.same(faultsOf(packetsOf(receiver)), [], 'numbers and timestamps go on');
	t.same(tornFrames(packetsOf(receiver)), [], 'frames are whole');
}

/** Nor does VP8's numbering of pictures tell that they are. */
function isSeamless(t: Test, receiver: Receiver): void {
	const pictures = packetsOf(receiver).filter(({ part }) => part === 0);

	isOneStream(t, receiver);
	t.same(
		pictures.slice(1).flatMap(({ pictureId }, index) => (pictureId === ((pictures[index]!.pictureId + 1) & 0x7fff) ? [] : [`${pictureId} follows ${pictures[index]!.pictureId}`])),
		[],
		'pictures are counted on',
	);
}

const kinds = [
	['simulcast', () => openSimulcast(router)],
	['SVC', () => openSvc(router, /* isKsvc */ false)],
	['K-SVC', () => openSvc(router, /* isKsvc */ true)],
] as const;

for (const [kind, open] of kinds) {
	for (const [name, file, config] of [
		['a filter accepts', fixturePlugin('accept-all'), {}],
		['a filter answers later, from another thread', fixturePlugin('pending'), { delayMs: 3 }],
		['payloads are replaced', fixturePlugin('capitals'), { from: 7 }],
		['every packet is taken and injected again', examplePlugin('relay'), {}],
	] as const) {
		t.test(`${kind}: while ${name}, consumers change layers as ever`, async (t) => {
			await attach(file, config);
			sender = await open();

			const [one, other] = [await receive(), await receive()];

			t.equal(one.consumer.type, kind === 'simulcast' ? 'simulcast' : 'svc');
			for (const [index, layers] of journey.entries()) {
				await travel(one, layers);
				await travel(other, journey[(index + 2) % journey.length]!);
			}
			for (const receiver of [one, other]) {
				(kind === 'simulcast' ? isSeamless : isOneStream)(t, receiver);
				t.same([...new Set(packetsOf(receiver).map(({ spatial }) => spatial))].sort(), [0, 1, 2], 'of all layers');
			}
			if (file === fixturePlugin('capitals')) {
				t.ok([one, other].flatMap(packetsOf).every(({ text }) => text === text.toUpperCase()), 'in capitals');
			}
		});
	}

	t.test(`${kind}: dropped frames leave no trace in any layer, and nobody gets stuck`, async (t) => {
		const attachment = await attach(fixturePlugin('drop-frames'), { n: 7 });

		sender = await open();

		const receiver = await receive();

		for (const layers of [...journey, ...journey]) {
			await travel(receiver, layers);
		}

		const { dropped, frameDropped } = await attachment.getStats();

		t.ok(dropped > 5 && frameDropped > 0, `${dropped} dropped, ${frameDropped} went with them`);
		isOneStream(t, receiver);
	});
}

t.test('SVC: a layer can be dropped, and whoever wants one below it notices nothing', async (t) => {
	const attachment = await attach(fixturePlugin('drop-all'), {}, { spatialLayers: [2] });

	sender = await openSvc(router, /* isKsvc */ false);

	const receiver = await receive();

	await travel(receiver, [1, 1]);
	await travel(receiver, [0, 1]);
	await travel(receiver, [1, 0]);
	t.ok(packetsOf(receiver).every(({ spatial }) => spatial < 2));
	attachment.close();
	await travel(receiver, [2, 1]);
	isOneStream(t, receiver);
});

t.test('a key frame is asked for of the encoding that lost one, and of no other', async (t) => {
	sender = await openSimulcast(router);
	await attach(fixturePlugin('drop-frames'), { most: 1 }, { spatialLayers: [1] });
	await sendUntil('it is asked for', () => sender.keyFrameRequests(1) > 0);
	t.same([0, 1, 2].map(sender.keyFrameRequests), [0, 1, 0]);
});

t.test('when the key frame is dropped, too, that was asked for, another one is asked for in time', async (t) => {
	// Those that begin the streams, and those that follow from that.
	await attach(fixturePlugin('drop-frames'), { most: 6 }, { keyFramesOnly: true });
	sender = await openSimulcast(router);

	const receiver = await receive();

	await sendUntil('each encoding is asked again', () => [0, 1, 2].every((encoding) => sender.keyFrameRequests(encoding) >= 2));
	await travel(receiver, [2, 1]);
	isOneStream(t, receiver);
});

t.test('frames of the upper temporal layer can be dropped without anybody asking for key frames', async (t) => {
	const attachment = await attach(fixturePlugin('drop-all'), {}, { temporalLayers: [1] });

	sender = await openSimulcast(router);

	const receiver = await receive();

	await receiver.consumer.setPreferredLayers({ spatialLayer: 2, temporalLayer: 1 });
	await sendUntil('the upper encoding', () => packetsOf(receiver).slice(-4).every(({ spatial }) => spatial === 2) && receiver.received.length > 4);

	const asked = [0, 1, 2].map(sender.keyFrameRequests);

	await send(40, attachment, ({ dropped, frameDropped, notSelected }) => dropped + frameDropped + notSelected);
	await sendUntil('40 frames more', () => receiver.received.length > 40);
	t.same([0, 1, 2].map(sender.keyFrameRequests), asked);
	t.ok(packetsOf(receiver).every(({ temporal }) => temporal === 0));
	isSeamless(t, receiver);
});

t.test('an encoding can be diverted: whoever wants another one notices nothing, and it is back when the plugin leaves', async (t) => {
	const attachment = await attach(fixturePlugin('no-packets'), {}, { mode: 'divert', spatialLayers: [2] });

	sender = await openSimulcast(router);

	const receiver = await receive();

	await travel(receiver, [1, 1]);
	await travel(receiver, [0, 1]);
	await travel(receiver, [1, 0]);
	t.ok(packetsOf(receiver).every(({ spatial }) => spatial < 2));
	attachment.close();
	await travel(receiver, [2, 1]);
	isSeamless(t, receiver);
});

t.test('of each encoding the plugin gets what it selects, by encoding and by temporal layer', async (t) => {
	const attachment = await attach(fixturePlugin('accept-all'), {}, { mode: 'observe', spatialLayers: [0, 2], temporalLayers: [1] } as Partial<AttachOptions>);

	sender = await openSimulcast(router);
	await send(20, attachment, ({ observed, notSelected }) => observed + notSelected);
	// Every other frame of two encodings, two packets each.
	t.match(await attachment.getStats(), { observed: 40, notSelected: 80 });
});

t.test('what is injected into an encoding reaches those who get it, and is in nobody\'s way', async (t) => {
	const scribe = new Scribe();

	await attach(fixturePlugin('scribe'), { file: scribe.file }, { mode: 'observe' });
	sender = await openSimulcast(router);

	const [low, high] = [await receive(), await receive()];
	const producer = await scribe.numberOf(sender.producer.id);

	await Promise.all(receivers.map(({ consumer }, index) => consumer.setPreferredLayers({ spatialLayer: index + 1, temporalLayer: 1 })));
	await sendUntil('both encodings', () => receivers.every((receiver, index) => packetsOf(receiver).at(-1)?.spatial === index + 1));

	const asked = scribe.call;

	scribe.write(
		plugin.hostPid!,
		...[0, 1, 2].map((encoding) =>
			injectRtp({ producer, ssrc: sender.ssrcs[encoding]!, payloadType: sender.payloadType, timestamp: sender.timestamps()[encoding]!, call: encoding === 2 ? asked : 0n, payload: injected(encoding) }),
		),
	);
	t.equal(await scribe.result(asked), 'Ok');
	await until('each has its own', () => receivers.every(({ received }) => received.some(({ payload }) => payload.includes('frame 9999'))));
	t.same(
		receivers.map((receiver) => packetsOf(receiver).filter(({ frame }) => frame === 9999).map(({ spatial }) => spatial)),
		[[1], [2]],
	);
	await travel(low, [2, 1]);
	await travel(high, [0, 1]);
	for (const receiver of receivers) {
		t.same(faultsOf(packetsOf(receiver)), []);
	}
});

t.test('what is injected into an encoding that nobody sends is no mistake, and reaches nobody', async (t) => {
	const scribe = new Scribe();

	await attach(fixturePlugin('scribe'), { file: scribe.file }, { mode: 'observe' });
	sender = await openSimulcast(router);

	const receiver = await receive();
	const asked = scribe.call;

	scribe.write(
		plugin.hostPid!,
		injectRtp({ producer: await scribe.numberOf(sender.producer.id), ssrc: sender.ssrcs[0]!, payloadType: sender.payloadType, call: asked, payload: injected(0, /* isKeyFrame */ true) }),
	);
	t.equal(await scribe.result(asked), 'Ok');
	await travel(receiver, [2, 1]);
	t.ok(packetsOf(receiver).every(({ frame }) => frame !== 9999));
	isSeamless(t, receiver);
});

/** Without a descriptor's extension: of no temporal layer, and not counted as a picture. */
function injected(encoding: number, isKeyFrame = false): Buffer {
	return Buffer.concat([Buffer.from(isKeyFrame ? [0x10, 0, 0, 0, 0, 0, 0] : [0, 1, 0, 0, 0, 0, 0]), Buffer.from(`layer ${encoding} frame 9999 part 0`)]);
}

// The root test would wait for the worker's handles, and the worker for the root test's end.
t.end();
