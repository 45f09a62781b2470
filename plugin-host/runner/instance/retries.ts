// What found no room is tried again, in order, until it is taken.

import { Result } from './addon.ts';

const firstMs = 1;
const lastMs = 64;

export class Retries {
	readonly #waiting: (() => number)[] = [];
	#timer: NodeJS.Timeout | undefined;
	#pauseMs = firstMs;
	#closed = false;

	get size(): number {
		return this.#waiting.length;
	}

	/** `attempt` says mph_result; with `full` it is called again later. What has to wait waits behind what waits already. */
	run(attempt: () => number): void {
		if (this.#waiting.length > 0 || attempt() === Result.full) {
			this.#waiting.push(attempt);
			this.#arm();
		}
	}

	/** Each is attempted once more, to learn that it is over. */
	close(): void {
		this.#closed = true;
		clearTimeout(this.#timer);

		for (const attempt of this.#waiting.splice(0)) {
			attempt();
		}
	}

	#arm(): void {
		if (!this.#closed) {
			this.#timer ??= setTimeout(() => this.#goOn(), this.#pauseMs);
		}
	}

	#goOn(): void {
		this.#timer = undefined;

		let done = 0;

		while (done < this.#waiting.length && this.#waiting[done]!() !== Result.full) {
			++done;
		}
		this.#waiting.splice(0, done);
		this.#pauseMs = done > 0 ? firstMs : Math.min(this.#pauseMs * 2, lastMs);

		if (this.#waiting.length > 0) {
			this.#arm();
		}
	}
}

/** Tells whoever heard 'full' when it is worth trying again. */
export class Drain {
	#pauseMs = 0;
	#waiting: Promise<void> | undefined;
	#release: (() => void) | undefined;
	#closed = false;

	/** What a call came to. */
	saw(result: number): void {
		if (result === Result.full) {
			this.#pauseMs = Math.max(this.#pauseMs, firstMs);
		} else if (result === Result.ok) {
			this.#pauseMs = 0;
		}
	}

	/** At once if the last call found room. Twice as long each time that it comes to nothing. */
	wait(): Promise<void> {
		if (this.#pauseMs === 0 || this.#closed) {
			return Promise.resolve();
		}

		this.#waiting ??= new Promise((resolve) => {
			const timer = setTimeout(() => this.#release?.(), this.#pauseMs);

			this.#pauseMs = Math.min(this.#pauseMs * 2, lastMs);
			this.#release = () => {
				clearTimeout(timer);
				this.#waiting = undefined;
				this.#release = undefined;
				resolve();
			};
		});

		return this.#waiting;
	}

	close(): void {
		this.#closed = true;
		this.#release?.();
	}
}
