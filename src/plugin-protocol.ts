// What app and plugin say to one another: its types, and its bodies on the wire (JSON text or bytes). A plugin is foreign code: what it
// says is checked here.

import type { RawBody } from './control/incoming.ts';
import { InvalidOptionError, RequestFailedError } from './errors.ts';
import { MessageLimit } from './generated/control.js';
import { OptionReader, isObject, show } from './validate.ts';

/** By method or name: what is asked and answered, what is notified, and what the plugin says unasked. */
export type PluginProtocol = {
	readonly requests: Readonly<Record<string, { readonly body: unknown; readonly answer: unknown }>>;
	readonly notifications: Readonly<Record<string, unknown>>;
	readonly messages: Readonly<Record<string, unknown>>;
};

export type RequestMethod<P extends PluginProtocol> = keyof P['requests'] & string;
export type NotificationMethod<P extends PluginProtocol> = keyof P['notifications'] & string;

export type PluginMessage<P extends PluginProtocol = PluginProtocol> = {
	readonly [Name in keyof P['messages'] & string]: {
		readonly name: Name;
		/** A Uint8Array where the plugin said bytes. */
		readonly body: P['messages'][Name];
		/** Process id of the worker whose instance says it. Undefined: it is not of a worker yet. */
		readonly worker: number | undefined;
	};
}[keyof P['messages'] & string];

/** A mediasoup Worker, or its pid. */
export type WorkerTarget = number | { readonly pid: number };

export type RequestOptions = {
	/** From the call until the answer. Default 5,000 ms. */
	readonly timeoutMs?: number;
	/** Whose instance is asked. Default: every one, and the oldest one's answer is the answer. */
	readonly worker?: WorkerTarget;
};

export type RequestAllOptions = Pick<RequestOptions, 'timeoutMs'>;
export type NotifyOptions = Pick<RequestOptions, 'worker'>;

export type RequestSettings = { readonly timeoutMs: number; readonly workerPid: number | undefined };

/** A method with its body, ready to be sent. */
export type PluginCall = { readonly method: string; readonly body: Uint8Array | undefined; readonly binary: boolean };

const defaultTimeoutMs = 5_000;
const maxMethodBytes = 1_024;

export function parseRequestOptions(call: string, options: unknown, known: readonly (keyof RequestOptions)[]): RequestSettings {
	const reader = new OptionReader(call, options, known);

	return {
		timeoutMs: reader.number('timeoutMs', { min: 0, above: true, max: 600_000, unit: 'milliseconds' }, defaultTimeoutMs),
		workerPid: reader.has('worker') ? readWorker(reader) : undefined,
	};
}

/** Bytes are copied: the app may go on with its own while they wait. */
export function encodeCall(call: string, method: unknown, body: unknown): PluginCall {
	if (typeof method !== 'string' || method === '' || method.includes('\0') || Buffer.byteLength(method) > maxMethodBytes) {
		throw new InvalidOptionError(
			typeof method === 'string' ? 'MPH_ERR_OPTION_VALUE' : 'MPH_ERR_OPTION_TYPE',
			`${call}: method is ${show(method)}; it must be text of 1 to ${maxMethodBytes} bytes without a zero`,
		);
	}

	const binary = body instanceof Uint8Array;
	const bytes = binary ? Uint8Array.from(body) : body === undefined ? undefined : encodeJson(call, body);

	if (bytes && bytes.length > MessageLimit.MaxBodyBytes) {
		throw new InvalidOptionError(
			'MPH_ERR_OPTION_VALUE',
			`${call}: the body of "${method}" has ${bytes.length} bytes; at most ${MessageLimit.MaxBodyBytes} are allowed`,
		);
	}

	return { method, body: bytes, binary };
}

/** Throws a SyntaxError for what is no JSON. */
export function decodeBody({ body, binary }: RawBody): unknown {
	return binary || body === undefined ? body : (JSON.parse(Buffer.from(body).toString()) as unknown);
}

/** Throws RequestFailedError for what is no JSON. */
export function decodeAnswer(method: string, workerPid: number, answer: RawBody): unknown {
	try {
		return decodeBody(answer);
	} catch (error) {
		throw new RequestFailedError('MPH_ERR_REQUEST_FAILED', `request "${method}" was answered in worker ${workerPid} with what is no JSON`, { cause: error });
	}
}

/** What the plugin says is wrong; with `failed` its body is text. */
export function failureOf(method: string, workerPid: number, { body }: RawBody): RequestFailedError {
	const text = Buffer.from(body ?? []).toString() || 'it does not say why';

	return new RequestFailedError('MPH_ERR_REQUEST_FAILED', `request "${method}" failed in worker ${workerPid}: ${text}`);
}

function encodeJson(call: string, body: unknown): Uint8Array {
	const refuse = (cause?: unknown): never => {
		throw new InvalidOptionError('MPH_ERR_OPTION_TYPE', `${call}: body is ${show(body)}; it must be something that JSON can express, or a Uint8Array`, {
			cause,
		});
	};

	// As JSON they would be objects of numbers.
	if (ArrayBuffer.isView(body) || body instanceof ArrayBuffer) {
		return refuse();
	}

	let text: string | undefined;

	try {
		text = JSON.stringify(body);
	} catch (error) {
		return refuse(error);
	}

	return text === undefined ? refuse() : Buffer.from(text);
}

function readWorker(reader: OptionReader): number {
	const worker = reader.value('worker');
	const pid = isObject(worker) ? worker['pid'] : worker;

	return typeof pid === 'number' ? pid : reader.wrongType('worker', 'a mediasoup Worker or its pid');
}
