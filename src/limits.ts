// How much a plugin may inject: what the app may set, and who tells each worker.

import type { Logger } from './logger.ts';
import { OptionReader } from './validate.ts';

/** Per worker and second. Plugins of one group share them. */
export type InjectionLimits = {
	/** Packets and data messages. Default 20,000. */
	readonly packetsPerSecond?: number;
	/** Default 67,108,864. */
	readonly bytesPerSecond?: number;
};

/** 0 stands for the worker's default, as in the control protocol. */
export type LimitSettings = { readonly packetsPerSecond: number; readonly bytesPerSecond: number };

/** Who is to be told; a worker's link is one. */
export interface LimitedWorker {
	readonly pid: number;
	setLimits(pluginId: string, limits: LimitSettings): Promise<void>;
}

const names = ['packetsPerSecond', 'bytesPerSecond'] as const;
const uint32Max = 2 ** 32 - 1;

/** `call` and `path` are how the user wrote it: `setLimits()`, or `createPlugin()` and `limits`. */
export function parseLimits(call: string, options: unknown, path?: string): Partial<LimitSettings> {
	const reader = new OptionReader(call, options, names, path);
	const read = (name: (typeof names)[number], unit: string): Partial<LimitSettings> =>
		reader.has(name) ? { [name]: reader.number(name, { min: 1, max: uint32Max, integer: true, unit }, 0) } : {};

	return { ...read('packetsPerSecond', 'packets'), ...read('bytesPerSecond', 'bytes') };
}

/** The limits of one plugin (or group) as they are now. */
export class Limits {
	readonly #logger: Logger;
	#now: LimitSettings;

	constructor(initial: Partial<LimitSettings>, logger: Logger) {
		this.#now = { packetsPerSecond: 0, bytesPerSecond: 0, ...initial };
		this.#logger = logger;
	}

	get now(): LimitSettings {
		return this.#now;
	}

	/** To be called when the worker knows the plugin. */
	async tell(worker: LimitedWorker, pluginId: string): Promise<void> {
		if (this.#now.packetsPerSecond === 0 && this.#now.bytesPerSecond === 0) {
			// The worker has them already.
			return;
		}

		try {
			await worker.setLimits(pluginId, this.#now);
		} catch (error) {
			this.#logger.warn(`worker ${worker.pid} was not told what plugin ${pluginId} may inject: ${(error as Error).message}`);
		}
	}

	/** What is left out stays as it is. Rejects when one of the workers does not follow; those to come do. */
	async change(changes: Partial<LimitSettings>, workers: readonly LimitedWorker[], pluginId: string): Promise<void> {
		const limits = (this.#now = { ...this.#now, ...changes });

		await Promise.all(workers.map((worker) => worker.setLimits(pluginId, limits)));
	}
}
