// Shows how far ninja is: one line that is updated in place on a terminal, a plain line every ten seconds elsewhere.

const plainIntervalMs = 10_000;

export class Progress {
	readonly #title: string;
	readonly #isTerminal = process.stderr.isTTY;
	readonly #startedAt = Date.now();
	#lastShownAt = Date.now();
	#lineIsOpen = false;

	constructor(title: string) {
		this.#title = title;
	}

	/** Returns whether the line tells of progress, and so of nothing else. */
	onLine(line: string): boolean {
		const step = /^\[(\d+)\/(\d+)\] /.exec(line);

		if (!step) {
			return false;
		}

		const seconds = Math.round((Date.now() - this.#startedAt) / 1000);
		const text = `${this.#title}: ${step[1]} of ${step[2]} steps, ${seconds} s`;

		if (this.#isTerminal) {
			process.stderr.write(`\r\x1b[K${text}`);
			this.#lineIsOpen = true;
		} else if (Date.now() - this.#lastShownAt >= plainIntervalMs) {
			process.stderr.write(`${text}\n`);
			this.#lastShownAt = Date.now();
		}

		return true;
	}

	end(): void {
		if (this.#lineIsOpen) {
			process.stderr.write('\n');
			this.#lineIsOpen = false;
		}
	}
}
