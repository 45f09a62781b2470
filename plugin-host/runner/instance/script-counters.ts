// Sums of the plugin's counters, and of the runner's own (`script.…`), handed on ten times a second: a call into the addon per packet would
// cost more than most plugins.

import type { Counter } from '../../../src/plugin/plugin-context.ts';

const flushMs = 100;

export class ScriptCounters {
	readonly #count: (name: string, add: number) => void;
	readonly #sums = new Map<string, Sum>();
	#timer: NodeJS.Timeout | undefined;
	#closed = false;

	constructor(count: (name: string, add: number) => void) {
		this.#count = count;
	}

	get(name: string): Counter {
		if (typeof name !== 'string' || name === '') {
			throw new TypeError(`counter(): the name is ${JSON.stringify(name)}; it must be text`);
		}

		let sum = this.#sums.get(name);

		if (!sum) {
			sum = new Sum(() => this.#arm());
			this.#sums.set(name, sum);
		}

		return sum;
	}

	flush(): void {
		clearTimeout(this.#timer);
		this.#timer = undefined;

		for (const [name, sum] of this.#sums) {
			const add = sum.take();

			if (add > 0) {
				this.#count(name, add);
			}
		}
	}

	close(): void {
		this.flush();
		this.#closed = true;
	}

	#arm(): void {
		if (!this.#closed) {
			this.#timer ??= setTimeout(() => this.flush(), flushMs);
		}
	}
}

class Sum implements Counter {
	readonly #changed: () => void;
	#sum = 0;

	constructor(changed: () => void) {
		this.#changed = changed;
	}

	add(number = 1): void {
		if (!Number.isSafeInteger(number) || number < 0) {
			throw new RangeError(`counter.add(${number}): it must be a whole number from 0 on`);
		}
		if (this.#sum === 0 && number > 0) {
			this.#changed();
		}
		this.#sum += number;
	}

	take(): number {
		const sum = this.#sum;

		this.#sum = 0;

		return sum;
	}
}
