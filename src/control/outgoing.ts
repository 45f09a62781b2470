// What the library says, as plain objects on this side and FlatBuffers on the wire: to a worker as its controller, to a host on its own
// channel. The field names are those of shm/fbs/control.fbs.

import * as flatbuffers from 'flatbuffers';

import { ProtocolError } from '../errors.ts';
import {
	AddTarget,
	Attach,
	Body,
	ConfigureRouter,
	ConnectWorker,
	Detach,
	Envelope,
	GetHostStats,
	GetStats,
	Hello,
	IssueHostToken,
	Limit,
	LoadPlugin,
	PauseAttachment,
	PluginRequest,
	PromoteHost,
	RemovePlugin,
	RemoveTarget,
	SetLimits,
	Shutdown,
	StoreSnapshot,
	UnloadPlugin,
} from '../generated/control.js';
import type { Copy, Mode, Placement, Policy, Role } from '../generated/control.js';
import { lengthPrefixBytes } from './framing.ts';

export type Outgoing = {
	// To a worker.
	Hello: {
		readonly protocolVersion: number;
		readonly layoutVersion: number;
		readonly role: Role;
		readonly token: string;
		readonly pid: number;
	};
	IssueHostToken: { readonly pluginId: string; readonly token: string; readonly hangMs: number };
	PromoteHost: { readonly pluginId: string; readonly hostPid: number };
	RemovePlugin: { readonly pluginId: string };
	ConfigureRouter: { readonly routerId: string; readonly packetRingSize: number; readonly verdictRingSize: number };
	Attach: {
		readonly attachmentId: string;
		readonly pluginId: string;
		/** Which of the plugins that `pluginId`'s host runs. */
		readonly member: string;
		readonly routerId: string;
		/** Undefined: every producer and data producer of the router that the next four allow. */
		readonly targets: TargetFields | undefined;
		readonly audio: boolean;
		readonly video: boolean;
		readonly data: boolean;
		readonly pipe: boolean;
		readonly mode: Mode;
		readonly order: number;
		readonly deadlineUs: number;
		readonly onTimeout: Policy;
		readonly onAbsent: Policy;
		readonly onOverflow: Policy;
		readonly onError: Policy;
		readonly context: string;
		readonly copy: Copy;
		readonly keyFramesOnly: boolean;
		/** Bit i: layer i; 0: all. */
		readonly spatialLayers: number;
		readonly temporalLayers: number;
		readonly everyNth: number;
		/** In -dBov; 0: all. */
		readonly audioLevel: number;
		readonly subscribe: boolean;
		readonly wholeFrames: boolean;
		/** A DirectTransport, which is the only target then. */
		readonly transportId?: string | undefined;
	};
	AddTarget: TargetChange;
	RemoveTarget: TargetChange;
	/** 0: the default. */
	SetLimits: { readonly pluginId: string; readonly packetsPerSecond: number; readonly bytesPerSecond: number };
	Detach: { readonly attachmentId: string };
	PauseAttachment: { readonly attachmentId: string; readonly paused: boolean };
	GetStats: Empty;
	// To a host.
	LoadPlugin: {
		readonly pluginId: string;
		readonly file: string;
		readonly config: string;
		readonly placement: Placement;
		/** Bytes. 0, the default: as many as it likes. */
		readonly memoryLimit?: number;
	};
	ConnectWorker: { readonly workerPid: number; readonly socketPath: string; readonly token: string };
	StoreSnapshot: { readonly pluginId: string; readonly workerPid: number; readonly shard: number; readonly bytes: Uint8Array };
	UnloadPlugin: { readonly pluginId: string };
	PluginRequest: {
		readonly pluginId: string;
		readonly workerPid: number;
		readonly shard: number;
		readonly method: string;
		/** Undefined: none. */
		readonly body: Uint8Array | undefined;
		readonly binary: boolean;
	};
	GetHostStats: Empty;
	Shutdown: Empty;
};

export type TargetFields = {
	readonly producerIds: readonly string[];
	readonly dataProducerIds: readonly string[];
	/** Whether the attachment outlives the last of them. */
	readonly keepWithoutTargets: boolean;
};

/** One of the two ids is undefined. */
export type TargetChange = {
	readonly attachmentId: string;
	readonly producerId: string | undefined;
	readonly dataProducerId: string | undefined;
};

export type Empty = Readonly<Record<never, never>>;
export type OutgoingType = keyof Outgoing;

type Encoders = { readonly [T in OutgoingType]: (builder: flatbuffers.Builder, fields: Outgoing[T]) => flatbuffers.Offset };

