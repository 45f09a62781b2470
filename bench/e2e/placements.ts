// Lanes whose host is placed in a certain way. Where the library has no setting for it yet, taskset puts worker and host where the setting would;
// spinning cannot be had that way.

import type { AppOptions } from './app-options.ts';
import { Lane, type LaneOptions } from './lane.ts';
import { allowedCpus, pin } from './processes.ts';

export type Placement = 'auto' | 'shared' | 'isolated';

export type PlacedLane = {
	readonly lane: Lane;
	/** How it was done. */
	readonly how: 'setting' | 'taskset' | 'default';
	readonly remark: string;
};

/** Undefined when neither a setting nor taskset can do it. */
export async function openPlaced(placement: Placement, options: Omit<LaneOptions, 'mode' | 'pluginOptions'> = {}): Promise<PlacedLane | undefined> {
	const filter: Omit<AppOptions, 'receiverPort' | 'ssrc'> = { ...options, mode: 'filter' };
	const set = await openWith({ ...filter, pluginOptions: { placement } });

	if (set) {
		return { lane: set, how: 'setting', remark: `placement: '${placement}'` };
	}
	if (placement === 'auto') {
		return { lane: await Lane.open(filter), how: 'default', remark: "the library's default; it has no setting `placement` yet" };
	}

	const [first, second] = allowedCpus();

	if (first === undefined || second === undefined) {
		return undefined;
	}

	const lane = await Lane.open(filter);
	const { workerPid, hostPids } = lane.app.report;

	if (placement === 'shared') {
		pinAll([workerPid, ...hostPids], second);
		pinAll([lane.probe.pid], first);
	} else {
		pinAll(hostPids, second);
		pinAll([lane.probe.pid, workerPid], first);
	}

	return {
		lane,
		how: 'taskset',
		remark:
			placement === 'shared'
				? `no setting \`placement\` yet: by taskset, worker and host on CPU ${second}, sender and receiver on CPU ${first}`
				: `no setting \`placement\` yet: by taskset, host on CPU ${second}, worker, sender and receiver on CPU ${first}`,
	};
}

/** Undefined when the library does not know the options. */
async function openWith(options: LaneOptions): Promise<Lane | undefined> {
	const lane = await Lane.open(options);

	if (lane.app.report.unsupported === undefined) {
		return lane;
	}
	await lane.close();

	return undefined;
}

function pinAll(pids: readonly number[], cpu: number): void {
	for (const pid of pids) {
		pin(pid, [cpu]);
	}
}
