// Stands in for a host: a real process with the real control channel on descriptor 3, but it connects to no worker and runs no plugin. What
// it does wrong is told by the plugins' configs. Used through `standInHost` in processes.ts.

import { Socket } from 'node:net';

import * as flatbuffers from 'flatbuffers';

import { FrameReader } from '../../src/control/framing.ts';
import {
	Body,
	ConnectWorker,
	Counter,
	Envelope,
	ErrorCode,
	HostStats,
	InstanceStats,
	LoadPlugin,
	Log,
	LogLevel,
	Ok,
	Placement,
	PluginLoaded,
	PluginMessage,
	PluginReply,
	PluginRequest,
	StoreSnapshot,
	UnloadPlugin,
	WorkerConnected,
	WorkerLost,
} from '../../src/generated/control.js';
import { failure, frameOf, snapshot } from './worker-messages.ts';

export type StandInConfig = {
	/** Ends with this code instead of answering LoadPlugin. */
	readonly exitAtLoad?: number;
	/** Ends when it has answered ConnectWorker. */
	readonly exitAtConnect?: number;
	/** Workers that it cannot connect to. */
	readonly refuse?: readonly number[];
	/** Takes a while to load it. */
	readonly loadMs?: number;
	/** Fails to load the plugin, and lives on. */
	readonly failAtLoad?: string;
	/** Packets, batches and verdicts that it counts for each worker that it is connected to. */
	readonly packets?: number;
	/** Verdicts, if these are others. */
	readonly verdicts?: number;
	/** The state of its plugin, handed over for each worker as soon as it is connected. */
	readonly snapshot?: string;
	/** What its plugin calls itself. */
	readonly version?: string;
	/** What its plugin calls itself. */
	readonly name?: string;
	/** Does not end when it is told to. */
	readonly stubborn?: boolean;
	/** Posts a "hello" from each worker as soon as it is connected. */
	readonly hello?: boolean;
};

const channel = new Socket({ fd: 3 });
const reader = new FrameReader();
const configs = new Map<string, StandInConfig>();
let placement = Placement.None;
let memoryLimit = 0n;
const workerPids: number[] = [];
/** What requests and notifications it got, as "plugin method". */
const methods: string[] = [];
/** Answers that wait for the request "release". */
const held: (() => void)[] = [];

channel.on('end', () => process.exit(0));
channel.on('data', (chunk) => {
	for (const frame of reader.push(chunk)) {
		answer(Envelope.getRootAsEnvelope(new flatbuffers.ByteBuffer(frame)));
	}
});

function answer(envelope: Envelope): void {
	const id = envelope.id();

	switch (envelope.bodyType()) {
		case Body.LoadPlugin: {
			const load = envelope.body(new LoadPlugin()) as LoadPlugin;
			const config = JSON.parse(load.config()!) as StandInConfig;

			placement = load.placement();
			memoryLimit = load.memoryLimit();

			if (config.exitAtLoad !== undefined) {
				process.exit(config.exitAtLoad);
			}
			if (config.failAtLoad !== undefined) {
				channel.write(failure(id, ErrorCode.PluginFile, config.failAtLoad));
				break;
			}

			const pluginId = load.pluginId()!;
			const [name, version] = [config.name ?? 'stand-in', config.version ?? '1.0.0'];
			const loaded = (): void => {
				configs.set(pluginId, config);
				channel.write(frameOf(id, Body.PluginLoaded, (b) => PluginLoaded.createPluginLoaded(b, b.createString(name), b.createString(version), 1)));
			};

			if (config.loadMs === undefined) {
				loaded();
			} else {
				setTimeout(loaded, config.loadMs);
			}
			break;
		}
		case Body.UnloadPlugin: {
			const wasLoaded = configs.delete((envelope.body(new UnloadPlugin()) as UnloadPlugin).pluginId()!);

			channel.write(wasLoaded ? frameOf(id, Body.Ok, (b) => Ok.createOk(b)) : failure(id, ErrorCode.NotFound, 'it is not loaded'));
			break;
		}
		case Body.ConnectWorker: {
			const workerPid = (envelope.body(new ConnectWorker()) as ConnectWorker).workerPid();
			const refuses = [...configs.values()].some(({ refuse }) => refuse?.includes(workerPid));

			if (refuses) {
				channel.write(failure(id, ErrorCode.System, `worker ${workerPid} is out of reach`));
				break;
			}
			workerPids.push(workerPid);
			channel.write(frameOf(id, Body.WorkerConnected, (b) => WorkerConnected.createWorkerConnected(b, workerPid)), () => {
				for (const { exitAtConnect } of configs.values()) {
					if (exitAtConnect !== undefined) {
						process.exit(exitAtConnect);
					}
				}
			});
			for (const [pluginId, config] of configs) {
				if (config.snapshot !== undefined) {
					channel.write(snapshot(pluginId, workerPid, 0, Buffer.from(config.snapshot)));
				}
				if (config.hello) {
					post(pluginId, workerPid, 'hello', Buffer.from(JSON.stringify(process.pid)), false);
				}
			}
			break;
		}
		case Body.StoreSnapshot: {
			const stored = envelope.body(new StoreSnapshot()) as StoreSnapshot;
			const pluginId = stored.pluginId()!;
			const line = `was given "${Buffer.from(stored.bytesArray()!).toString()}" of worker ${stored.workerPid()}, shard ${stored.shard()}`;

			channel.write(frameOf(0, Body.Log, (b) => Log.createLog(b, LogLevel.Info, b.createString(line), b.createString(pluginId))));
			break;
		}
		case Body.PluginRequest:
			onRequest(id, envelope.body(new PluginRequest()) as PluginRequest);
			break;
		case Body.GetHostStats:
			channel.write(
				frameOf(id, Body.HostStats, (b) => {
					const pids = workerPids.length > 0 ? workerPids : [0];
					const instances = [...configs].flatMap(([pluginId, config]) => pids.map((pid) => instance(b, pid, pluginId, config)));

					return HostStats.createHostStats(b, HostStats.createInstancesVector(b, instances));
				}),
			);
			break;
		case Body.Shutdown:
			if (![...configs.values()].some(({ stubborn }) => stubborn)) {
				process.exit(0);
			}
			break;
		default:
			channel.write(failure(id, ErrorCode.Malformed, `a stand-in does not take ${Body[envelope.bodyType()]}`));
	}
}

