// Frames of the control protocol: a uint32 (little endian) with the length of what follows, then one FlatBuffers `Envelope`.
// A stream socket cuts them anywhere; this puts them together again, and refuses a length before it buys memory for it.

import { ProtocolError } from '../errors.ts';
import { Limit } from '../generated/control.js';

export const lengthPrefixBytes = 4;

export class FrameReader {
	readonly #maxFrameBytes: number;
	#chunks: Buffer[] = [];
	#buffered = 0;

	constructor(maxFrameBytes: number = Limit.MaxFrameBytes) {
		this.#maxFrameBytes = maxFrameBytes;
	}

	/** The frames that are complete with `chunk`, without their prefix. Throws ProtocolError; nothing can be read after that. */
	push(chunk: Buffer): Buffer[] {
		const frames: Buffer[] = [];

		this.#chunks.push(chunk);
		this.#buffered += chunk.length;

		for (let frame = this.#next(); frame; frame = this.#next()) {
			frames.push(frame);
		}

		return frames;
	}

	#next(): Buffer | undefined {
		if (this.#buffered < lengthPrefixBytes) {
			return undefined;
		}

		const length = this.#peek(lengthPrefixBytes).readUInt32LE(0);

		if (length > this.#maxFrameBytes) {
			throw new ProtocolError('MPH_ERR_PROTOCOL', `a frame of ${length} bytes was announced; at most ${this.#maxFrameBytes} are allowed`);
		}
		if (this.#buffered < lengthPrefixBytes + length) {
			return undefined;
		}

		const bytes = this.#peek(lengthPrefixBytes + length);

		this.#skip(lengthPrefixBytes + length);

		return bytes.subarray(lengthPrefixBytes, lengthPrefixBytes + length);
	}

	/** The first chunk, made at least `count` bytes long by joining what is there; never copies when one chunk holds it all. */
	#peek(count: number): Buffer {
		if (this.#chunks[0]!.length < count) {
			this.#chunks = [Buffer.concat(this.#chunks)];
		}

		return this.#chunks[0]!;
	}

	#skip(count: number): void {
		const rest = this.#chunks[0]!.subarray(count);

		if (rest.length > 0) {
			this.#chunks[0] = rest;
		} else {
			this.#chunks.shift();
		}
		this.#buffered -= count;
	}
}
