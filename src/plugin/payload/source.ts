// Where payload descriptors are read from: a packet, or bytes.

import type { ReadonlyBytes } from '../readonly-bytes.ts';

export interface PayloadSource {
	/** How many bytes of the payload are here. */
	readonly copiedPayloadLength: number;
	payloadU8(i: number): number;
}

export function payloadSource(bytes: Uint8Array | ReadonlyBytes): PayloadSource {
	return { copiedPayloadLength: bytes.length, payloadU8: (i) => bytes[i] ?? past(i, bytes.length) };
}

/** Reads on, byte by byte. What is cut short throws a RangeError, which readers of descriptors take for "it is none". */
export class PayloadReader {
	at = 0;
	readonly #source: PayloadSource;

	constructor(source: PayloadSource) {
		this.#source = source;
	}

	get left(): number {
		return this.#source.copiedPayloadLength - this.at;
	}

	u8(): number {
		if (this.left <= 0) {
			past(this.at, this.#source.copiedPayloadLength);
		}

		return this.#source.payloadU8(this.at++);
	}

	/** As the network orders bytes. */
	u16(): number {
		return this.u8() * 256 + this.u8();
	}

	skip(bytes: number): void {
		if (bytes > this.left) {
			past(this.at + bytes, this.#source.copiedPayloadLength);
		}
		this.at += bytes;
	}

	/** A number in seven-bit groups, the lowest first (AV1). */
	leb128(): number {
		let value = 0;

		for (let i = 0; i < 8; ++i) {
			const byte = this.u8();

			value += (byte & 0x7f) * 2 ** (7 * i);

			if (byte < 0x80) {
				return value;
			}
		}

		return past(this.at, this.#source.copiedPayloadLength);
	}
}

/** What `read` makes of it; undefined when the payload is too short for what it says that it is. */
export function readOrNothing<T>(source: PayloadSource, read: (reader: PayloadReader) => T | undefined): T | undefined {
	try {
		return read(new PayloadReader(source));
	} catch (error) {
		if (error instanceof RangeError) {
			return undefined;
		}
		throw error;
	}
}

function past(i: number, length: number): never {
	throw new RangeError(`byte ${i} of a payload of ${length}`);
}
