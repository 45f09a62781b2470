// Where records stand: the rings of the thread's routers, and one side array for those that stand elsewhere. One per thread; its
// instances share it.

import type { RecordMemory } from '../../../src/plugin/record-view.ts';
import { memoryOf } from '../../../src/plugin/record-view.ts';
import type { BatchArrays } from './addon.ts';

/** In `BatchArrays.memories`. */
const inRing = 0;

export class RecordMemories {
	#arrays: BatchArrays | undefined;
	#side: RecordMemory | undefined;
	readonly #rings = new Map<number, RecordMemory>();

	/** ThreadCallbacks.arrays */
	useArrays(arrays: BatchArrays): void {
		this.#arrays = arrays;
	}

	/** ThreadCallbacks.memory */
	use(router: number | undefined, buffer: ArrayBuffer | undefined): void {
		const memory = buffer && memoryOf(buffer);

		if (router === undefined) {
			this.#side = memory;
		} else if (memory) {
			this.#rings.set(router, memory);
		} else {
			// What is collected unmaps it.
			this.#rings.delete(router);
		}
	}

	get arrays(): BatchArrays {
		return this.#arrays ?? missing('arrays of batches');
	}

	of(router: number, memory: number): RecordMemory {
		return (memory === inRing ? this.#rings.get(router) : this.#side) ?? missing(`memory ${memory} of router ${router}`);
	}
}

function missing(what: string): never {
	throw new Error(`the addon has announced no ${what}: runner and addon are of different versions`);
}
