// What a plugin throws: counted, logged with its source line at most once a second per place, and too much when `errorBudget` of them come
// within ten seconds.

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { Counter } from '../../../src/plugin/plugin-context.ts';

const windowMs = 10_000;
const quietMs = 1_000;
/** Of the places that are kept quiet. */
const maxPlaces = 256;
const maxStackLines = 8;

export type ScriptErrorsOptions = {
	readonly plugin: string;
	readonly errorBudget: number;
	readonly throws: Counter;
	readonly log: (message: string) => void;
	readonly end: (reason: string) => void;
	/** For tests. */
	readonly now?: () => number;
};

export class ScriptErrors {
	readonly #options: ScriptErrorsOptions;
	/** Times of the last ones, as many as the budget has; filled in turn. */
	readonly #times: number[] = [];
	#next = 0;
	#ended = false;
	readonly #places = new Map<string, { at: number; suppressed: number }>();

	constructor(options: ScriptErrorsOptions) {
		this.#options = options;
	}

	/** `where` is a handler's name. */
	report(where: string, error: unknown): void {
		const now = this.#options.now?.() ?? performance.now();

		this.#options.throws.add();
		this.#log(where, error, now);
		this.#spend(where, error, now);
	}

	#log(where: string, error: unknown, now: number): void {
		const line = sourceLine(error);
		const key = `${where} ${line ?? describe(error)}`;
		const place = this.#places.get(key);

		if (place && now - place.at < quietMs) {
			++place.suppressed;

			return;
		}
		if (!place && this.#places.size >= maxPlaces) {
			this.#places.clear();
		}
		this.#places.set(key, { at: now, suppressed: 0 });

		const before = place && place.suppressed > 0 ? ` (and ${place.suppressed} times more since it was last logged)` : '';

		this.#options.log(`plugin ${this.#options.plugin}: ${where} threw${line ? ` at ${line}` : ''}${before}: ${stackOf(error)}`);
	}

	#spend(where: string, error: unknown, now: number): void {
		const { errorBudget, plugin, end } = this.#options;
		const oldest = this.#times.length < errorBudget - 1 ? undefined : errorBudget === 1 ? now : this.#times[this.#next];

		if (errorBudget > 1) {
			this.#times[this.#next] = now;
			this.#next = (this.#next + 1) % (errorBudget - 1);
		}
		if (oldest !== undefined && now - oldest < windowMs && !this.#ended) {
			this.#ended = true;
			end(`plugin ${plugin}: ${errorBudget} errors within ${windowMs / 1_000} s (errorBudget), the last one: ${where}${at(error)}: ${describe(error)}`);
		}
	}
}

/** Frames that are the library's own, or Node's, say nothing to the plugin's author. */
const ownFolders = [join(import.meta.dirname, '..'), join(import.meta.dirname, '../../../src')].map((folder) => `${folder}/`);
const frame = /^\s+at (?:.* \()?(?:async )?((?:file:\/\/)?\/.*:\d+:\d+|node:.*|<anonymous>)\)?$/;

/** The innermost line of the plugin that the error came by, as "/path/file.ts:12:9". */
export function sourceLine(error: unknown): string | undefined {
	for (const line of stackLines(error)) {
		const place = placeOf(line);

		if (place !== undefined && !isForeign(place)) {
			return place;
		}
	}

	return undefined;
}

function stackLines(error: unknown): readonly string[] {
	return error instanceof Error && typeof error.stack === 'string' ? error.stack.split('\n') : [];
}

/** Undefined: the line is no frame. */
function placeOf(line: string): string | undefined {
	const place = frame.exec(line)?.[1];

	return place?.startsWith('file:') ? pathOf(place) : place;
}

function isForeign(place: string): boolean {
	return !place.startsWith('/') || ownFolders.some((folder) => place.startsWith(folder));
}

export function describe(error: unknown): string {
	try {
		return error instanceof Error ? `${error.name}: ${error.message}` : `what is no Error: ${String(error)}`;
	} catch {
		return 'what cannot be shown';
	}
}

function at(error: unknown): string {
	const line = sourceLine(error);

	return line ? ` at ${line}` : '';
}

function pathOf(url: string): string {
	try {
		return fileURLToPath(url.replace(/:\d+:\d+$/, '')) + /:\d+:\d+$/.exec(url)![0];
	} catch {
		return url;
	}
}

function stackOf(error: unknown): string {
	const lines = stackLines(error).filter((line) => {
		const place = placeOf(line);

		return place === undefined || !isForeign(place);
	});

	return lines.length > 1 ? lines.slice(0, maxStackLines).join('\n') : describe(error);
}
