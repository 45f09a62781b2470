// Reads bits, the highest of a byte first.

import type { ReadonlyBytes } from '../readonly-bytes.ts';

export class BitReader {
	readonly #bytes: Uint8Array | ReadonlyBytes;
	#at = 0;

	constructor(bytes: Uint8Array | ReadonlyBytes) {
		this.#bytes = bytes;
	}

	/** Past the end there are zeros; `isPastEnd` tells. */
	read(bits: number): number {
		let value = 0;

		for (let i = 0; i < bits; ++i, ++this.#at) {
			value = value * 2 + (((this.#bytes[this.#at >> 3] ?? 0) >> (7 - (this.#at & 7))) & 1);
		}

		return value;
	}

	get isPastEnd(): boolean {
		return this.#at > this.#bytes.length * 8;
	}
}
