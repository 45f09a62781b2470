// Stands in for a host: a real process with the real control channel on descriptor 3, but it connects to no worker and runs no plugin. What
// it does wrong is told by the plugin's config. Used through `standInHost` in processes.ts.

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
	Placement,
	PluginLoaded,
	StoreSnapshot,
	WorkerConnected,
} from '../../src/generated/control.js';
import { failure, frameOf, snapshot } from './worker-messages.ts';

export type StandInConfig = {
	/** Ends with this code instead of answering LoadPlugin. */
	readonly exitAtLoad?: number;
	/** Ends when it has answered ConnectWorker. */
	readonly exitAtConnect?: number;
	/** Workers that it cannot connect to. */
	readonly refuse?: readonly number[];
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
	/** Does not end when it is told to. */
	readonly stubborn?: boolean;
};

const channel = new Socket({ fd: 3 });
const reader = new FrameReader();
let config: StandInConfig = {};
let placement = Placement.None;
let memoryLimit = 0n;
const workerPids: number[] = [];

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

			config = JSON.parse(load.config()!) as StandInConfig;
			placement = load.placement();
			memoryLimit = load.memoryLimit();

			if (config.exitAtLoad !== undefined) {
				process.exit(config.exitAtLoad);
			}
			if (config.failAtLoad !== undefined) {
				channel.write(failure(id, ErrorCode.PluginFile, config.failAtLoad));
				break;
			}

			const version = config.version ?? '1.0.0';

			channel.write(frameOf(id, Body.PluginLoaded, (b) => PluginLoaded.createPluginLoaded(b, b.createString('stand-in'), b.createString(version), 1)));
			break;
		}
		case Body.ConnectWorker: {
			const workerPid = (envelope.body(new ConnectWorker()) as ConnectWorker).workerPid();

			if (config.refuse?.includes(workerPid)) {
				channel.write(failure(id, ErrorCode.System, `worker ${workerPid} is out of reach`));
				break;
			}
			workerPids.push(workerPid);
			channel.write(frameOf(id, Body.WorkerConnected, (b) => WorkerConnected.createWorkerConnected(b, workerPid)), () => {
				if (config.exitAtConnect !== undefined) {
					process.exit(config.exitAtConnect);
				}
			});
			if (config.snapshot !== undefined) {
				channel.write(snapshot(workerPid, 0, Buffer.from(config.snapshot)));
			}
			break;
		}
		case Body.StoreSnapshot: {
			const stored = envelope.body(new StoreSnapshot()) as StoreSnapshot;
			const line = `was given "${Buffer.from(stored.bytesArray()!).toString()}" of worker ${stored.workerPid()}, shard ${stored.shard()}`;

			channel.write(frameOf(0, Body.Log, (b) => Log.createLog(b, LogLevel.Info, b.createString(line), 0)));
			break;
		}
		case Body.GetHostStats:
			channel.write(
				frameOf(id, Body.HostStats, (b) =>
					HostStats.createHostStats(b, HostStats.createInstancesVector(b, (workerPids.length > 0 ? workerPids : [0]).map((pid) => instance(b, pid)))),
				),
			);
			break;
		case Body.Shutdown:
			if (!config.stubborn) {
				process.exit(0);
			}
			break;
		default:
			channel.write(failure(id, ErrorCode.Malformed, `a stand-in does not take ${Body[envelope.bodyType()]}`));
	}
}

/** One that is placed as it was told to be. */
function instance(b: flatbuffers.Builder, workerPid: number): flatbuffers.Offset {
	const counters = InstanceStats.createCountersVector(b, [Counter.createCounter(b, b.createString('memory limit'), memoryLimit)]);
	const reason = b.createString('it was told so');

	const packets = BigInt(config.packets ?? 0);
	const verdicts = BigInt(config.verdicts ?? packets);

	return InstanceStats.createInstanceStats(b, workerPid, 0, packets, packets, verdicts, 0n, 0n, counters, placement, reason, 1n, 0, 2n, 3n, 0n, 0n, 0n, 0n, 0);
}
