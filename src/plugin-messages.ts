// One plugin's side of what app and plugin say to one another: the app's values become calls, what the plugin says becomes values.

import type { PluginPost } from './host-handle.ts';
import type { Logger } from './logger.ts';
import type { NotifyOptions, PluginMessage, RequestAllOptions, RequestOptions } from './plugin-protocol.ts';
import { decodeAnswer, decodeBody, encodeCall, parseRequestOptions } from './plugin-protocol.ts';
import type { PluginRequests } from './plugin-requests.ts';

export type PluginMessagesOptions = {
	readonly pluginId: string;
	readonly requests: PluginRequests;
	readonly logger: Logger;
	/** For the log. */
	readonly name: () => string;
	/** Throws when the plugin cannot be asked now. */
	readonly assertUsable: (call: string) => void;
};

export class PluginMessages {
	readonly #options: PluginMessagesOptions;

	constructor(options: PluginMessagesOptions) {
		this.#options = options;
	}

	async request(method: string, body: unknown, options: RequestOptions): Promise<unknown> {
		const settings = parseRequestOptions('request()', options, ['timeoutMs', 'worker']);
		const answers = await this.#ask('request()', method, body, settings);

		// There is one at least, the oldest first.
		return answers.values().next().value;
	}

	requestAll(method: string, body: unknown, options: RequestAllOptions): Promise<Map<number, unknown>> {
		return this.#ask('requestAll()', method, body, parseRequestOptions('requestAll()', options, ['timeoutMs']));
	}

	/** Whoever does not wait for it finds in the log that it failed; the app does not die of it. */
	notify(method: string, body: unknown, options: NotifyOptions): Promise<void> {
		const { logger, name } = this.#options;
		const notified = this.#notify(method, body, options);

		notified.catch((error: Error) => logger.warn(`notification "${method}" for plugin ${name()}: ${error.message}`));

		return notified;
	}

	/** Undefined for what cannot be read; the log says so. */
	read({ name, workerPid, ...raw }: PluginPost): PluginMessage | undefined {
		try {
			return { name, body: decodeBody(raw), worker: workerPid === 0 ? undefined : workerPid };
		} catch (error) {
			this.#options.logger.warn(`message "${name}" of plugin ${this.#options.name()} was thrown away: ${(error as Error).message}`);

			return undefined;
		}
	}

	async #ask(call: string, method: string, body: unknown, settings: ReturnType<typeof parseRequestOptions>): Promise<Map<number, unknown>> {
		const { pluginId, requests, assertUsable } = this.#options;
		const encoded = encodeCall(call, method, body);

		assertUsable(call);

		const answers = await requests.send(encoded, { ...settings, pluginId, isNotification: false });

		return new Map([...answers].map(([workerPid, answer]) => [workerPid, decodeAnswer(method, workerPid, answer)]));
	}

	async #notify(method: string, body: unknown, options: NotifyOptions): Promise<void> {
		const { pluginId, requests, assertUsable } = this.#options;
		const settings = parseRequestOptions('notify()', options, ['worker']);
		const encoded = encodeCall('notify()', method, body);

		assertUsable('notify()');
		await requests.send(encoded, { ...settings, pluginId, isNotification: true });
	}
}
