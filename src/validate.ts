// Reads an options object once, at the door: whatever is wrong with it becomes a TypeError that names the call, the field, the value
// and what would have been right. What passed here is not checked again further in.

import { inspect } from 'node:util';

import { InvalidOptionError } from './errors.ts';

export type NumberRange = {
	readonly min: number;
	readonly max: number;
	/** What the number counts, for the message. */
	readonly unit: string;
	/** Whether `min` itself is too small. */
	readonly above?: boolean;
	readonly integer?: boolean;
};

export class OptionReader {
	readonly #call: string;
	readonly #prefix: string;
	readonly #values: Readonly<Record<string, unknown>>;

	/**
	 * `call` is how the user wrote it (`createPlugin()`), `path` the option that the object is the value of. A value of undefined counts as
	 * absent, an unknown key is an error.
	 */
	constructor(call: string, options: unknown, known: readonly string[], path?: string) {
		this.#call = call;
		this.#prefix = path === undefined ? '' : `${path}.`;

		if (!isObject(options)) {
			const problem = path === undefined ? `options are ${show(options)}; they must be` : `option "${path}" is ${show(options)}; it must be`;

			throw new InvalidOptionError('MPH_ERR_OPTION_TYPE', `${call}: ${problem} an object`);
		}
		for (const key of Object.keys(options)) {
			if (!known.includes(key)) {
				throw new InvalidOptionError('MPH_ERR_UNKNOWN_OPTION', `${call}: unknown option "${this.#prefix}${key}"; known are ${known.join(', ')}`);
			}
		}

		this.#values = options;
	}

	has(key: string): boolean {
		return this.#values[key] !== undefined;
	}

	value(key: string): unknown {
		return this.#values[key];
	}

	boolean(key: string, fallback: boolean): boolean {
		const value = this.#values[key] ?? fallback;

		return typeof value === 'boolean' ? value : this.wrongType(key, 'true or false');
	}

	/** Undefined when it is absent. */
	text(key: string, what: string): string | undefined {
		const value = this.#values[key];

		if (value === undefined) {
			return undefined;
		}
		if (typeof value !== 'string') {
			return this.wrongType(key, what);
		}

		return value === '' ? this.wrongValue(key, what) : value;
	}

	number(key: string, range: NumberRange, fallback: number): number {
		const value = this.#values[key] ?? fallback;
		const what = describeRange(range);

		if (typeof value !== 'number') {
			return this.wrongType(key, what);
		}

		const tooSmall = range.above ? value <= range.min : value < range.min;

		if (Number.isNaN(value) || tooSmall || value > range.max || (range.integer && !Number.isInteger(value))) {
			return this.wrongValue(key, what);
		}

		return value;
	}

	oneOf<T extends string>(key: string, choices: readonly T[], fallback: T): T {
		const value = this.#values[key] ?? fallback;
		const what = choices.map((choice) => `"${choice}"`).join(' or ');

		if (typeof value !== 'string') {
			return this.wrongType(key, what);
		}

		return choices.find((choice) => choice === value) ?? this.wrongValue(key, what);
	}

	/** Undefined when it is absent. `what` says what the list is of, as in "audio or video". */
	list<T>(key: string, what: string, isItem: (item: unknown) => item is T, allowEmpty = false): readonly T[] | undefined {
		const value = this.#values[key];

		if (value === undefined) {
			return undefined;
		}
		if (!Array.isArray(value)) {
			return this.wrongType(key, what);
		}

		// every() passes over holes.
		const items: readonly unknown[] = [...value];

		return items.every(isItem) && (allowEmpty || items.length > 0) ? [...new Set(items)] : this.wrongValue(key, what);
	}

	object(key: string): Record<string, unknown> | undefined {
		const value = this.#values[key];

		return value === undefined || isObject(value) ? value : this.wrongType(key, 'an object');
	}

	/** The value as JSON text; `{}` when it is absent. */
	json(key: string, maxLength: number): string {
		const value = this.#values[key] ?? {};
		let text: string | undefined;

		try {
			text = JSON.stringify(value);
		} catch (error) {
			this.wrongType(key, 'something that JSON can express', error);
		}
		if (text === undefined) {
			return this.wrongType(key, 'something that JSON can express');
		}
		if (Buffer.byteLength(text) > maxLength) {
			return this.wrongValue(key, `at most ${maxLength} bytes as JSON, and is ${Buffer.byteLength(text)}`);
		}

		return text;
	}

	wrongType(key: string, expected: string, cause?: unknown): never {
		const problem = this.has(key) ? `is ${show(this.#values[key])}; it must be` : 'is missing; it must be';

		throw new InvalidOptionError('MPH_ERR_OPTION_TYPE', `${this.#call}: option "${this.#prefix}${key}" ${problem} ${expected}`, cause === undefined ? undefined : { cause });
	}

	wrongValue(key: string, expected: string): never {
		throw new InvalidOptionError(
			'MPH_ERR_OPTION_VALUE',
			`${this.#call}: option "${this.#prefix}${key}" is ${show(this.#values[key])}; it must be ${expected}`,
		);
	}
}

export function isObject(value: unknown): value is Record<string, unknown> {
	return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function describeRange({ min, max, unit, above, integer }: NumberRange): string {
	return `a ${integer ? 'whole ' : ''}number of ${unit} ${above ? 'above' : 'from'} ${min} ${above ? 'and at most' : 'to'} ${max}`;
}

/** Of any value, as it stands in a message. */
export function show(value: unknown): string {
	const text = inspect(value, { depth: 1, breakLength: Infinity, maxStringLength: 80, maxArrayLength: 8 });

	return text.length > 120 ? `${text.slice(0, 120)}…` : text;
}
