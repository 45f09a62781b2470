// A plugin's instance on an addon that is none: records are real bytes, what the instance asks for is written down.

import { Builder } from 'flatbuffers';

import type { Addon, BatchArrays, PluginEvent } from '../../plugin-host/runner/instance/addon.ts';
import { RecordMemories } from '../../plugin-host/runner/instance/record-memories.ts';
import { PluginInstance } from '../../plugin-host/runner/plugin-instance.ts';
import { Codec, DataRecord, MediaKind, PacketRecord, RecordType } from '../../src/generated/layout.js';
import type { PluginDefinition } from '../../src/plugin/define-plugin.ts';

export type PacketFields = {
	ticket?: bigint;
	receivedAtNs?: bigint;
	deadlineNs?: bigint;
	producer?: number;
	ssrc?: number;
	timestamp?: number;
	sequenceNumber?: number;
	payloadType?: number;
	kind?: MediaKind;
	codec?: Codec;
	recordFlags?: number;
	packetFlags?: number;
	encodingIndex?: number;
	spatialLayer?: number;
	temporalLayer?: number;
	audioLevel?: number;
	/** The packet on the wire. */
	bytes?: Uint8Array;
	headerLength?: number;
	consumer?: number;
	paddingLength?: number;
	copiedLength?: number;
};

/** An RTP packet: a header of 12 bytes, then the payload. */
export function rtp(payload: Uint8Array | readonly number[], sequenceNumber = 1): Uint8Array {
	const bytes = Buffer.concat([Buffer.alloc(12), Uint8Array.from(payload)]);

	bytes[0] = 0x80;
	bytes[1] = 111;
	bytes.writeUInt16BE(sequenceNumber, 2);

	return bytes;
}

/** As it stands in a packet ring. */
export function packetBytes(fields: PacketFields = {}): Uint8Array {
	const { bytes = rtp([1, 2, 3, 4]), headerLength = 12, copiedLength = bytes.length } = fields;
	const builder = new Builder();

	PacketRecord.createPacketRecord(
		...([builder, PacketRecord.sizeOf() + copiedLength, RecordType.Packet, fields.recordFlags ?? 0, PacketRecord.sizeOf()] as const),
		...([fields.ticket ?? 1n, fields.receivedAtNs ?? 0n, fields.deadlineNs ?? 0n, fields.producer ?? 3, 1] as const),
		...([fields.ssrc ?? 77, fields.timestamp ?? 0, bytes.length, copiedLength, fields.sequenceNumber ?? 1] as const),
		...([headerLength, fields.paddingLength ?? 0, fields.payloadType ?? 111, fields.kind ?? MediaKind.Audio] as const),
		...([fields.codec ?? Codec.Opus, fields.packetFlags ?? 0, fields.encodingIndex ?? 255, fields.spatialLayer ?? 255] as const),
		...([fields.temporalLayer ?? 255, fields.audioLevel ?? 255, 0, 1, fields.consumer ?? 0, 0] as const),
	);

	return Buffer.concat([fixedPart(builder), bytes.subarray(0, copiedLength)]);
}

export type MessageFields = { ticket?: bigint; ppid?: number; message?: string | Uint8Array; subchannels?: readonly number[]; requiredSubchannel?: number; dataConsumer?: number };

export function messageBytes({ ticket = 1n, ppid = 51, message = 'hello', subchannels = [], requiredSubchannel = -1, dataConsumer = 0 }: MessageFields = {}): Uint8Array {
	const bytes = Buffer.from(message as string);
	const names = Buffer.alloc(Math.ceil((subchannels.length * 2) / 8) * 8);
	const builder = new Builder();

	subchannels.forEach((subchannel, i) => names.writeUInt16LE(subchannel, i * 2));
	DataRecord.createDataRecord(
		...([builder, DataRecord.sizeOf() + names.length + bytes.length, RecordType.Data, 0, DataRecord.sizeOf() + names.length] as const),
		...([ticket, 0n, 0n, 4, 2, ppid, bytes.length, bytes.length, subchannels.length, 1, requiredSubchannel, -1, dataConsumer, 0] as const),
	);

	return Buffer.concat([fixedPart(builder), names, bytes]);
}

function fixedPart(builder: Builder): Uint8Array {
	const buffer = builder.dataBuffer();

	return buffer.bytes().subarray(buffer.capacity() - builder.offset());
}

