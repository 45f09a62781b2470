// A planned change from the host that serves to a successor, without a packet lost (docs/restart.md). Either the successor serves everywhere
// in the end and has shown that it works, or it serves nowhere and the old one goes on.

import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';

import { exitTimeoutMs } from './host-handle.ts';
import type { HostRun, SupervisedWorker } from './host-run.ts';
import type { SupervisorDelays, SupervisorOptions } from './supervisor-types.ts';

export type ReplacementOptions = Pick<SupervisorOptions, 'unitId' | 'timeoutMs' | 'hangMs'> & {
	readonly delays: SupervisorDelays;
	readonly successor: HostRun;
	/** Who is to serve again if it comes to nothing. */
	readonly old: () => HostRun | undefined;
	readonly workers: ReadonlySet<SupervisedWorker>;
};

const lookEveryMs = 10;
/** What a worker needs to notice a hang beyond the time that makes it one. */
const hangNoticeMs = 1_000;

/** Resolves when the successor can be relied upon. */
export async function replaceHost(options: ReplacementOptions): Promise<void> {
	const { successor, timeoutMs } = options;

	try {
		await successor.connectedEverywhere();
		await successor.until('it was ready to take over', () => openWorkers(options).every((worker) => successor.isWarmIn(worker)), timeoutMs);
		await promoteEverywhere(options);
		await passProbation(options);
	} catch (error) {
		if (successor.isLost) {
			await successor.host.exitWithin(exitTimeoutMs);
			throw successor.host.diedError(['before it had proved itself', successor.lostReason].filter(Boolean).join('; '), error);
		}
		throw error;
	}
}

async function promoteEverywhere(options: ReplacementOptions): Promise<void> {
	const { unitId, successor, old } = options;
	const promoted = openWorkers(options);
	const outcomes = await Promise.allSettled(promoted.map((worker) => promoteIn(worker, options)));
	const failure = outcomes.find((outcome, index) => outcome.status === 'rejected' && !promoted[index]!.closed);
	const oldPid = old()?.host.pid;

	if (failure?.status !== 'rejected') {
		return;
	}
	// A worker whose host died has seen to it by itself.
	if (!successor.isLost && oldPid !== undefined && oldPid !== successor.host.pid) {
		const toUndo = promoted.filter((_, index) => outcomes[index]!.status === 'fulfilled');

		await Promise.allSettled(toUndo.map((worker) => worker.promoteHost(unitId, oldPid)));
	}
	throw failure.reason;
}

async function promoteIn(worker: SupervisedWorker, { unitId, successor }: ReplacementOptions): Promise<void> {
	// One whose host died meanwhile may have promoted it already.
	if (successor.servesIn(worker)) {
		return;
	}
	try {
		await worker.promoteHost(unitId, successor.host.pid!);
	} catch (error) {
		if (!successor.servesIn(worker)) {
			throw error;
		}
	}
}

/** Its plugin has dealt with a packet in each worker; or it lived for a while, and nothing waits for it where it has not. */
async function passProbation(options: ReplacementOptions): Promise<void> {
	const { unitId, successor, hangMs } = options;
	const { probationMs } = options.delays;
	const began = performance.now();
	const giveUpAfterMs = probationMs + hangMs + hangNoticeMs;

	for (;;) {
		await Promise.race([successor.lost, delay(lookEveryMs)]);

		if (successor.isLost) {
			throw successor.host.diedError('soon after it had taken over');
		}

		const elapsedMs = performance.now() - began;
		const unproven = await withoutProof(options);

		if (unproven.length === 0 || elapsedMs >= giveUpAfterMs) {
			return;
		}
		if (elapsedMs >= probationMs) {
			const waits = await Promise.all(unproven.map((worker) => worker.waitsFor(unitId).catch(() => false)));

			if (!waits.includes(true) && !successor.isLost) {
				return;
			}
		}
	}
}

/** Packets are counted when the plugin gets them: only a verdict, or a second batch, says that it came back from the first. */
async function withoutProof(options: ReplacementOptions): Promise<readonly SupervisedWorker[]> {
	const { successor, delays } = options;

	try {
		const instances = await successor.host.getStats(delays.probationMs);

		const proven = instances.filter(({ verdicts, batches }) => verdicts > 0 || batches > 1).map(({ workerPid }) => workerPid);

		return openWorkers(options).filter(({ pid }) => !proven.includes(pid));
	} catch {
		// It is lost, or so busy that it does not answer: nothing is proved.
		return openWorkers(options);
	}
}

function openWorkers({ workers }: ReplacementOptions): SupervisedWorker[] {
	return [...workers].filter((worker) => !worker.closed);
}
