// Where the packets or messages of one consumer come out, in the order in which the worker sent them: by the ring, and by the channel what found no
// room there. The worker may send the first ones before the app has the consumer in hand: those wait.

export type Emit = (bytes: Buffer, ppid: number) => void;

type Item = { readonly bytes: Buffer; readonly ppid: number };

/** For as long as consume() has not returned; far more than arrives meanwhile. */
const maxWaitingBytes = 4_194_304;

export class Outlet {
	readonly #readOn: (isEnough: () => boolean) => void;
	#emit: Emit | undefined;
	readonly #waiting: Item[] = [];
	#waitingBytes = 0;
	/** How many have come by the channel, modulo 2^32. */
	#byChannel = 0;
	/** Of the ring, and behind what the channel still has on its way. */
	readonly #early: (Item & { readonly byChannel: number })[] = [];

	/** `readOn`: makes the ring give what it has, until that is enough. */
	constructor(readOn: (isEnough: () => boolean) => void) {
		this.#readOn = readOn;
	}

	/** What the ring has, and how many the worker had sent by the channel before it. False: there is no room for it, and nobody gets it. */
	give(bytes: Buffer, ppid: number, byChannel: number): boolean {
		if (this.#early.length > 0 || !this.#hasHeard(byChannel)) {
			this.#early.push({ bytes, ppid, byChannel });

			return true;
		}

		return this.#pass({ bytes, ppid });
	}

	/** What the channel has. All that the worker published before is in the ring, and comes first. */
	hear(bytes: Buffer, ppid: number): void {
		this.#readOn(() => this.#early.length > 0);
		this.#pass({ bytes, ppid });
		this.#byChannel = (this.#byChannel + 1) >>> 0;

		while (this.#early.length > 0 && this.#hasHeard(this.#early[0]!.byChannel)) {
			this.#pass(this.#early.shift()!);
		}
	}

	/** Its consumer is there. Whoever awaits consume() has the time to listen, as with mediasoup's own notifications. */
	open(emit: Emit): void {
		setImmediate(() => {
			for (const { bytes, ppid } of this.#waiting.splice(0)) {
				emit(bytes, ppid);
			}
			this.#emit = emit;
		});
	}

	#hasHeard(byChannel: number): boolean {
		return ((byChannel - this.#byChannel) | 0) <= 0;
	}

	#pass(item: Item): boolean {
		if (this.#emit) {
			this.#emit(item.bytes, item.ppid);

			return true;
		}
		if (this.#waitingBytes + item.bytes.length > maxWaitingBytes) {
			return false;
		}
		this.#waitingBytes += item.bytes.length;
		this.#waiting.push(item);

		return true;
	}
}