export type Asked = { readonly call: string; readonly args: readonly unknown[] };

/** Writes down what it is asked for, and answers `results[call]`, 0 (MPH_OK) if there is none. */
export class FakeAddon {
	readonly asked: Asked[] = [];
	readonly results: Record<string, number> = {};
	#lastCall = 0;

	/** What was asked by that name, without the instance's number. */
	of(call: string): (readonly unknown[])[] {
		return this.asked.filter((asked) => asked.call === call).map(({ args }) => args);
	}

	counted(name: string): number {
		return this.of('count').reduce((sum, [counter, add]) => (counter === name ? sum + (add as number) : sum), 0);
	}

	get addon(): Addon {
		const take =
			(call: string) =>
			(_instance: number, ...args: unknown[]): number => {
				// Bytes are copied before the call returns, as the addon does.
				const copies = args.map((arg) => (arg instanceof Uint8Array ? Uint8Array.from(arg) : arg));

				this.asked.push({ call, args: copies });

				return this.results[call] ?? 0;
			};
		const numbered = (call: string) => {
			const record = take(call);

			return (instance: number, ...args: unknown[]): number => {
				++this.#lastCall;

				return record(instance, ...args);
			};
		};

		return {
			...{ endThread: take('endThread'), log: take('log'), count: take('count'), snapshot: take('snapshot') },
			...{ verdict: take('verdict'), replace: take('replace'), extend: take('extend'), bypass: take('bypass') },
			...{ injectRtp: numbered('injectRtp'), injectData: numbered('injectData'), receiveRtp: numbered('receiveRtp'), requestKeyFrame: numbered('requestKeyFrame') },
			...{ subscribe: numbered('subscribe'), query: numbered('query'), lastCall: () => this.#lastCall, post: take('post'), reply: take('reply') },
		};
	}
}

export class ScriptStage {
	readonly fake = new FakeAddon();
	readonly memories = new RecordMemories();
	readonly instance: PluginInstance;
	readonly arrays: BatchArrays = {
		...{ offsets: new Uint32Array(64), memories: new Uint8Array(64), attachments: new Uint32Array(64) },
		...{ causes: new BigUint64Array(64), verdicts: new Uint8Array(64) },
	};

	private constructor(definition: PluginDefinition, isStrict: boolean) {
		const info = { pluginId: 'p', file: '/somewhere/throttle.ts', shard: 0, workerPid: 7, config: '{}' };

		this.memories.useArrays(this.arrays);
		this.instance = new PluginInstance({ addon: this.fake.addon, instance: 1, info, memories: this.memories, definition, isStrict });
	}

	static async open(definition: unknown, { config = {}, isStrict = true }: { config?: unknown; isStrict?: boolean } = {}): Promise<ScriptStage> {
		const stage = new ScriptStage(definition as PluginDefinition, isStrict);

		await stage.instance.setUp(config);

		return stage;
	}

	/** Verdicts of a batch of packets (or of what `as` says) from router 9. */
	run(records: readonly Uint8Array[], as: 'packets' | 'data' = 'packets'): number[] {
		this.lay(records);
		this.instance[as](9, records.length);

		return [...this.arrays.verdicts.subarray(0, records.length)];
	}

	/** Writes records to the ring of router 9, with a gap before each. */
	lay(records: readonly Uint8Array[]): void {
		const ring = new Uint8Array(4_096 + records.reduce((sum, { length }) => sum + length + 16, 0));
		let at = 8;

		records.forEach((record, i) => {
			ring.set(record, at);
			this.arrays.offsets[i] = at;
			this.arrays.attachments[i] = 5;
			this.arrays.causes[i] = BigInt(100 + i);
			this.arrays.verdicts[i] = 1;
			at += Math.ceil((record.length + 8) / 8) * 8;
		});
		this.memories.use(9, ring.buffer);
	}

	tell(event: Partial<PluginEvent>): void {
		this.instance.event({
			...{ at: 1, router: 9, producer: 0, clockRate: 0, kind: 0, paused: false, ssrcs: [], attachment: 0, observe: false, consumer: 0, transport: 0 },
			...{ workerPid: 7, ...event },
			type: event.type ?? 0,
		});
	}
}
