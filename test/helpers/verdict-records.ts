// What a host may say about what it was asked, as it stands in the verdict ring.

import { Builder } from 'flatbuffers';

import { BypassRecord, BypassUnit, RecordType, Verdict, VerdictRecord } from '../../src/generated/layout.js';

export type Said = { readonly decider?: number; readonly errors?: number; readonly argument?: number; readonly payload?: Buffer };

export function verdict(ticket: bigint, said: Verdict, { decider = 0, errors = 0, payload = Buffer.alloc(0), argument = payload.length }: Said = {}): Buffer {
	const fixed = bytesOf((builder) =>
		VerdictRecord.createVerdictRecord(builder, VerdictRecord.sizeOf() + payload.length, RecordType.Verdict, 0, 0, ticket, said, decider, errors, argument),
	);

	return Buffer.concat([fixed, payload]);
}

export function bypass(attachment: number, producer: number, unit: BypassUnit, amount = 0, ssrc = 0): Buffer {
	return bytesOf((builder) =>
		BypassRecord.createBypassRecord(builder, BypassRecord.sizeOf(), RecordType.Bypass, 0, 0, attachment, producer, ssrc, amount, unit, 0, 0, 0),
	);
}

function bytesOf(create: (builder: Builder) => number): Buffer {
	const builder = new Builder();

	create(builder);

	const buffer = builder.dataBuffer();

	return Buffer.from(buffer.bytes().subarray(buffer.capacity() - builder.offset()));
}