function onRequest(id: number, request: PluginRequest): void {
	const [pluginId, workerPid, method, binary] = [request.pluginId()!, request.workerPid(), request.method()!, request.binary()];
	const body = request.bodyArray() && Buffer.from(request.bodyArray()!);
	const reply = (failed: boolean, bytes: Uint8Array | null, isBinary = false): void => {
		channel.write(
			frameOf(id, Body.PluginReply, (b) => PluginReply.createPluginReply(b, failed, bytes ? PluginReply.createBodyVector(b, bytes) : 0, isBinary)),
		);
	};

	if (!configs.has(pluginId) || !workerPids.includes(workerPid)) {
		channel.write(failure(id, ErrorCode.NotFound, `there is no instance of plugin ${pluginId} for worker ${workerPid}`));

		return;
	}

	switch (method) {
		case 'echo':
			reply(false, body, binary);
			break;
		case 'who':
			reply(false, Buffer.from(JSON.stringify({ plugin: pluginId, host: process.pid, worker: workerPid })));
			break;
		case 'methods':
			reply(false, Buffer.from(JSON.stringify(methods)));
			break;
		case 'plugins':
			reply(false, Buffer.from(JSON.stringify([...configs.values()].map(({ name }) => name))));
			break;
		case 'fail':
			reply(true, Buffer.from(`worker ${workerPid} will not have it`));
			break;
		case 'fail in':
			reply(body?.toString() === String(workerPid), Buffer.from('"no"'));
			break;
		case 'garbage':
			reply(false, Buffer.from('{'));
			break;
		case 'hold':
			held.push(() => reply(false, body, binary));
			break;
		case 'release':
			held.splice(0).forEach((release) => release());
			break;
		case 'post':
			post(pluginId, workerPid, 'posted', body, binary);
			break;
		case 'lose worker':
			workerPids.splice(workerPids.indexOf(workerPid), 1);
			channel.write(frameOf(0, Body.WorkerLost, (b) => WorkerLost.createWorkerLost(b, workerPid, b.createString(body?.toString() ?? ''))));
			break;
		case 'exit':
			process.exit(3);
	}
	if (method !== 'methods') {
		methods.push(`${configs.get(pluginId)!.name ?? ''} ${method}`.trim());
	}
}

function post(pluginId: string, workerPid: number, name: string, body: Uint8Array | null, binary: boolean): void {
	channel.write(
		frameOf(0, Body.PluginMessage, (b) =>
			PluginMessage.createPluginMessage(
				...[b, b.createString(pluginId), workerPid, 0, b.createString(name), body ? PluginMessage.createBodyVector(b, body) : 0, binary] as const,
			),
		),
	);
}

/** One that is placed as it was told to be. */
function instance(b: flatbuffers.Builder, workerPid: number, pluginId: string, config: StandInConfig): flatbuffers.Offset {
	const counters = InstanceStats.createCountersVector(b, [Counter.createCounter(b, b.createString('memory limit'), memoryLimit)]);
	const reason = b.createString('it was told so');
	const plugin = b.createString(pluginId);
	const packets = BigInt(config.packets ?? 0);
	const verdicts = BigInt(config.verdicts ?? packets);

	return InstanceStats.createInstanceStats(
		...[b, workerPid, 0, packets, packets, verdicts, 0n, 0n, counters, placement, reason, 1n, 0, 2n, 3n, 0n, 0n, 0n, 0n, plugin] as const,
	);
}
