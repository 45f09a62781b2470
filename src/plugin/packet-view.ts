// An RTP packet as the router sees it: SSRC, payload type and extension ids are the router's (mapped), sequence number and timestamp are the
// sender's. Reading it costs nothing: each accessor is a look into the ring.

import { AudioLevel, Limit, PacketFlag, packetRecordOffsets as field, recordHeaderOffsets } from '../generated/layout.js';
import { findExtension, lengthOf, noExtension, offsetOf } from './header-extensions.ts';
import type { ReadonlyBytes } from './readonly-bytes.ts';
import type { CodecName, KindName } from './record-names.ts';
import { codecNames, kindNames } from './record-names.ts';
import type { BypassAmount } from './record-view.ts';
import { RecordView } from './record-view.ts';
import type { CallResult } from './results.ts';

const ssrcWord = field.ssrc >> 2;
const timestampWord = field.timestamp >> 2;

/** What copy() returns and `onPacketAsync` gets: the same accessors, and bytes of one's own. */
export interface OwnedPacket extends Omit<PacketView, 'bytes' | 'payload' | 'extension' | 'later'> {
	readonly bytes: Uint8Array;
	readonly payload: Uint8Array;
	extension(id: number): Uint8Array | undefined;
}

export class PacketView extends RecordView {
	get ssrc(): number {
		return this.words[this.word + ssrcWord]!;
	}

	get sequenceNumber(): number {
		return this.record.getUint16(this.at + field.sequenceNumber, true);
	}

	get timestamp(): number {
		return this.words[this.word + timestampWord]!;
	}

	get payloadType(): number {
		return this.record.getUint8(this.at + field.payloadType);
	}

	get marker(): boolean {
		return (this.record.getUint8(this.at + field.packetFlags) & PacketFlag.Marker) !== 0;
	}

	/** Whether it begins a key frame, as mediasoup sees it. */
	get isKeyFrame(): boolean {
		return (this.record.getUint8(this.at + field.packetFlags) & PacketFlag.KeyFrame) !== 0;
	}

	/** The V bit of the audio level extension (RFC 6464). */
	get voice(): boolean {
		return (this.record.getUint8(this.at + field.packetFlags) & PacketFlag.Voice) !== 0;
	}

	/** In -dBov: 0 is loud, 127 is silence (RFC 6464). Undefined: the packet does not say. */
	get audioLevel(): number | undefined {
		const level = this.record.getUint8(this.at + field.audioLevel);

		return level === AudioLevel.Unknown ? undefined : level;
	}

	get kind(): Exclude<KindName, 'data'> {
		return kindNames[this.record.getUint8(this.at + field.kind)] === 'audio' ? 'audio' : 'video';
	}

	get codec(): CodecName {
		return codecNames[this.record.getUint8(this.at + field.codec)] ?? 'unknown';
	}

	/** Of the producer's first codec, as "audio/opus". */
	get mimeType(): string | undefined {
		return this.known?.mimeType;
	}

	/** Number of the producer in this plugin's events. */
	get producer(): number {
		return this.record.getUint32(this.at + field.producer, true);
	}

	get producerId(): string | undefined {
		return this.known?.id;
	}

	/**
	 * Number of the consumer in this plugin's events that a DirectTransport sends it for (`transport` of attach()): SSRC, numbers, payload type and extension
	 * ids are that consumer's. Undefined: the attachment is to none.
	 */
	get consumer(): number | undefined {
		return this.record.getUint32(this.at + field.consumer, true) || undefined;
	}

	/** @private How many of that consumer's went by the channel before, modulo 2^32. */
	get byChannel(): number {
		return this.record.getUint32(this.at + field.byChannel, true);
	}

	/** Which of the producer's encodings; undefined: unknown, like the layers. */
	get encodingIndex(): number | undefined {
		return knownLayer(this.record.getUint8(this.at + field.encodingIndex));
	}

	get spatialLayer(): number | undefined {
		return knownLayer(this.record.getUint8(this.at + field.spatialLayer));
	}

	get temporalLayer(): number | undefined {
		return knownLayer(this.record.getUint8(this.at + field.temporalLayer));
	}

	/** Bytes of the packet on the wire, from the RTP header on. */
	get length(): number {
		return this.record.getUint32(this.at + field.fullLength, true);
	}

	/** How many of them are here: all, the RTP header's, or none (`copy` of attach()). */
	get copiedLength(): number {
		return this.record.getUint32(this.at + field.copiedLength, true);
	}

	/** Of the RTP header with CSRCs and extensions. */
	get headerLength(): number {
		return this.record.getUint16(this.at + field.rtpHeaderLength, true);
	}

	get paddingLength(): number {
		return this.record.getUint8(this.at + field.rtpPaddingLength);
	}

