// What plugins handed over as their state: the last one per plugin, worker and shard, for the hosts that come after.

import type { HostSnapshot } from './host-handle.ts';
import type { SupervisedWorker } from './host-run.ts';

type KeptSnapshot = { readonly snapshot: HostSnapshot; readonly runNumber: number };

export class Snapshots {
	readonly #kept = new Map<SupervisedWorker, Map<string, KeptSnapshot>>();

	/** False for one that a host gave before it was replaced, and that comes when its successor has given one already. */
	keep(worker: SupervisedWorker, snapshot: HostSnapshot, runNumber: number): boolean {
		const kept = this.#kept.get(worker) ?? new Map<string, KeptSnapshot>();
		const instance = `${snapshot.pluginId} ${snapshot.shard}`;
		const last = kept.get(instance);

		if (last && last.runNumber > runNumber) {
			return false;
		}
		kept.set(instance, { snapshot, runNumber });
		this.#kept.set(worker, kept);

		return true;
	}

	of(worker: SupervisedWorker): HostSnapshot[] {
		return [...(this.#kept.get(worker)?.values() ?? [])].map(({ snapshot }) => snapshot);
	}

	drop(worker: SupervisedWorker): void {
		this.#kept.delete(worker);
	}

	dropPlugin(pluginId: string): void {
		for (const kept of this.#kept.values()) {
			for (const [instance, { snapshot }] of kept) {
				if (snapshot.pluginId === pluginId) {
					kept.delete(instance);
				}
			}
		}
	}
}
