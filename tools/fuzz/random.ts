/** The same seed, the same numbers (splitmix32). */
export class Random {
	#state: number;

	constructor(seed: number) {
		this.#state = seed | 0;
	}

	/** 32 bits. */
	next(): number {
		this.#state = (this.#state + 0x9e3779b9) | 0;

		let mixed = this.#state ^ (this.#state >>> 16);

		mixed = Math.imul(mixed, 0x21f0aaad);
		mixed ^= mixed >>> 15;
		mixed = Math.imul(mixed, 0x735a2d97);

		return (mixed ^ (mixed >>> 15)) >>> 0;
	}

	below(limit: number): number {
		return Math.floor((this.next() / 2 ** 32) * limit);
	}

	oneIn(count: number): boolean {
		return this.below(count) === 0;
	}

	of<T>(values: readonly T[]): T {
		return values[this.below(values.length)]!;
	}
}
