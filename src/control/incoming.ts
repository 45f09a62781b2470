// What workers and hosts say, checked and turned into plain objects. A host runs foreign code and may write anything: reading a frame
// takes time in proportion to its length whatever is in it, and what cannot be read becomes a ProtocolError, which ends the connection
// and nothing else.

import * as flatbuffers from 'flatbuffers';

import { attachmentCounters, instanceCounters, pluginCounters, readCounters, toNumber } from '../counters.ts';
import { ProtocolError } from '../errors.ts';
import {
	AttachmentState,
	AttachmentStateChanged,
	Body,
	Envelope,
	ErrorCode as FailureCode,
	Failure,
	HostStateChanged,
	HostStats,
	Limit,
	Log,
	LogLevel,
	MessageLimit,
	PluginLoaded,
	PluginMessage,
	PluginReply,
	PoisonFound,
	Snapshot,
	Stats,
	Welcome,
	WorkerConnected,
	WorkerLost,
} from '../generated/control.js';
import type { AttachmentStats, HostPhase, InstanceStats, PluginStats, RingStats } from '../generated/control.js';
import type { Empty } from './outgoing.ts';
import type { RawAttachmentStats, RawInstanceStats, RawPluginStats, RawRingStats } from './raw-stats.ts';

export type Incoming = {
	// From a worker.
	Welcome: { readonly protocolVersion: number; readonly layoutVersion: number; readonly workerPid: number; readonly mediasoupVersion: string };
	Stats: {
		readonly tapped: number;
		readonly applyErrors: number;
		readonly repeatDropped: number;
		readonly attachments: readonly RawAttachmentStats[];
		readonly rings: readonly RawRingStats[];
		readonly plugins: readonly RawPluginStats[];
	};
	AttachmentStateChanged: { readonly attachmentId: string; readonly state: AttachmentState };
	HostStateChanged: {
		readonly pluginId: string;
		readonly hostPid: number;
		readonly phase: HostPhase;
		readonly reason: string;
		readonly held: number;
	};
	PoisonFound: {
		readonly pluginId: string;
		readonly routerId: string;
		readonly hostPid: number;
		/** As they stood in the ring, the poison last. */
		readonly records: Uint8Array;
	};
	// From a host.
	PluginLoaded: { readonly name: string; readonly version: string; readonly abiVersion: number };
	WorkerConnected: { readonly workerPid: number };
	WorkerLost: { readonly workerPid: number; readonly message: string };
	/** An empty `pluginId`: the host itself. */
	Log: { readonly level: LogLevel; readonly message: string; readonly pluginId: string };
	HostStats: { readonly instances: readonly RawInstanceStats[] };
	Snapshot: { readonly pluginId: string; readonly workerPid: number; readonly shard: number; readonly bytes: Uint8Array };
	PluginReply: RawBody & { readonly failed: boolean };
	PluginMessage: RawBody & { readonly pluginId: string; readonly workerPid: number; readonly shard: number; readonly name: string };
	// From both.
	Ok: Empty;
	Failure: { readonly code: FailureCode; readonly message: string };
};

export type IncomingType = keyof Incoming;

export type IncomingMessage = { readonly [T in IncomingType]: { readonly id: number; readonly type: T; readonly body: Incoming[T] } }[IncomingType];

/** Of a message from a plugin. */
export type RawBody = {
	/** Undefined: none. */
	readonly body: Uint8Array | undefined;
	/** JSON text otherwise. */
	readonly binary: boolean;
};

/** Undefined for a body that this version does not know: newer peers may tell more. */
export function decodeFrame(frame: Uint8Array): IncomingMessage | undefined {
	const buffer = new flatbuffers.ByteBuffer(frame);

	if (frame.length < 8 || !Envelope.bufferHasIdentifier(buffer)) {
		throw new ProtocolError('MPH_ERR_PROTOCOL', `a frame of ${frame.length} bytes is no control message (it lacks the identifier "MPHC")`);
	}

	const envelope = Envelope.getRootAsEnvelope(buffer);

	try {
		return new BodyDecoder(envelope, frame.length).decode();
	} catch (error) {
		if (error instanceof ProtocolError) {
			throw error;
		}
		throw new ProtocolError('MPH_ERR_PROTOCOL', `a frame of ${frame.length} bytes cannot be read`, { cause: error });
	}
}

/** Reads the body of one frame. */
class BodyDecoder {
	readonly #envelope: Envelope;
	readonly #frameBytes: number;
	/**
	 * Offsets in a frame may all point to the same long vector or string, so that reading it takes far longer than sending it did.
	 * What is read in all may therefore be only so much; an honest frame needs its own length at most.
	 */
	#bytesToRead: number;

	constructor(envelope: Envelope, frameBytes: number) {
		this.#envelope = envelope;
		this.#frameBytes = frameBytes;
		this.#bytesToRead = 2 * frameBytes;
	}

