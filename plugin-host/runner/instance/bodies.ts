// Bodies of messages between plugin and app: bytes, JSON text, or nothing.

import { show } from '../../../src/validate.ts';

export type Body = string | Uint8Array | undefined;

/** Throws a TypeError for what is neither. `what` names it. */
export function encodeBody(what: string, body: unknown): Body {
	if (body === undefined || body instanceof Uint8Array) {
		return body;
	}

	let text: string | undefined;
	let cause: unknown;

	// As JSON, arrays of bytes would be objects of numbers.
	if (!ArrayBuffer.isView(body) && !(body instanceof ArrayBuffer)) {
		try {
			text = JSON.stringify(body);
		} catch (error) {
			cause = error;
		}
	}
	if (text === undefined) {
		throw new TypeError(`${what} is ${show(body)}; it must be something that JSON can express, or a Uint8Array`, { cause });
	}

	return text;
}

/** Throws a SyntaxError for what is no JSON. */
export function decodeBody(body: Body): unknown {
	return typeof body === 'string' ? (JSON.parse(body) as unknown) : body;
}
