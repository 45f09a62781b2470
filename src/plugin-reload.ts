// Option `watch`: a plugin whose file is saved is restarted without loss. If what was saved does not run, the old one serves on.

import { setTimeout as delay } from 'node:timers/promises';

import { isCodedError } from './errors.ts';
import type { Logger } from './logger.ts';
import { PluginWatch } from './plugin-watch.ts';

/** A plugin, as far as it is needed. */
export interface ReloadedPlugin {
	readonly name: string;
	readonly file: string;
	tell(event: 'reloadfailed', error: Error): void;
}

/** Between two tries while the app itself has the plugin restarted or upgraded. */
const busyMs = 100;

export class PluginReload {
	readonly #plugin: ReloadedPlugin;
	readonly #restart: () => Promise<void>;
	readonly #logger: Logger;
	#watch: PluginWatch | undefined;
	#closed = false;

	constructor(plugin: ReloadedPlugin, restart: () => Promise<void>, logger: Logger) {
		this.#plugin = plugin;
		this.#restart = restart;
		this.#logger = logger;
	}

	/** What is saved from then on is noticed. */
	async open(): Promise<void> {
		this.#watch = await PluginWatch.open({
			file: this.#plugin.file,
			onChange: () => this.#reload(),
			onError: (error) => this.#logger.warn(`${this.#plugin.name}: its file is not watched any more: ${error.message}`),
		});

		if (this.#closed) {
			this.#watch.close();
		}
	}

	follow(file: string): void {
		void this.#watch?.follow(file);
	}

	close(): void {
		this.#closed = true;
		this.#watch?.close();
	}

	async #reload(): Promise<void> {
		const { name } = this.#plugin;

		this.#logger.info(`${name}: its file was saved; it is restarted`);

		while (!this.#closed) {
			try {
				await this.#restart();

				return;
			} catch (error) {
				if (this.#closed) {
					return;
				}
				if (!isCodedError(error) || error.code !== 'MPH_ERR_BUSY') {
					this.#logger.error(`${name}: what was saved does not run, and what ran before serves on: ${(error as Error).message}`);
					this.#plugin.tell('reloadfailed', error as Error);

					return;
				}
				await delay(busyMs, undefined, { ref: false });
			}
		}
	}
}