// Strings must be written before their table is begun; as arguments they are.
const encoders: Encoders = {
	Hello: (b, f) => Hello.createHello(b, f.protocolVersion, f.layoutVersion, f.role, b.createString(f.token), f.pid),
	IssueHostToken: (b, f) => IssueHostToken.createIssueHostToken(b, b.createString(f.pluginId), b.createString(f.token), f.hangMs),
	PromoteHost: (b, f) => PromoteHost.createPromoteHost(b, b.createString(f.pluginId), f.hostPid),
	RemovePlugin: (b, f) => RemovePlugin.createRemovePlugin(b, b.createString(f.pluginId)),
	ConfigureRouter: (b, f) => ConfigureRouter.createConfigureRouter(b, b.createString(f.routerId), f.packetRingSize, f.verdictRingSize),
	Attach: (b, f) =>
		Attach.createAttach(
			b,
			b.createString(f.attachmentId),
			b.createString(f.pluginId),
			b.createString(f.routerId),
			b.createString(f.member),
			f.targets !== undefined || f.transportId !== undefined,
			Attach.createProducerIdsVector(b, strings(b, f.targets?.producerIds)),
			Attach.createDataProducerIdsVector(b, strings(b, f.targets?.dataProducerIds)),
			f.targets?.keepWithoutTargets ?? false,
			f.audio,
			f.video,
			f.data,
			f.pipe,
			f.mode,
			f.order,
			f.deadlineUs,
			f.onTimeout,
			f.onAbsent,
			f.onOverflow,
			b.createString(f.context),
			f.copy,
			f.keyFramesOnly,
			f.spatialLayers,
			f.temporalLayers,
			f.everyNth,
			f.audioLevel,
			f.subscribe,
			f.wholeFrames,
			f.onError,
			b.createString(f.transportId),
		),
	AddTarget: (b, f) =>
		AddTarget.createAddTarget(b, b.createString(f.attachmentId), b.createString(f.producerId), b.createString(f.dataProducerId)),
	RemoveTarget: (b, f) =>
		RemoveTarget.createRemoveTarget(b, b.createString(f.attachmentId), b.createString(f.producerId), b.createString(f.dataProducerId)),
	SetLimits: (b, f) => SetLimits.createSetLimits(b, b.createString(f.pluginId), f.packetsPerSecond, f.bytesPerSecond),
	Detach: (b, f) => Detach.createDetach(b, b.createString(f.attachmentId)),
	PauseAttachment: (b, f) => PauseAttachment.createPauseAttachment(b, b.createString(f.attachmentId), f.paused),
	GetStats: (b) => GetStats.createGetStats(b),
	LoadPlugin: (b, f) =>
		LoadPlugin.createLoadPlugin(
			b,
			b.createString(f.pluginId),
			b.createString(f.file),
			b.createString(f.config),
			f.placement,
			BigInt(f.memoryLimit ?? 0),
		),
	ConnectWorker: (b, f) => ConnectWorker.createConnectWorker(b, f.workerPid, b.createString(f.socketPath), b.createString(f.token)),
	StoreSnapshot: (b, f) =>
		StoreSnapshot.createStoreSnapshot(b, f.workerPid, f.shard, StoreSnapshot.createBytesVector(b, f.bytes), b.createString(f.pluginId)),
	UnloadPlugin: (b, f) => UnloadPlugin.createUnloadPlugin(b, b.createString(f.pluginId)),
	PluginRequest: (b, f) =>
		PluginRequest.createPluginRequest(
			b,
			b.createString(f.pluginId),
			f.workerPid,
			f.shard,
			b.createString(f.method),
			f.body === undefined ? 0 : PluginRequest.createBodyVector(b, f.body),
			f.binary,
		),
	GetHostStats: (b) => GetHostStats.createGetHostStats(b),
	Shutdown: (b) => Shutdown.createShutdown(b),
};

function strings(builder: flatbuffers.Builder, texts: readonly string[] = []): flatbuffers.Offset[] {
	return texts.map((text) => builder.createString(text));
}

/** A whole frame, its length in front. An id of 0 says that no answer is expected. */
export function encodeFrame<T extends OutgoingType>(id: number, type: T, fields: Outgoing[T]): Uint8Array {
	const builder = new flatbuffers.Builder(256);
	const body = encoders[type](builder, fields);

	// A size prefix of the builder's own would be inside of what is aligned, and 64-bit fields would stand four bytes off for the reader.
	Envelope.finishEnvelopeBuffer(builder, Envelope.createEnvelope(builder, id, 0, Body[type], body));

	const table = builder.asUint8Array();
	const length = table.length;

	if (length > Limit.MaxFrameBytes) {
		throw new ProtocolError('MPH_ERR_PROTOCOL', `a ${type} of ${length} bytes cannot be sent; at most ${Limit.MaxFrameBytes} are allowed`);
	}

	const frame = new Uint8Array(lengthPrefixBytes + length);

	new DataView(frame.buffer).setUint32(0, length, true);
	frame.set(table, lengthPrefixBytes);

	return frame;
}
