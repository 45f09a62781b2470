// Where packets that hosts died of are saved: one file each in a directory of the user's own, to be looked at and replayed.

import { lstat, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { defaults } from './defaults.ts';
import type { CrashCapture } from './pcapng.ts';
import { writeCrashCapture } from './pcapng.ts';

export const defaultCrashDir = join(tmpdir(), defaults.crashDirName);

const longestName = 64;

export class CrashCaptures {
	readonly #dir: string;
	readonly #sharedDir: string;

	/** `sharedDir`: one that anybody may have made. A parameter for the sake of tests. */
	constructor(dir: string, sharedDir = defaultCrashDir) {
		this.#dir = dir;
		this.#sharedDir = sharedDir;
	}

	/** `<plugin>-<time>-<pid>.pcapng`. A plugin calls itself what it likes; it is not to choose another directory. */
	pathOf(pluginName: string, hostPid: number, at = new Date()): string {
		const name = pluginName.replaceAll(/[^\w.-]/g, '_').replace(/^\.+/, '_').slice(0, longestName) || 'plugin';

		return join(this.#dir, `${name}-${at.toISOString().replaceAll(':', '-')}-${hostPid}.pcapng`);
	}

	/** Rejects when it cannot be written. */
	async save(path: string, capture: CrashCapture): Promise<void> {
		await mkdir(this.#dir, { recursive: true, mode: 0o700 });

		if (this.#dir === this.#sharedDir && !(await isOurDirectory(this.#dir))) {
			throw new Error(`${this.#dir} is no directory of this user; pass another \`crashDir\` to createPluginHost()`);
		}
		await writeCrashCapture(path, capture);
	}
}

/** Packets are not for whoever was first to make a directory of that name. */
async function isOurDirectory(path: string): Promise<boolean> {
	const stats = await lstat(path);

	return stats.isDirectory() && stats.uid === process.getuid?.();
}
