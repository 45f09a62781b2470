// Records that a host may or must not write into its verdict ring, and the plugin test/fixtures/plugins/scribe.cpp, which writes whatever it is
// given and tells what stands in the packet ring.

import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { Builder, ByteBuffer } from 'flatbuffers';

import { Event } from '../../src/generated/control.js';
import { AudioLevel, InjectDataRecord, InjectRtpRecord, KeyFrameRecord, ReceiveRtpRecord, RecordType, ResultCode, SubscribeRecord } from '../../src/generated/layout.js';
import { tempDir } from './temp-dir.ts';
import { until } from './until.ts';

const directory = tempDir();
let scribes = 0;

export type Rtp = {
	readonly call?: bigint;
	readonly cause?: bigint;
	readonly producer: number;
	readonly ssrc: number;
	readonly timestamp?: number;
	readonly payloadType: number;
	readonly marker?: number;
	readonly audioLevel?: number;
	readonly consumers?: readonly number[];
	readonly payload: Buffer;
};

export type DataOut = {
	readonly call?: bigint;
	readonly cause?: bigint;
	readonly dataProducer: number;
	readonly ppid?: number;
	readonly consumers?: readonly number[];
	readonly subchannels?: readonly number[];
	readonly requiredSubchannel?: number;
	readonly ignoredSubchannel?: number;
	readonly asReceived?: boolean | number;
	readonly message: Buffer;
	/** As the record says it. */
	readonly messageLength?: number;
};

export type Received = {
	readonly call?: bigint;
	readonly cause?: bigint;
	readonly producer: number;
	readonly packet: Buffer;
	/** As the record says it. */
	readonly packetLength?: number;
};

export type Packet = { readonly ticket: bigint; readonly position: bigint };

export function injectRtp({ call = 0n, cause = 0n, producer, ssrc, timestamp = 0, payloadType, marker = 0, audioLevel = AudioLevel.Unknown, consumers = [], payload }: Rtp): Buffer {
	const body = Buffer.concat([padded(numbers32(consumers)), payload]);

	return record(
		(builder) =>
			InjectRtpRecord.createInjectRtpRecord(
				...([builder, InjectRtpRecord.sizeOf() + body.length, RecordType.InjectRtp, 0, 0, call, cause, producer, ssrc, timestamp] as const),
				...([payload.length, consumers.length, payloadType, marker, audioLevel, 0, 0] as const),
			),
		body,
	);
}

export function injectData({ call = 0n, cause = 0n, dataProducer, ppid = 51, consumers = [], subchannels = [], message, messageLength = message.length, ...rest }: DataOut): Buffer {
	const { requiredSubchannel = -1, ignoredSubchannel = -1, asReceived = false } = rest;
	const listed = Buffer.alloc(subchannels.length * 2);

	subchannels.forEach((subchannel, index) => listed.writeUInt16LE(subchannel, index * 2));

	const body = Buffer.concat([padded(numbers32(consumers)), padded(listed), message]);

	return record(
		(builder) =>
			InjectDataRecord.createInjectDataRecord(
				...([builder, InjectDataRecord.sizeOf() + body.length, RecordType.InjectData, 0, 0, call, cause, dataProducer, ppid] as const),
				...([messageLength, consumers.length, subchannels.length, requiredSubchannel, ignoredSubchannel, Number(asReceived), 0, 0, 0] as const),
			),
		body,
	);
}

export function receiveRtp({ call = 0n, cause = 0n, producer, packet, packetLength = packet.length }: Received): Buffer {
	return record(
		(builder) =>
			ReceiveRtpRecord.createReceiveRtpRecord(
				...([builder, ReceiveRtpRecord.sizeOf() + packet.length, RecordType.ReceiveRtp, 0, 0, call, cause, producer, packetLength] as const),
			),
		packet,
	);
}

export function keyFrame(call: bigint, producer: number, ssrc: number): Buffer {
	return record((builder) => KeyFrameRecord.createKeyFrameRecord(builder, KeyFrameRecord.sizeOf(), RecordType.KeyFrame, 0, 0, call, producer, ssrc));
}

export function subscribe(call: bigint, attachment: number, producer: number, wanted: number): Buffer {
	return record((builder) =>
		SubscribeRecord.createSubscribeRecord(builder, SubscribeRecord.sizeOf(), RecordType.Subscribe, 0, 0, call, attachment, producer, wanted, 0, 0, 0),
	);
}

export class Scribe {
	/** For the plugin's config. */
	readonly file = join(directory, `scribe-${++scribes}`);
	#calls = 0n;

	/** The number of the next call. */
	get call(): bigint {
		return ++this.#calls;
	}

	/** Has the host of that pid write the records. */
	write(pid: number, ...records: readonly Buffer[]): void {
		appendFileSync(`${this.file}.do.${pid}`, records.map((bytes) => `${bytes.toString('hex')}\n`).join(''));
	}

	kill(pid: number): void {
		appendFileSync(`${this.file}.do.${pid}`, 'die\n');
	}

	/** Its host reads no more records, from the next packet on. */
	hold(pid: number): void {
		appendFileSync(`${this.file}.do.${pid}`, 'hold\n');
	}

	goOn(pid: number): void {
		appendFileSync(`${this.file}.do.${pid}`, 'go on\n');
	}

	/** What became of the call. */
	async result(call: bigint): Promise<string> {
		return ResultCode[await until(`the result of call ${call}`, () => this.results().get(call))]!;
	}

	/** In the order in which they came. */
	results(): Map<bigint, ResultCode> {
		return new Map(this.#lines('result').map(([call, code]) => [BigInt(call!), Number(code) as ResultCode]));
	}

	packets(): Packet[] {
		return this.#lines('packet').map(([ticket, position]) => ({ ticket: BigInt(ticket!), position: BigInt(position!) }));
	}

	/** The first event of the ring that `matches`, once it is there. */
	async event(what: string, matches: (event: Event) => boolean): Promise<Event> {
		return until(what, () => this.#events().find(matches));
	}

	async numberOf(id: string): Promise<number> {
		const event = await this.event(`what tells of ${id}`, (event) => [event.producerId(), event.consumerId(), event.attachmentId()].includes(id));

		return event.consumerId() === id ? event.consumer() : event.producerId() === id ? event.producer() : event.attachment();
	}

	#events(): Event[] {
		return this.#lines('event').map(([table]) => Event.getRootAsEvent(new ByteBuffer(Buffer.from(table!, 'hex'))));
	}

	#lines(kind: string): string[][] {
		const lines = existsSync(this.file) ? readFileSync(this.file, 'utf8').split('\n').slice(0, -1) : [];

		return lines.filter((line) => line.startsWith(`${kind} `)).map((line) => line.split(' ').slice(1));
	}
}

function record(create: (builder: Builder) => number, body: Buffer = Buffer.alloc(0)): Buffer {
	const builder = new Builder();

	create(builder);

	const buffer = builder.dataBuffer();

	return Buffer.concat([buffer.bytes().subarray(buffer.capacity() - builder.offset()), body]);
}

function numbers32(numbers: readonly number[]): Buffer {
	const bytes = Buffer.alloc(numbers.length * 4);

	numbers.forEach((number, index) => bytes.writeUInt32LE(number, index * 4));

	return bytes;
}

function padded(bytes: Buffer): Buffer {
	return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 7)]);
}
