// What a worker says and hears, in FlatBuffers: the half of the control protocol that the library does not have. For stand-in workers.

import * as flatbuffers from 'flatbuffers';

import type { AttachmentState, ErrorCode, HostPhase } from '../../src/generated/control.js';
import {
	AddTarget,
	Attach,
	AttachmentStateChanged,
	Body,
	Detach,
	Envelope,
	Failure,
	Hello,
	HostStateChanged,
	IssueHostToken,
	Ok,
	PauseAttachment,
	PluginStats,
	PoisonFound,
	PromoteHost,
	RemovePlugin,
	RemoveTarget,
	RingStats,
	SetLimits,
	Snapshot,
	Stats,
	Welcome,
} from '../../src/generated/control.js';

export type Request = { readonly id: number; readonly type: Body; readonly envelope: Envelope };

type Build = (builder: flatbuffers.Builder) => flatbuffers.Offset;

export function readRequest(frame: Uint8Array): Request {
	const envelope = Envelope.getRootAsEnvelope(new flatbuffers.ByteBuffer(frame));

	return { id: envelope.id(), type: envelope.bodyType(), envelope };
}

export const readHello = (request: Request): Hello => readBody(request, new Hello());
export const readAddTarget = (request: Request): AddTarget => readBody(request, new AddTarget());
export const readAttach = (request: Request): Attach => readBody(request, new Attach());
export const readDetach = (request: Request): Detach => readBody(request, new Detach());
export const readIssueHostToken = (request: Request): IssueHostToken => readBody(request, new IssueHostToken());
export const readPauseAttachment = (request: Request): PauseAttachment => readBody(request, new PauseAttachment());
export const readPromoteHost = (request: Request): PromoteHost => readBody(request, new PromoteHost());
export const readRemovePlugin = (request: Request): RemovePlugin => readBody(request, new RemovePlugin());
export const readRemoveTarget = (request: Request): RemoveTarget => readBody(request, new RemoveTarget());
export const readSetLimits = (request: Request): SetLimits => readBody(request, new SetLimits());

export const ok = (id: number): Uint8Array => frameOf(id, Body.Ok, (b) => Ok.createOk(b));

export const failure = (id: number, code: ErrorCode, message: string): Uint8Array =>
	frameOf(id, Body.Failure, (b) => Failure.createFailure(b, code, b.createString(message)));

export const welcome = (id: number, protocol: number, layout: number, pid: number, mediasoupVersion: string): Uint8Array =>
	frameOf(id, Body.Welcome, (b) => Welcome.createWelcome(b, protocol, layout, pid, b.createString(mediasoupVersion)));

export const attachmentStateChanged = (attachmentId: string, state: AttachmentState): Uint8Array =>
	frameOf(0, Body.AttachmentStateChanged, (b) => AttachmentStateChanged.createAttachmentStateChanged(b, b.createString(attachmentId), state));

export const hostStateChanged = (pluginId: string, hostPid: number, phase: HostPhase, reason = '', held = 0): Uint8Array =>
	frameOf(0, Body.HostStateChanged, (b) =>
		HostStateChanged.createHostStateChanged(b, b.createString(pluginId), hostPid, phase, b.createString(reason), held),
	);

export const poisonFound = (pluginId: string, routerId: string, hostPid: number, records: Uint8Array): Uint8Array =>
	frameOf(0, Body.PoisonFound, (b) =>
		PoisonFound.createPoisonFound(b, b.createString(pluginId), b.createString(routerId), hostPid, PoisonFound.createRecordsVector(b, records)),
	);

export const snapshot = (pluginId: string, workerPid: number, shard: number, bytes: Uint8Array): Uint8Array =>
	frameOf(0, Body.Snapshot, (b) => Snapshot.createSnapshot(b, workerPid, shard, Snapshot.createBytesVector(b, bytes), b.createString(pluginId)));

export type StandInRing = { readonly pluginId: string; readonly routerId: string; readonly packetRingSize: number };

/** Of plugins only how many verdicts they gave. */
export const stats = (id: number, verdicts: ReadonlyMap<string, number>, rings: readonly StandInRing[] = []): Uint8Array =>
	frameOf(id, Body.Stats, (b) => {
		const plugins = [...verdicts].map(([pluginId, count]) => {
			const id = b.createString(pluginId);

			PluginStats.startPluginStats(b);
			PluginStats.addPluginId(b, id);
			PluginStats.addConnected(b, true);
			PluginStats.addHostPid(b, 1);
			PluginStats.addVerdicts(b, BigInt(count));

			return PluginStats.endPluginStats(b);
		});

		return Stats.createStats(
			b,
			0n,
			0n,
			0n,
			0n,
			Stats.createAttachmentsVector(b, []),
			Stats.createRingsVector(b, rings.map(({ pluginId, routerId, packetRingSize }) => ringStats(b, pluginId, routerId, packetRingSize))),
			Stats.createPluginsVector(b, plugins),
		);
	});

function ringStats(b: flatbuffers.Builder, pluginId: string, routerId: string, packetRingSize: number): flatbuffers.Offset {
	return RingStats.createRingStats(b, b.createString(pluginId), b.createString(routerId), 1n, packetRingSize, 0, 262_144, 0n, 0);
}

/** Any message as a frame with its length in front. */
export function frameOf(id: number, type: Body, build: Build): Uint8Array {
	const builder = new flatbuffers.Builder();

	Envelope.finishEnvelopeBuffer(builder, Envelope.createEnvelope(builder, id, 0, type, build(builder)));

	const table = builder.asUint8Array();
	const frame = Buffer.alloc(4 + table.length);

	frame.writeUInt32LE(table.length, 0);
	frame.set(table, 4);

	return frame;
}

function readBody<T extends object>(request: Request, table: T): T {
	request.envelope.body(table);

	return table;
}
