// Lanes whose host is placed in a certain way.

import { Lane } from './lane.ts';
import { allowedCpus, pin } from './processes.ts';

/** `spinning`: isolated, with a CPU that nobody else wants. */
export type Placement = 'auto' | 'shared' | 'isolated' | 'spinning';

export type PlacedLane = {
	readonly lane: Lane;
	readonly remark: string;
};

export async function openPlaced(placement: Placement): Promise<PlacedLane> {
	const setting = placement === 'spinning' ? 'isolated' : placement;
	const lane = await Lane.open({ mode: 'filter', placement: setting });
	const remark = `placement: '${setting}'`;
	const [cpu] = allowedCpus();

	if (placement !== 'spinning' || cpu === undefined) {
		return { lane, remark };
	}

	// On a machine of two CPUs the sender would be put where the host spins, as the only one that is not busy by its own work.
	for (const pid of [lane.app.report.workerPid, lane.probe.pid]) {
		pin(pid, [cpu]);
	}

	return { lane, remark: `${remark}; worker, sender and receiver on CPU ${cpu} by taskset, so that the host spins undisturbed` };
}
