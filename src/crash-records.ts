// Records of a packet ring as a crash capture keeps them: RTP packets and data messages, each with the header that the plugin saw.

import { ByteBuffer } from 'flatbuffers';

import { type Codec, DataRecord, Limit, PacketRecord, RecordHeader, RecordType } from './generated/layout.js';

type RecordInCapture = {
	/** The record's header as the plugin saw it; a message's subchannels are part of it. */
	readonly header: Uint8Array;
	/** What is behind it, as much as the plugin saw. */
	readonly bytes: Uint8Array;
	readonly fullLength: number;
	/** CLOCK_MONOTONIC. */
	readonly receivedAtNs: bigint;
	/** Or a data producer. */
	readonly producer: number;
	/** Or a run. */
	readonly attachment: number;
};

export type CrashPacket = RecordInCapture & {
	readonly type: 'packet';
	readonly ssrc: number;
	readonly sequenceNumber: number;
	readonly payloadType: number;
	readonly codec: Codec;
};

export type CrashMessage = RecordInCapture & { readonly type: 'message'; readonly ppid: number };

export type CrashRecord = CrashPacket | CrashMessage;

/** The file says something that makes no sense. */
export class CrashCaptureError extends Error {
	override readonly name = 'CrashCaptureError';
	/** Where, in bytes from the beginning of the file or of the records. */
	readonly offset: number;
	/** What is wrong there, without the place. */
	readonly problem: string;

	constructor(offset: number, problem: string, source = 'crash capture', options?: ErrorOptions) {
		super(`${source}: at byte ${offset}: ${problem}`, options);
		this.offset = offset;
		this.problem = problem;
	}
}

const recordHeaderLength = RecordHeader.sizeOf();
/** An RTP packet comes in one of UDP. */
const maxPacketLength = 65_507;

/** Those that are packets or messages. Throws CrashCaptureError. */
export function parseRecords(records: Uint8Array): CrashRecord[] {
	const bytes = Buffer.from(records.buffer, records.byteOffset, records.byteLength);
	const parsed: CrashRecord[] = [];

	for (let offset = 0; offset < bytes.length; ) {
		if (bytes.length - offset < recordHeaderLength) {
			throw new CrashCaptureError(offset, `${bytes.length - offset} bytes are no record's header, which has ${recordHeaderLength}`);
		}

		const { type, length } = beginningOf(bytes.subarray(offset));

		if (length < recordHeaderLength || length > bytes.length - offset) {
			throw new CrashCaptureError(offset, `a record is ${length} bytes long, with ${bytes.length - offset} left`);
		}
		if (type === RecordType.Packet || type === RecordType.Data) {
			parsed.push(parseRecord(bytes.subarray(offset, offset + length), type, offset));
		}
		offset += length + padding(length);
	}

	return parsed;
}

/** From its two parts. Throws CrashCaptureError. */
export function recordFrom(header: Uint8Array, bytes: Uint8Array, offset: number): CrashRecord {
	if (header.length < recordHeaderLength) {
		throw new CrashCaptureError(offset, `${header.length} bytes are no record's header, which has ${recordHeaderLength}`);
	}

	const { type, length, payloadOffset } = beginningOf(header);

	if ((type !== RecordType.Packet && type !== RecordType.Data) || payloadOffset !== header.length || header.length < headerLengthOf(type)) {
		throw new CrashCaptureError(offset, "a record's header is that of neither a packet nor a message");
	}

	const record = type === RecordType.Packet ? packetOf(header, bytes) : messageOf(header, bytes, offset);
	const copiedLength = copiedLengthOf(header, type);

	if (length !== header.length + bytes.length || copiedLength !== bytes.length) {
		throw new CrashCaptureError(offset, `a record says that it has ${length} bytes, ${copiedLength} of them the packet's, but the packet has ${bytes.length}`);
	}
	if (record.fullLength < copiedLength || (record.type === 'packet' && record.fullLength > maxPacketLength)) {
		throw new CrashCaptureError(offset, `a packet of ${record.fullLength} bytes cannot have ${copiedLength} in its record`);
	}

	return record;
}

/** As a replay hands them on: each with its header, aligned as in the ring. */
export function recordsOf(records: readonly CrashRecord[]): Buffer {
	return Buffer.concat(records.flatMap(({ header, bytes }) => [header, bytes, Buffer.alloc(padding(header.length + bytes.length))]));
}

function parseRecord(record: Buffer, type: RecordType.Packet | RecordType.Data, offset: number): CrashRecord {
	if (record.length < headerLengthOf(type)) {
		throw new CrashCaptureError(offset, `a packet's record is ${record.length} bytes long, its header alone has ${headerLengthOf(type)}`);
	}

	const { payloadOffset } = beginningOf(record);

	if (payloadOffset < headerLengthOf(type) || payloadOffset > record.length) {
		throw new CrashCaptureError(offset, `a packet's bytes begin at ${payloadOffset} of a record of ${record.length}`);
	}

	return recordFrom(record.subarray(0, payloadOffset), record.subarray(payloadOffset), offset);
}

function packetOf(header: Uint8Array, bytes: Uint8Array): CrashPacket {
	const record = new PacketRecord().__init(0, new ByteBuffer(header));

	return {
		type: 'packet',
		...{ header, bytes },
		fullLength: record.fullLength(),
		receivedAtNs: record.receivedAtNs(),
		producer: record.producer(),
		attachment: record.attachment(),
		ssrc: record.ssrc(),
		sequenceNumber: record.sequenceNumber(),
		payloadType: record.payloadType(),
		codec: record.codec(),
	};
}

function messageOf(header: Uint8Array, bytes: Uint8Array, offset: number): CrashMessage {
	const record = new DataRecord().__init(0, new ByteBuffer(header));
	const subchannels = record.subchannelCount();

	if (header.length < DataRecord.sizeOf() + 2 * subchannels) {
		throw new CrashCaptureError(offset, `a header of ${header.length} bytes has no room for ${subchannels} subchannels`);
	}

	return {
		type: 'message',
		...{ header, bytes },
		fullLength: record.fullLength(),
		receivedAtNs: record.receivedAtNs(),
		producer: record.dataProducer(),
		attachment: record.attachment(),
		ppid: record.ppid(),
	};
}

function copiedLengthOf(header: Uint8Array, type: RecordType): number {
	const bytes = new ByteBuffer(header);

	return (type === RecordType.Packet ? new PacketRecord() : new DataRecord()).__init(0, bytes).copiedLength();
}

function headerLengthOf(type: RecordType.Packet | RecordType.Data): number {
	return type === RecordType.Packet ? PacketRecord.sizeOf() : DataRecord.sizeOf();
}

function beginningOf(record: Uint8Array) {
	const header = new RecordHeader().__init(0, new ByteBuffer(record));

	return { length: header.length(), type: header.type(), payloadOffset: header.payloadOffset() };
}

function padding(length: number): number {
	return (Limit.RecordAlignment - (length % Limit.RecordAlignment)) % Limit.RecordAlignment;
}
