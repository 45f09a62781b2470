// Decides how soon a dead host is replaced and when it is given up. Only deaths without any work done since the start count: a hundred
// kills from outside are no crash loop.

export type CrashBudgetOptions = {
	/** Fruitless deaths in a row that are too many. */
	readonly deaths: number;
	/** After the second fruitless death in a row; it doubles with each further one. After the first there is no delay. */
	readonly delayMs: number;
	readonly maxDelayMs: number;
};

export class CrashBudget {
	readonly #options: CrashBudgetOptions;
	#deathsInRow = 0;

	constructor(options: CrashBudgetOptions) {
		this.#options = options;
	}

	/** Fruitless ones. */
	get deathsInRow(): number {
		return this.#deathsInRow;
	}

	get exhausted(): boolean {
		return this.#deathsInRow >= this.#options.deaths;
	}

	/** Whether the next death can be answered by a restart before it is known if it was fruitless. */
	get allowsRestartAtOnce(): boolean {
		return this.#deathsInRow === 0 && this.#options.deaths > 1;
	}

	/** What to wait before the next start. */
	get delayMs(): number {
		const { delayMs, maxDelayMs } = this.#options;

		return this.#deathsInRow < 2 ? 0 : Math.min(delayMs * 2 ** (this.#deathsInRow - 2), maxDelayMs);
	}

	/** What died so far says nothing about what comes next. */
	reset(): void {
		this.#deathsInRow = 0;
	}

	/** A host died, and whether it had worked is known by now. */
	died(hadWorked: boolean): void {
		this.#deathsInRow = hadWorked ? 0 : this.#deathsInRow + 1;
	}
}
