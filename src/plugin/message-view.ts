// A data message (SCTP, or of a DirectTransport) as the router sees it.

import { DataRecord, dataRecordOffsets as field } from '../generated/layout.js';
import type { ReadonlyBytes } from './readonly-bytes.ts';
import type { BypassAmount } from './record-view.ts';
import { RecordView } from './record-view.ts';
import type { CallResult } from './results.ts';

/** RFC 8831. */
export const ppids = { string: 51, binary: 53, emptyString: 56, emptyBinary: 57 } as const;

/** What copy() returns and `onDataAsync` gets: the same accessors, and bytes of one's own. */
export interface OwnedMessage extends Omit<MessageView, 'bytes' | 'later'> {
	readonly bytes: Uint8Array;
}

const decoder = new TextDecoder();
const encoder = new TextEncoder();

export class MessageView extends RecordView {
	/** RFC 8831: 51 is a string, 53 binary, 56 and 57 empty ones. */
	get ppid(): number {
		return this.record.getUint32(this.at + field.ppid, true);
	}

	get isString(): boolean {
		return this.ppid === ppids.string || this.ppid === ppids.emptyString;
	}

	/** Number of the data producer in this plugin's events. */
	get dataProducer(): number {
		return this.record.getUint32(this.at + field.dataProducer, true);
	}

	get dataProducerId(): string | undefined {
		return this.known?.id;
	}

	/** Number of the data consumer in this plugin's events that a DirectTransport sends it for. Undefined: the attachment is to none. */
	get dataConsumer(): number | undefined {
		return this.record.getUint32(this.at + field.dataConsumer, true) || undefined;
	}

	/** @private As PacketView.byChannel. */
	get byChannel(): number {
		return this.record.getUint32(this.at + field.byChannel, true);
	}

	/** Bytes of the message. */
	get length(): number {
		return this.#isEmpty ? 0 : this.record.getUint32(this.at + field.fullLength, true);
	}

	/** How many of them are here: all or none (`copy` of attach()). */
	get copiedLength(): number {
		return this.#isEmpty ? 0 : this.record.getUint32(this.at + field.copiedLength, true);
	}

	u8(i: number): number {
		return this.record.getUint8(this.#place(i, 1));
	}

	/** Like the next one, as the network orders bytes. */
	u16(i: number): number {
		return this.record.getUint16(this.#place(i, 2));
	}

	u32(i: number): number {
		return this.record.getUint32(this.#place(i, 4));
	}

	get bytes(): ReadonlyBytes {
		return this.view(this.bytesAt, this.bytesAt + this.copiedLength);
	}

	/** @private With the byte that stands for an empty message. */
	get wireBytes(): ReadonlyBytes {
		return this.view(this.bytesAt, this.bytesAt + this.record.getUint32(this.at + field.copiedLength, true));
	}

	/** As UTF-8, whatever `isString` says. */
	get text(): string {
		return decoder.decode(this.bytes as Uint8Array);
	}

	get subchannels(): readonly number[] {
		const { record, at } = this;

		return Array.from({ length: record.getUint16(at + field.subchannelCount, true) }, (_, i) => record.getUint16(at + DataRecord.sizeOf() + i * 2, true));
	}

	get requiredSubchannel(): number | undefined {
		return subchannel(this.record.getInt32(this.at + field.requiredSubchannel, true));
	}

	get ignoredSubchannel(): number | undefined {
		return subchannel(this.record.getInt32(this.at + field.ignoredSubchannel, true));
	}

	/** A writable copy, cut or filled up with zeros to `length` bytes: `return 'replace'` sends it. Of use until the callback returns. */
	edit(length: number = this.copiedLength): Uint8Array {
		return this.stage(this.bytesAt, this.bytesAt + this.copiedLength, length);
	}

	/** Another message: `return message.replace(text)`. Its PPID stays. */
	replace(message: string | Uint8Array | ReadonlyBytes): 'replace' {
		this.stageBytes(typeof message === 'string' ? encoder.encode(message) : (message as Uint8Array));

		return 'replace';
	}

	/** To be kept: the same accessors over memory of its own. */
	copy(): OwnedMessage {
		const copy = new MessageView(this.services, this.where);

		this.copyInto(copy);

		return copy as unknown as OwnedMessage;
	}

	/** Not to see its data producer for so many messages or milliseconds from here on; without an amount for good. It is no verdict. */
	bypass(amount?: BypassAmount): CallResult {
		return this.bypassStream(this.dataProducer, 0, amount);
	}

	protected override get source(): number {
		return this.dataProducer;
	}

	protected override get recordLength(): number {
		return this.bytesAt - this.at + this.record.getUint32(this.at + field.copiedLength, true);
	}

	/** One byte stands for an empty message; it is not part of it. */
	get #isEmpty(): boolean {
		return this.ppid === ppids.emptyString || this.ppid === ppids.emptyBinary;
	}

	#place(i: number, width: number): number {
		if (!(i >= 0 && i + width <= this.copiedLength)) {
			throw new RangeError(`${width} of the message's bytes at ${i}: ${this.copiedLength} of ${this.length} are here`);
		}

		return this.bytesAt + i;
	}
}

function subchannel(number: number): number | undefined {
	return number < 0 ? undefined : number;
}
