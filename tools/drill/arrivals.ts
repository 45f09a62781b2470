// What arrived at the receiver, packet by packet, from the log of rtp-receive: the witness that knows neither the worker's nor the plugin's
// figures. Nothing here measures anything.

/** Of rtp-send's packets each whose counter leaves `rest` when divided by `every` is dropped by the drill's plugin. */
export type Rule = { readonly every: number; readonly rest: number };

export function isDropped({ every, rest }: Rule, counter: number): boolean {
	return counter % every === rest;
}

/** How many of the packets 0 to count - 1 the rule lets pass. */
export function passingOf({ every, rest }: Rule, count: number): number {
	return count - Math.floor((count + every - 1 - rest) / every);
}

/** An event of the drill. Times are of CLOCK_MONOTONIC. */
export type Outage = {
	readonly atNs: number;
	/** When the next host had answered its first packets. */
	readonly servedAtNs: number;
};

export type ArrivalFigures = {
	/** Each packet once, however often it came. */
	readonly distinct: number;
	/** Of these: those that the rule lets pass, and those that it does not. Without a rule all pass. */
	readonly passed: number;
	readonly unfiltered: number;
	/** Came once more. */
	readonly duplicated: number;
	/** Came for the first time, behind a later one of their stream. */
	readonly reordered: number;
	/** Were longer on their way than the limit. */
	readonly late: number;
	/** From each outage to the first packet that arrived after the next host had answered; undefined when none did. */
	readonly gapsMs: readonly (number | undefined)[];
};

/** Bytes of an entry: rtp-receive.c's `arrival`. */
const entryLength = 32;
const firstBits = 1 << 16;

type Stream = { seen: Uint8Array; highest: number };

export class Arrivals {
	readonly #streams: ReadonlyMap<number, Stream>;
	readonly #rule: Rule | undefined;
	readonly #limitNs: number;
	readonly #outages: readonly Outage[];
	readonly #gapsMs: (number | undefined)[];
	/** Indices of those that no packet has come after yet, the next one last. */
	readonly #open: number[];
	readonly #figures = { distinct: 0, passed: 0, unfiltered: 0, duplicated: 0, reordered: 0, late: 0 };
	#rest: Buffer = Buffer.alloc(0);

	/** `ssrcs`: what the receiver got them by; mediasoup also sends streams of its own. */
	constructor(ssrcs: Iterable<number>, rule: Rule | undefined, limitMs: number, outages: readonly Outage[]) {
		this.#streams = new Map([...ssrcs].map((ssrc) => [ssrc, { seen: new Uint8Array(firstBits / 8), highest: -1 }]));
		this.#rule = rule;
		this.#limitNs = limitMs * 1e6;
		this.#outages = outages;
		this.#gapsMs = outages.map(() => undefined);
		this.#open = [...outages.keys()].sort((a, b) => outages[b]!.servedAtNs - outages[a]!.servedAtNs);
	}

	/** A part of the log, in order; entries may be torn apart. */
	read(chunk: Buffer): void {
		const bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
		let at = 0;

		for (; at + entryLength <= bytes.length; at += entryLength) {
			this.#add(
				Number(bytes.readBigUInt64LE(at)),
				Number(bytes.readBigUInt64LE(at + 8)),
				Number(bytes.readBigUInt64LE(at + 16)),
				bytes.readUInt32LE(at + 24),
			);
		}
		this.#rest = Buffer.from(bytes.subarray(at));
	}

	figures(): ArrivalFigures {
		return { ...this.#figures, gapsMs: this.#gapsMs };
	}

	#add(arrivedAtNs: number, sentAtNs: number, counter: number, ssrc: number): void {
		const stream = this.#streams.get(ssrc);

		if (!stream) {
			return;
		}
		this.#closeGaps(arrivedAtNs);
		if (testAndSet(stream, counter)) {
			++this.#figures.duplicated;

			return;
		}
		++this.#figures.distinct;
		++this.#figures[this.#rule && isDropped(this.#rule, counter) ? 'unfiltered' : 'passed'];
		this.#figures.late += arrivedAtNs - sentAtNs > this.#limitNs ? 1 : 0;
		this.#figures.reordered += counter < stream.highest ? 1 : 0;
		stream.highest = Math.max(stream.highest, counter);
	}

	#closeGaps(arrivedAtNs: number): void {
		for (let next = this.#open.at(-1); next !== undefined && this.#outages[next]!.servedAtNs <= arrivedAtNs; next = this.#open.at(-1)) {
			this.#gapsMs[next] = (arrivedAtNs - this.#outages[next]!.atNs) / 1e6;
			this.#open.pop();
		}
	}
}

function testAndSet(stream: Stream, counter: number): boolean {
	const [index, bit] = [Math.floor(counter / 8), 1 << (counter % 8)];

	if (index >= stream.seen.length) {
		const grown = new Uint8Array(2 * index);

		grown.set(stream.seen);
		stream.seen = grown;
	}

	const wasSet = (stream.seen[index]! & bit) !== 0;

	stream.seen[index]! |= bit;

	return wasSet;
}
