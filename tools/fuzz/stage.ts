// What the fuzzed worker carries: calls of which one has no plugin, one a sound filter, and one a sound filter and a hostile observer; and a router
// whose streams hostile hosts filter, take and inject into.

import { randomBytes } from 'node:crypto';

import * as mediasoup from 'mediasoup';
import type { types } from 'mediasoup';

import type { Outgoing } from '../../src/control/outgoing.ts';
import { Copy, Mode, Placement, Policy } from '../../src/generated/control.js';
import { HostProcess } from '../../src/host-process.ts';
import { findNativeHostBin } from '../../src/native-host-bin.ts';
import { WorkerLink } from '../../src/worker-link.ts';
import { examplePlugin } from '../lib/example-plugin.ts';
import type { CallReport } from './calls.ts';
import { Calls } from './calls.ts';
import type { ControllerPrey } from './hostile-controller.ts';
import type { FuzzedWorker } from './worker.ts';

export const hostilePlugin = 'hostile';

const soundPlugin = 'sound';
const timeoutMs = 120_000;
const packetsPerSecond = 200;
const messageEveryMs = 20;
/** What injecting costs a worker under a sanitizer is not what is looked for. */
const limits = { packetsPerSecond: 1_000, bytesPerSecond: 4 * 1024 * 1024 };

/** A large ring has room for more than the worker may read at once. */
const ringSizes = { packetRingSize: 1024 * 1024, verdictRingSize: 64 * 1024 * 1024 };

const mediaCodecs: types.RouterRtpCodecCapability[] = [
	{ kind: 'audio', mimeType: 'audio/opus', clockRate: 48000, channels: 2 },
	{ kind: 'video', mimeType: 'video/VP8', clockRate: 90000 },
];

/** tools/fuzz/host/Records.cpp makes packets of it. */
const directParameters: types.RtpParameters = {
	codecs: [{ mimeType: 'audio/opus', clockRate: 48_000, channels: 2, payloadType: 101 }],
	encodings: [{ ssrc: 0x0d12ec70 }],
};

export class Stage {
	readonly #worker: FuzzedWorker;
	readonly #calls: Calls;
	readonly #routers: { readonly watched: types.Router; readonly prey: types.Router };
	readonly #watched: { readonly filtered: types.Producer; readonly observed: types.Producer };
	readonly #prey: { readonly producers: readonly types.Producer[]; readonly dataProducers: readonly types.DataProducer[]; readonly transportId: string };
	#controller: WorkerLink | undefined;
	#soundHost: HostProcess | undefined;
	#timer: NodeJS.Timeout | undefined;
	#attachments = 0;

	static async open(worker: FuzzedWorker): Promise<Stage> {
		const watched = await worker.worker.createRouter({ mediaCodecs });
		const prey = await worker.worker.createRouter({ mediaCodecs });
		const calls = new Calls(worker.pid);

		await calls.open(watched, 'audio', 'without a plugin');

		const filtered = await calls.open(watched, 'audio', 'with a sound filter');
		const observed = await calls.open(watched, 'audio', 'with a sound filter and a hostile observer');
		const producers = [await calls.open(prey, 'audio'), await calls.open(prey, 'video'), await calls.open(prey, 'audio')];
		const direct = await prey.createDirectTransport();

		producers.push(await direct.produce({ kind: 'audio', rtpParameters: directParameters }));

		const dataProducers = [await direct.produceData({ label: 'one' }), await direct.produceData({ label: 'two' })];

		for (const { id } of [...dataProducers, dataProducers[0]!]) {
			await direct.consumeData({ dataProducerId: id });
		}
		await direct.consume({ producerId: producers[0]!.id, rtpCapabilities: prey.rtpCapabilities });
		calls.start(packetsPerSecond);

		return new Stage(worker, calls, { watched, prey }, { filtered, observed }, { producers, dataProducers, transportId: direct.id });
	}

	private constructor(
		worker: FuzzedWorker,
		calls: Calls,
		routers: { readonly watched: types.Router; readonly prey: types.Router },
		watched: { readonly filtered: types.Producer; readonly observed: types.Producer },
		prey: { readonly producers: readonly types.Producer[]; readonly dataProducers: readonly types.DataProducer[]; readonly transportId: string },
	) {
		this.#worker = worker;
		this.#calls = calls;
		this.#routers = routers;
		this.#watched = watched;
		this.#prey = prey;
	}

	/** Only after attach(). */
	get controller(): WorkerLink {
		return this.#controller!;
	}

	/** What a hostile controller may name without its right to do so being the point. */
	controllerPrey(): ControllerPrey {
		return {
			socketPath: this.#worker.socketPath,
			token: this.#worker.directory.token,
			routerId: this.#routers.prey.id,
			producerIds: this.#prey.producers.map(({ id }) => id),
			dataProducerIds: this.#prey.dataProducers.map(({ id }) => id),
		};
	}

