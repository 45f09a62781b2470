// Changes of what a unit's hosts run: one at a time, in the order in which they were asked for. Of planned calls a second one is refused.

import { InvalidStateError } from './errors.ts';
import type { PlannedCall } from './supervisor-types.ts';

export class Turns {
	#last: Promise<unknown> = Promise.resolve();
	#call: PlannedCall | undefined;

	/** The planned call that is under way. */
	get call(): PlannedCall | undefined {
		return this.#call;
	}

	/** Throws when one is under way. `name`: of what it is for. */
	begin(call: PlannedCall, name: string): void {
		if (this.#call) {
			throw new InvalidStateError('MPH_ERR_BUSY', `${call}: ${this.#call} of the plugin ${name} is under way; wait for it first`);
		}
		this.#call = call;
	}

	end(): void {
		this.#call = undefined;
	}

	/** Does it when all that came before is done, failed or not. */
	next<T>(change: () => Promise<T>): Promise<T> {
		const changed = this.#last.then(change);

		this.#last = changed.catch(() => {});

		return changed;
	}
}
