// Watches a plugin's file, and the modules that it imports by relative paths, and tells when what is in them has changed. Folders are watched
// and not files, since many editors write a new file and rename it.

import { createHash } from 'node:crypto';
import type { FSWatcher } from 'node:fs';
import { watch } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

import { pluginKindOf } from './plugin-file.ts';

/** After the last sign of a change: editors write in several steps. */
const quietMs = 100;
/** A plugin that imports more is watched as far as this. */
const maxFiles = 512;

export type PluginWatchOptions = {
	readonly file: string;
	/** Called for one change after another. Never rejects. */
	readonly onChange: () => Promise<void>;
	readonly onError: (error: Error) => void;
};

export class PluginWatch {
	readonly #options: PluginWatchOptions;
	#file: string;
	#hash = '';
	readonly #watchers = new Map<string, FSWatcher>();
	#timer: NodeJS.Timeout | undefined;
	#isLooking = false;
	#lookAgain = false;
	#closed = false;

	/** Resolves when it has seen what there is. */
	static async open(options: PluginWatchOptions): Promise<PluginWatch> {
		const opened = new PluginWatch(options);

		opened.#hash = await opened.#read();

		return opened;
	}

	private constructor(options: PluginWatchOptions) {
		this.#options = options;
		this.#file = options.file;
	}

	/** Watches another file from now on. */
	async follow(file: string): Promise<void> {
		if (file !== this.#file) {
			this.#file = file;
			this.#hash = await this.#read();
		}
	}

	close(): void {
		this.#closed = true;
		clearTimeout(this.#timer);
		this.#watchers.forEach((watcher) => watcher.close());
		this.#watchers.clear();
	}

	#soon(): void {
		clearTimeout(this.#timer);
		this.#timer = setTimeout(() => void this.#look(), quietMs).unref();
	}

	async #look(): Promise<void> {
		if (this.#isLooking) {
			this.#lookAgain = true;

			return;
		}
		this.#isLooking = true;

		do {
			this.#lookAgain = false;

			const hash = await this.#read();

			// A file that is not there is about to come back.
			if (hash !== this.#hash && hash !== '' && !this.#closed) {
				this.#hash = hash;
				await this.#options.onChange();
			}
		} while (this.#lookAgain && !this.#closed);

		this.#isLooking = false;
	}

	/** Of all that is watched, by content; watches what has come with it. Empty: the plugin's file is not there. */
	async #read(): Promise<string> {
		const file = this.#file;
		const hash = createHash('sha256');
		const files = [file];

		for (let i = 0; i < files.length; i++) {
			const content = await readFile(files[i]!).catch(() => undefined);

			// One that is empty is being written.
			if (!content?.length && i === 0) {
				this.#watchFolders(files);

				return '';
			}
			hash.update(`${files[i]}\0${content?.length ?? -1}\0`).update(content ?? '');

			const imported = content && pluginKindOf(files[i]!) === 'script' ? importedBy(files[i]!, content.toString()) : [];

			files.push(...imported.filter((other) => !files.includes(other)).slice(0, maxFiles - files.length));
		}
		this.#watchFolders(files);

		return hash.digest('hex');
	}

	#watchFolders(files: readonly string[]): void {
		const folders = new Set(files.map((file) => dirname(file)));

		for (const [folder, watcher] of this.#watchers) {
			if (!folders.has(folder)) {
				watcher.close();
				this.#watchers.delete(folder);
			}
		}
		for (const folder of folders) {
			if (!this.#watchers.has(folder) && !this.#closed) {
				this.#watch(folder);
			}
		}
	}

	#watch(folder: string): void {
		try {
			const watcher = watch(folder, { persistent: false }, () => this.#soon());

			watcher.on('error', (error) => {
				watcher.close();
				this.#watchers.delete(folder);
				this.#options.onError(error);
			});
			this.#watchers.set(folder, watcher);
		} catch (error) {
			this.#options.onError(error as Error);
		}
	}
}

/** By relative paths, as far as they are written out. What only looks like an import does no harm: it is watched in vain. */
function importedBy(file: string, text: string): string[] {
	const specifiers = [...text.matchAll(/\b(?:from|import|require)\s*\(?\s*(['"])(\.{1,2}\/[^'"\n]+)\1/g)].map((match) => match[2]!);

	return specifiers.map((specifier) => resolve(dirname(file), specifier));
}
