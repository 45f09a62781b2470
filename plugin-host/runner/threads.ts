// The threads of this process, each of which runs one dispatcher from its first turn to its last: one task of the pool that ends when the
// dispatcher does. No thread gets a second one, since the modules of the first one's plugins would still be there.

import { join } from 'node:path';

import { Piscina } from 'piscina';

import { moduleExtension } from '../../src/package-root.ts';
import type { RunnerSettings } from '../../src/script-options.ts';
import type { Addon } from './addon.ts';
import type { ThreadTask } from './thread-task.ts';
import { isRunning, newTask } from './thread-task.ts';

/** One per core's worker, and as many again that are about to end. */
const maxThreads = 256;

type LoadBalancer = NonNullable<NonNullable<ConstructorParameters<typeof Piscina>[0]>['loadBalancer']>;

export type ThreadsAddon = Pick<Addon, 'abandonThread'>;

export class Threads {
	readonly #addon: ThreadsAddon;
	readonly #settings: RunnerSettings;
	readonly #pool: Piscina;
	/** Those that no thread has taken yet. */
	readonly #waiting = new Map<number, AbortController>();
	readonly #log: (line: string) => void;

	/** `filename`: the module with the task. */
	constructor(addon: ThreadsAddon, settings: RunnerSettings, filename = join(import.meta.dirname, `thread.${moduleExtension}`), log = printLine) {
		this.#addon = addon;
		this.#settings = settings;
		this.#log = log;
		this.#pool = new Piscina({
			...{ filename, maxThreads, minThreads: 0, concurrentTasksPerWorker: 1, idleTimeout: 0, loadBalancer: freshThread() },
			// Between tasks a thread of Piscina's blocks, unless it is told not to.
			...{ atomics: 'disabled', recordTiming: false, resourceLimits: settings.threadLimits },
		});
		this.#pool.on('error', (error: Error) => this.#onPoolError(error));
	}

	start(handle: number): void {
		const task = newTask(handle, this.#settings);

		void this.#run(task);
	}

	async #run(task: ThreadTask): Promise<void> {
		const { handle } = task;
		const waits = new AbortController();

		this.#waiting.set(handle, waits);

		try {
			await this.#pool.run(task, { signal: waits.signal });
		} catch (error) {
			const reason = reasonOf(waits.signal.aborted ? waits.signal.reason : error);

			// Whoever runs a dispatcher has told the addon how it ended, if only by ending.
			if (!isRunning(task)) {
				this.#addon.abandonThread(handle, reason);
			}
			this.#log(`the thread of a plugin ended: ${reason}`);
		} finally {
			this.#waiting.delete(handle);
		}
	}

	/** A thread ended before it could take anything, and so would the next one. */
	#onPoolError(error: Error): void {
		for (const waits of this.#waiting.values()) {
			waits.abort(error);
		}
	}
}

function freshThread(): LoadBalancer {
	const taken = new Set<number>();

	return (_task, threads) => {
		const fresh = threads.find(({ id }) => !taken.has(id));

		if (fresh) {
			taken.add(fresh.id);
		}

		return fresh ?? null;
	};
}

function reasonOf(error: unknown): string {
	const { code, message } = error as NodeJS.ErrnoException;

	return code === 'ERR_WORKER_OUT_OF_MEMORY' ? `${message} (option threadLimits says how much it may have)` : message;
}

function printLine(line: string): void {
	process.stderr.write(`${line}\n`);
}