	/** From now on a sound controller has the worker: the sound host comes, and hostile ones may. */
	async attach(): Promise<void> {
		const { socketPath, pid, directory, worker } = this.#worker;

		this.#controller = new WorkerLink({ worker, socketPath, token: directory.token, mediasoupVersion: mediasoup.version, timeoutMs });
		await this.#controller.ready();
		await this.#connectSoundHost(socketPath, pid);

		await this.#controller.issueHostToken(hostilePlugin, randomBytes(32).toString('hex'), 0);
		await this.#controller.setLimits(hostilePlugin, limits);

		const { watched, prey } = this.#routers;

		await this.#controller.configureRouter(prey.id, ringSizes);
		const { filtered, observed } = this.#watched;
		const [audio, video, taken] = this.#prey.producers.map(({ id }) => id);
		const dataProducerIds = this.#prey.dataProducers.map(({ id }) => id);

		await this.#attach(soundPlugin, watched, [filtered.id, observed.id], { mode: Mode.Filter, deadlineUs: 10_000_000 });
		await this.#attach(hostilePlugin, watched, [observed.id], { mode: Mode.Observe, order: 1 });
		await this.#attach(hostilePlugin, prey, [audio!, video!], { mode: Mode.Filter, dataProducerIds, member: 'one', wholeFrames: true });
		await this.#attach(hostilePlugin, prey, [audio!, video!], { mode: Mode.Filter, dataProducerIds, member: 'two', onTimeout: Policy.Drop });
		await this.#attach(hostilePlugin, prey, [taken!], { mode: Mode.Divert });
		await this.#attach(hostilePlugin, prey, [video!], { mode: Mode.Observe, subscribe: true, order: -1 });

		await this.#attach(hostilePlugin, prey, [], { mode: Mode.Divert, targets: undefined, transportId: this.#prey.transportId });

		const [first, second] = this.#prey.dataProducers;

		this.#timer = setInterval(() => {
			if (!worker.closed) {
				first!.send('a message');
				second!.send(Buffer.alloc(300, 1));
			}
		}, messageEveryMs);
	}

	async hasHostileHosts(): Promise<boolean> {
		const plugin = (await this.controller.getStats()).plugins.find(({ pluginId }) => pluginId === hostilePlugin)!;

		return plugin.connected || plugin.standbyPids.length > 0;
	}

	/** What the worker says that it has read of hostile hosts, and what it could not cope with. */
	async counted(): Promise<{ readonly verdicts: number; readonly applyErrors: number }> {
		const { plugins, applyErrors } = await this.controller.getStats();
		const { verdicts, spuriousVerdicts, strikes } = plugins.find(({ pluginId }) => pluginId === hostilePlugin)!;

		return { verdicts: verdicts + spuriousVerdicts + strikes, applyErrors };
	}

	stopCalls(): Promise<CallReport[]> {
		clearInterval(this.#timer);

		return this.#calls.stop();
	}

	async close(): Promise<void> {
		this.#soundHost?.shutdown(2_000);
		await this.#soundHost?.exited;
		this.#controller?.close();
		this.#calls.close();
	}

	async #connectSoundHost(socketPath: string, workerPid: number): Promise<void> {
		const file = examplePlugin('counter');
		const host = new HostProcess({ bin: findNativeHostBin(undefined), pluginFile: file, timeoutMs });
		const token = randomBytes(32).toString('hex');

		this.#soundHost = host;
		await host.loadPlugin({ pluginId: soundPlugin, file, config: '{}', placement: Placement.Auto });
		// On a machine this busy it may well be late.
		await this.controller.issueHostToken(soundPlugin, token, 60_000);
		await host.connectWorker({ workerPid, socketPath, token });
	}

	async #attach(
		pluginId: string,
		router: types.Router,
		producerIds: readonly string[],
		{ dataProducerIds = [], ...fields }: Partial<Outgoing['Attach']> & { readonly dataProducerIds?: readonly string[] },
	): Promise<void> {
		await this.controller.attach(
			{
				...{ attachmentId: `attachment-${++this.#attachments}`, pluginId, member: '', routerId: router.id, context: '{}' },
				targets: { producerIds, dataProducerIds, keepWithoutTargets: false },
				...{ audio: true, video: true, data: true, pipe: false, mode: Mode.Filter, order: 0, deadlineUs: 20_000 },
				...{ onTimeout: Policy.Accept, onAbsent: Policy.Accept, onOverflow: Policy.Accept, onError: Policy.Accept, copy: Copy.Full },
				...{ keyFramesOnly: false, spatialLayers: 0, temporalLayers: 0, everyNth: 1, audioLevel: 0, subscribe: false, wholeFrames: false },
				...fields,
			},
			{ onStateChanged: () => {} },
		);
	}
}
