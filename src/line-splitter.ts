// Cuts what a process prints into lines for the log. A plugin may print anything, so a line that never ends is cut, not collected.

const maxLineLength = 8_192;

export class LineSplitter {
	readonly #decoder = new TextDecoder();
	readonly #onLine: (line: string) => void;
	#rest = '';

	constructor(onLine: (line: string) => void) {
		this.#onLine = onLine;
	}

	push(chunk: Uint8Array): void {
		const lines = (this.#rest + this.#decoder.decode(chunk, { stream: true })).split('\n');

		this.#rest = lines.pop()!;

		for (const line of lines) {
			this.#emit(line);
		}
		while (this.#rest.length > maxLineLength) {
			this.#emit(this.#rest.slice(0, maxLineLength));
			this.#rest = this.#rest.slice(maxLineLength);
		}
	}

	/** The last line may lack its end. */
	end(): void {
		this.#emit(this.#rest);
		this.#rest = '';
	}

	#emit(line: string): void {
		const text = line.trimEnd();

		if (text) {
			this.#onLine(text);
		}
	}
}