	decode(): IncomingMessage | undefined {
		const id = this.#envelope.id();

		switch (this.#envelope.bodyType()) {
			case Body.Ok:
				return { id, type: 'Ok', body: {} };
			case Body.Failure: {
				const failure = this.#body(new Failure());

				return { id, type: 'Failure', body: { code: failure.code(), message: this.#text(failure.message()) } };
			}
			case Body.Welcome:
				return { id, type: 'Welcome', body: this.#welcome(this.#body(new Welcome())) };
			case Body.Stats:
				return { id, type: 'Stats', body: this.#stats(this.#body(new Stats())) };
			case Body.AttachmentStateChanged: {
				const change = this.#body(new AttachmentStateChanged());

				return { id, type: 'AttachmentStateChanged', body: { attachmentId: this.#id(change.attachmentId()), state: change.state() } };
			}
			case Body.HostStateChanged:
				return { id, type: 'HostStateChanged', body: this.#hostStateChanged(this.#body(new HostStateChanged())) };
			case Body.PoisonFound: {
				const found = this.#body(new PoisonFound());
				const body = {
					pluginId: this.#id(found.pluginId()),
					routerId: this.#id(found.routerId()),
					hostPid: found.hostPid(),
					records: this.#bytes(found.recordsLength(), () => found.recordsArray()),
				};

				return { id, type: 'PoisonFound', body };
			}
			case Body.PluginLoaded: {
				const loaded = this.#body(new PluginLoaded());
				const body = { name: this.#text(loaded.name()), version: this.#text(loaded.version()), abiVersion: loaded.abiVersion() };

				return { id, type: 'PluginLoaded', body };
			}
			case Body.WorkerConnected:
				return { id, type: 'WorkerConnected', body: { workerPid: this.#body(new WorkerConnected()).workerPid() } };
			case Body.WorkerLost: {
				const lost = this.#body(new WorkerLost());

				return { id, type: 'WorkerLost', body: { workerPid: lost.workerPid(), message: this.#text(lost.message()) } };
			}
			case Body.Log: {
				const log = this.#body(new Log());

				return { id, type: 'Log', body: { level: log.level(), message: this.#text(log.message()), pluginId: this.#text(log.pluginId()) } };
			}
			case Body.HostStats: {
				const stats = this.#body(new HostStats());
				const instances = this.#vector(stats.instancesLength(), (index) => stats.instances(index));

				return { id, type: 'HostStats', body: { instances: instances.map((instance) => this.#instanceStats(instance)) } };
			}
			case Body.Snapshot:
				return { id, type: 'Snapshot', body: this.#snapshot(this.#body(new Snapshot())) };
			case Body.PluginReply: {
				const reply = this.#body(new PluginReply());

				return { id, type: 'PluginReply', body: { failed: reply.failed(), ...this.#messageBody(reply) } };
			}
			case Body.PluginMessage: {
				const message = this.#body(new PluginMessage());
				const body = {
					pluginId: this.#id(message.pluginId()),
					workerPid: message.workerPid(),
					shard: message.shard(),
					name: this.#text(message.name()),
					...this.#messageBody(message),
				};

				return { id, type: 'PluginMessage', body };
			}
			default:
				return undefined;
		}
	}

	#welcome(welcome: Welcome): Incoming['Welcome'] {
		return {
			protocolVersion: welcome.protocolVersion(),
			layoutVersion: welcome.layoutVersion(),
			workerPid: welcome.workerPid(),
			mediasoupVersion: this.#text(welcome.mediasoupVersion()),
		};
	}

	#hostStateChanged(change: HostStateChanged): Incoming['HostStateChanged'] {
		return {
			pluginId: this.#id(change.pluginId()),
			hostPid: change.hostPid(),
			phase: change.phase(),
			reason: this.#text(change.reason()),
			held: change.held(),
		};
	}

	#stats(stats: Stats): Incoming['Stats'] {
		const attachments = this.#vector(stats.attachmentsLength(), (index) => stats.attachments(index));
		const rings = this.#vector(stats.ringsLength(), (index) => stats.rings(index));
		const plugins = this.#vector(stats.pluginsLength(), (index) => stats.plugins(index));

		return {
			tapped: toNumber(stats.tapped()),
			applyErrors: toNumber(stats.applyErrors()),
			repeatDropped: toNumber(stats.repeatDropped()),
			attachments: attachments.map((attachment) => this.#attachmentStats(attachment)),
			rings: rings.map((ring) => this.#ringStats(ring)),
			plugins: plugins.map((plugin) => this.#pluginStats(plugin)),
		};
	}

	#attachmentStats(stats: AttachmentStats): RawAttachmentStats {
		return {
			attachmentId: this.#id(stats.attachmentId()),
			pluginId: this.#id(stats.pluginId()),
			routerId: this.#id(stats.routerId()),
			active: stats.active(),
			paused: stats.paused(),
			...readCounters(attachmentCounters, stats),
			held: stats.held(),
			holdHistogram: this.#vector(stats.holdHistogramLength(), (index) => stats.holdHistogram(index)).map(toNumber),
			holdSumNs: toNumber(stats.holdSumNs()),
		};
	}

	#ringStats(stats: RingStats): RawRingStats {
		return {
			pluginId: this.#id(stats.pluginId()),
			routerId: this.#id(stats.routerId()),
			epoch: toNumber(stats.epoch()),
			packetRingSize: stats.packetRingSize(),
			packetRingUsed: stats.packetRingUsed(),
			verdictRingSize: stats.verdictRingSize(),
			published: toNumber(stats.published()),
			held: stats.held(),
		};
	}

	#pluginStats(stats: PluginStats): RawPluginStats {
		return {
			pluginId: this.#id(stats.pluginId()),
			connected: stats.connected(),
			hostPid: stats.hostPid(),
			...readCounters(pluginCounters, stats),
			heldAtLastDisconnect: stats.heldAtLastDisconnect(),
			standbyPids: this.#vector(stats.standbyPidsLength(), (index) => stats.standbyPids(index)),
		};
	}

	#snapshot(snapshot: Snapshot): Incoming['Snapshot'] {
		const bytes = this.#bytes(snapshot.bytesLength(), () => snapshot.bytesArray());

		if (bytes.length > Limit.MaxSnapshotBytes) {
			throw new ProtocolError('MPH_ERR_PROTOCOL', `a snapshot of ${bytes.length} bytes came; at most ${Limit.MaxSnapshotBytes} are allowed`);
		}

		return { pluginId: this.#id(snapshot.pluginId()), workerPid: snapshot.workerPid(), shard: snapshot.shard(), bytes };
	}

	#messageBody(message: PluginReply | PluginMessage): RawBody {
		const body = this.#bytes(message.bodyLength(), () => message.bodyArray());

		if (body.length > MessageLimit.MaxBodyBytes) {
			throw new ProtocolError('MPH_ERR_PROTOCOL', `a body of ${body.length} bytes came; at most ${MessageLimit.MaxBodyBytes} are allowed`);
		}

		return { body: body.length > 0 || message.binary() ? body : undefined, binary: message.binary() };
	}

	#instanceStats(stats: InstanceStats): RawInstanceStats {
		const counters = this.#vector(stats.countersLength(), (index) => stats.counters(index));

		return {
			pluginId: this.#text(stats.pluginId()),
			workerPid: stats.workerPid(),
			shard: stats.shard(),
			...readCounters(instanceCounters, stats),
			placement: stats.placement(),
			placementReason: this.#text(stats.placementReason()),
			placementMoves: toNumber(stats.placementMoves()),
			cpu: stats.cpu(),
			counters: new Map(counters.map((counter) => [this.#text(counter.name()), toNumber(counter.value())])),
		};
	}

	#body<T extends object>(table: T): T {
		const body: unknown = this.#envelope.body(table);

		if (body === null) {
			throw new ProtocolError('MPH_ERR_PROTOCOL', `a ${Body[this.#envelope.bodyType()]} has no body`);
		}

		return table;
	}

	#vector<T>(length: number, read: (index: number) => T | null): T[] {
		// No element takes less than an offset's four bytes. (FlatBuffers reads the length as a signed number.)
		this.#spend((length >>> 0) * 4);

		return Array.from({ length }, (_, index) => read(index)).filter((element) => element !== null);
	}

	/** A copy: the frame is part of a larger piece of memory, which it must neither keep alive nor show. */
	#bytes(length: number, read: () => Uint8Array | null): Uint8Array {
		this.#spend(length >>> 0);

		const bytes = read() ?? new Uint8Array();
		const frame = this.#envelope.bb!.bytes();

		if (bytes.length > 0 && bytes.byteOffset + bytes.length > frame.byteOffset + frame.length) {
			throw new ProtocolError('MPH_ERR_PROTOCOL', `a frame of ${this.#frameBytes} bytes claims to hold more than that`);
		}

		return bytes.slice();
	}

	#text(value: string | null): string {
		this.#spend(value?.length ?? 0);

		return value ?? '';
	}

	/** Without it nobody knows whom the message is about. */
	#id(value: string | null): string {
		if (!value) {
			throw new ProtocolError('MPH_ERR_PROTOCOL', `a ${Body[this.#envelope.bodyType()]} lacks an id`);
		}

		return this.#text(value);
	}

	#spend(bytes: number): void {
		this.#bytesToRead -= bytes;

		if (this.#bytesToRead < 0) {
			throw new ProtocolError('MPH_ERR_PROTOCOL', `a frame of ${this.#frameBytes} bytes claims to hold more than that`);
		}
	}
}
