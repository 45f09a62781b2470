// Where the packets or messages of one consumer come out. The worker may send the first ones before the app has the consumer in hand: those wait.

export type Emit = (bytes: Buffer, ppid: number) => void;

/** For as long as consume() has not returned; far more than arrives meanwhile. */
const maxWaitingBytes = 4_194_304;

export class Outlet {
	#emit: Emit | undefined;
	#waiting: { readonly bytes: Buffer; readonly ppid: number }[] = [];
	#waitingBytes = 0;

	/** False: there is no room for it, and nobody gets it. */
	give(bytes: Buffer, ppid: number): boolean {
		if (this.#emit) {
			this.#emit(bytes, ppid);

			return true;
		}
		if (this.#waitingBytes + bytes.length > maxWaitingBytes) {
			return false;
		}
		this.#waitingBytes += bytes.length;
		this.#waiting.push({ bytes, ppid });

		return true;
	}

	/** Its consumer is there. Whoever awaits consume() has the time to listen, as with mediasoup's own notifications. */
	open(emit: Emit): void {
		setImmediate(() => {
			for (const { bytes, ppid } of this.#waiting) {
				emit(bytes, ppid);
			}
			this.#waiting = [];
			this.#emit = emit;
		});
	}
}
