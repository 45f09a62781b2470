// What plugins handed over as their state: the last one per worker and shard, for the hosts that come after.

import type { HostSnapshot } from './host-process.ts';
import type { SupervisedWorker } from './host-run.ts';

type KeptSnapshot = { readonly snapshot: HostSnapshot; readonly runNumber: number };

export class Snapshots {
	readonly #kept = new Map<SupervisedWorker, Map<number, KeptSnapshot>>();

	/** False for one that a host gave before it was replaced, and that comes when its successor has given one already. */
	keep(worker: SupervisedWorker, snapshot: HostSnapshot, runNumber: number): boolean {
		const shards = this.#kept.get(worker) ?? new Map<number, KeptSnapshot>();
		const last = shards.get(snapshot.shard);

		if (last && last.runNumber > runNumber) {
			return false;
		}
		shards.set(snapshot.shard, { snapshot, runNumber });
		this.#kept.set(worker, shards);

		return true;
	}

	of(worker: SupervisedWorker): HostSnapshot[] {
		return [...(this.#kept.get(worker)?.values() ?? [])].map(({ snapshot }) => snapshot);
	}

	drop(worker: SupervisedWorker): void {
		this.#kept.delete(worker);
	}
}