	/** On the wire: between header and padding. */
	get payloadLength(): number {
		return Math.max(0, this.length - this.headerLength - this.paddingLength);
	}

	/** How many of its bytes are here. */
	get copiedPayloadLength(): number {
		return this.#payloadEnd - this.#payloadAt;
	}

	/** Byte `i` of the packet; 0 is the first one of the RTP header. */
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

	/** Byte `i` of the payload. */
	payloadU8(i: number): number {
		return this.record.getUint8(this.#payloadPlace(i, 1));
	}

	payloadU16(i: number): number {
		return this.record.getUint16(this.#payloadPlace(i, 2));
	}

	payloadU32(i: number): number {
		return this.record.getUint32(this.#payloadPlace(i, 4));
	}

	get csrcCount(): number {
		return this.#hasHeader ? this.u8(0) & 0x0f : 0;
	}

	csrc(i: number): number {
		if (!(i >= 0 && i < this.csrcCount)) {
			throw new RangeError(`csrc(${i}): the packet has ${this.csrcCount} of them`);
		}

		return this.u32(12 + i * 4);
	}

	get csrcs(): readonly number[] {
		return Array.from({ length: this.csrcCount }, (_, i) => this.csrc(i));
	}

	/** Where the value of a header extension (RFC 8285) begins, for u8() and its like; -1: it is not there. Ids are the router's. */
	extensionOffset(id: number): number {
		const place = this.#extension(id);

		return place === noExtension ? -1 : offsetOf(place);
	}

	/** -1: it is not there. */
	extensionLength(id: number): number {
		const place = this.#extension(id);

		return place === noExtension ? -1 : lengthOf(place);
	}

	extension(id: number): ReadonlyBytes | undefined {
		const place = this.#extension(id);
		const from = this.bytesAt + offsetOf(place);

		return place === noExtension ? undefined : this.view(from, from + lengthOf(place));
	}

	/** All that is here of the packet. */
	get bytes(): ReadonlyBytes {
		return this.view(this.bytesAt, this.bytesAt + this.copiedLength);
	}

	/** What is here of the payload. */
	get payload(): ReadonlyBytes {
		return this.view(this.#payloadAt, this.#payloadEnd);
	}

	/** A writable copy of the payload, cut or filled up with zeros to `length` bytes: `return 'replace'` sends it. Of use until the callback returns. */
	edit(length: number = this.copiedPayloadLength): Uint8Array {
		return this.stage(this.#payloadAt, this.#payloadEnd, length);
	}

	/** Another payload: `return packet.replace(bytes)`. Number, timestamp, payload type and extensions stay. */
	replace(bytes: Uint8Array | ReadonlyBytes): 'replace' {
		this.stageBytes(bytes as Uint8Array);

		return 'replace';
	}

	/** To be kept: the same accessors over memory of its own. */
	copy(): OwnedPacket {
		const copy = new PacketView(this.services, this.where);

		this.copyInto(copy);

		return copy as unknown as OwnedPacket;
	}

	/** Not to see the stream (its SSRC) for so many packets or milliseconds from here on; without an amount for good. It is no verdict. */
	bypass(amount?: BypassAmount): CallResult {
		return this.bypassStream(this.producer, this.ssrc, amount);
	}

	protected override get source(): number {
		return this.producer;
	}

	protected override get recordLength(): number {
		return this.record.getUint16(this.at + recordHeaderOffsets.payloadOffset, true) + this.copiedLength;
	}

	get #hasHeader(): boolean {
		return this.copiedLength >= minHeaderLength;
	}

	get #payloadAt(): number {
		return this.bytesAt + Math.min(this.headerLength, this.copiedLength);
	}

	get #payloadEnd(): number {
		const missing = this.length - this.copiedLength;

		return this.#payloadAt + Math.max(0, this.payloadLength - missing);
	}

	#extension(id: number): number {
		return this.#hasHeader ? findExtension(this.record, this.bytesAt, Math.min(this.headerLength, this.copiedLength), id) : noExtension;
	}

	#place(i: number, width: number): number {
		return i >= 0 && i + width <= this.copiedLength ? this.bytesAt + i : outside('bytes', i, width, this.copiedLength, this.length);
	}

	#payloadPlace(i: number, width: number): number {
		const here = this.copiedPayloadLength;

		return i >= 0 && i + width <= here ? this.#payloadAt + i : outside('payload', i, width, here, this.payloadLength);
	}
}

/** The part of an RTP header that is always there. */
const minHeaderLength = 12;

function knownLayer(layer: number): number | undefined {
	return layer === Limit.UnknownLayer ? undefined : layer;
}

function outside(what: string, i: number, width: number, here: number, all: number): never {
	const why = here < all ? ` of ${all} (option "copy" of attach())` : '';

	throw new RangeError(`${width} of the packet's ${what} at ${i}: ${here}${why} are here`);
}
