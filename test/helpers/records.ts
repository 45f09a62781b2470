// Records as they stand in a packet ring.

import { Builder } from 'flatbuffers';

import { DataRecord, PacketRecord, RecordType } from '../../src/generated/layout.js';

/** An RTP packet of audio with this sequence number and as little else as there can be. */
export function packetRecord(sequenceNumber: number): Buffer {
	const bytes = Buffer.alloc(16);
	const builder = new Builder();

	bytes[0] = 0x80;
	bytes.writeUInt16BE(sequenceNumber, 2);
	PacketRecord.createPacketRecord(
		...([builder, PacketRecord.sizeOf() + bytes.length, RecordType.Packet, 0, PacketRecord.sizeOf()] as const),
		...([BigInt(sequenceNumber), 0n, 0n, 1, 1, 77, 0, bytes.length, bytes.length, sequenceNumber, 12] as const),
		...([0, 111, 1, 1, 0, 0, 255, 255, 255, 0, 0, 0, 0] as const),
	);

	return Buffer.concat([builder.dataBuffer().bytes().subarray(builder.dataBuffer().capacity() - builder.offset()), bytes]);
}

/** A data message (a string) of data producer 3. */
export function messageRecord(text: string): Buffer {
	const bytes = Buffer.from(text);
	const builder = new Builder();

	DataRecord.createDataRecord(
		...([builder, DataRecord.sizeOf() + bytes.length, RecordType.Data, 0, DataRecord.sizeOf()] as const),
		...([1n, 0n, 0n, 3, 2, 51, bytes.length, bytes.length, 0, 1, -1, -1, 0, 0] as const),
	);

	const padding = Buffer.alloc((8 - (bytes.length % 8)) % 8);

	return Buffer.concat([builder.dataBuffer().bytes().subarray(builder.dataBuffer().capacity() - builder.offset()), bytes, padding]);
}
