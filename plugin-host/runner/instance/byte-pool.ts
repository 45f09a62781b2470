// Memory that is used again, by size: copies for `onPacketAsync` come and go with each packet.

const smallest = 256;
const largest = 128 * 1024;
/** Bytes that lie idle in one pool at most. */
const maxIdle = 8 * 1024 * 1024;

export class BytePool {
	readonly #idle = new Map<number, Uint8Array<ArrayBuffer>[]>();
	#idleBytes = 0;

	/** At least that many bytes, with whatever stands in them. */
	take(length: number): Uint8Array<ArrayBuffer> {
		const size = sizeFor(length);
		const bytes = this.#idle.get(size)?.pop();

		if (!bytes) {
			return new Uint8Array(size);
		}
		this.#idleBytes -= size;

		return bytes;
	}

	give(bytes: Uint8Array<ArrayBuffer>): void {
		const size = bytes.length;

		if (size > largest || size !== sizeFor(size) || this.#idleBytes + size > maxIdle) {
			return;
		}

		const idle = this.#idle.get(size);

		this.#idleBytes += size;

		if (idle) {
			idle.push(bytes);
		} else {
			this.#idle.set(size, [bytes]);
		}
	}
}

function sizeFor(length: number): number {
	let size = smallest;

	while (size < length && size < largest) {
		size *= 2;
	}

	return Math.max(size, length);
}
