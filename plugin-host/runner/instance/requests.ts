// What the app asks of the plugin or tells it: to the method's own handler, or to `onRequest`.

import type { PluginHandlers, RequestHandlers } from '../../../src/plugin/handlers.ts';
import { Result } from './addon.ts';
import type { Body } from './bodies.ts';
import { decodeBody, encodeBody } from './bodies.ts';
import { describe } from './script-errors.ts';

export type RequestsOptions = {
	readonly handlers: PluginHandlers;
	readonly reply: (request: number, failed: boolean, body: Body) => void;
	/** Of notifications, to which nobody can be told. */
	readonly report: (where: string, error: unknown) => void;
};

export class Requests {
	readonly #options: RequestsOptions;

	constructor(options: RequestsOptions) {
		this.#options = options;
	}

	/** `request` 0: a notification. Never rejects. */
	async take(method: string, body: Body, request: number): Promise<void> {
		const { reply, report } = this.#options;
		const where = `${request === 0 ? 'notification' : 'request'} "${method}"`;

		try {
			const answer = await this.#handle(method, decodeBody(body));

			if (request !== 0) {
				reply(request, false, encodeBody(`the answer to ${where}`, answer));
			}
		} catch (error) {
			if (request === 0) {
				report(where, error);
			} else {
				reply(request, true, error instanceof Error && error.message !== '' ? error.message : describe(error));
			}
		}
	}

	#handle(method: string, body: unknown): unknown {
		const { handlers } = this.#options;
		const own: RequestHandlers = handlers.requests ?? {};

		if (Object.hasOwn(own, method)) {
			return (own as Record<string, (body: unknown) => unknown>)[method]!(body);
		}
		if (handlers.onRequest) {
			return handlers.onRequest(method, body);
		}

		const methods = Object.keys(own);

		throw new Error(`the plugin has no handler for "${method}"; ${methods.length > 0 ? `it has ${methods.join(', ')}` : 'it takes no requests'}`);
	}
}

/** The text of a reply that the addon took no body for. */
export function refusalOf(result: number, body: Body): string | undefined {
	return result === Result.invalid && body !== undefined ? `the answer of ${Buffer.byteLength(body)} bytes is too long` : undefined;
}
