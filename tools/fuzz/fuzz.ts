// One run: a worker with calls, a hostile controller, then hostile hosts beside a sound one; and what became of the worker and of the calls.

import { setTimeout as delay } from 'node:timers/promises';

import { until } from '../lib/until.ts';
import type { CallReport } from './calls.ts';
import { type Growth, growthOf, measure } from './growth.ts';
import { playController } from './hostile-controller.ts';
import { Lane, type Tally } from './lane.ts';
import { Stage } from './stage.ts';
import { FuzzedWorker } from './worker.ts';

export type FuzzOptions = {
	/** That the worker is to read. */
	readonly records: number;
	readonly seed: number;
	/** What the hostile controller says. */
	readonly messages: number;
	readonly variant: 'asan' | 'patched';
	/** What all sessions are about (host/Lane.cpp). Undefined: each another one. */
	readonly plan?: string | undefined;
	readonly say: (text: string) => void;
	/** The sound host serves, and hostile ones come now. */
	readonly onPlaying?: (workerPid: number) => void;
};

export type FuzzReport = Tally & {
	readonly crashes: number;
	readonly longestStallMs: number;
	readonly leakedBytes: number;
	readonly seconds: number;
	readonly messages: number;
	/** What was found of crashes and leaks, as the worker said it. */
	readonly findings: readonly string[];
	readonly calls: readonly CallReport[];
	readonly growth: Growth;
	/** Of the worker's own counters, which say that it did read them. */
	readonly countedByWorker: number;
	readonly applyErrors: number;
};

export const maxStallMs = 100;

const lanes = 2;
/** Of the records, before memory and descriptors are first looked at. */
const warmShare = 0.2;
const minWarmRecords = 20_000;
const endedWithinMs = 60_000;

export async function fuzz({ records, seed, messages, plan, say, onPlaying, workerBin }: FuzzOptions & { readonly workerBin: string }): Promise<FuzzReport> {
	const worker = await FuzzedWorker.start(workerBin);
	const startedAt = performance.now();
	const total: Tally = { records: 0, sessions: 0, connections: 0 };
	let calls: readonly CallReport[] = [];
	let growth: Growth = { residentBytes: 0, descriptors: 0, mappedBytes: 0 };
	let said = 0;
	let counted = { verdicts: 0, applyErrors: 0 };

	try {
		const stage = await Stage.open(worker);

		say(`the worker (process ${worker.pid}) carries calls`);
		said = await Promise.race([playController({ ...stage.controllerPrey(), seed, messages }), worker.died]) ?? 0;
		say(`a hostile controller has said ${said} messages`);

		if (!worker.hasDied) {
			await stage.attach();
			onPlaying?.(worker.pid);

			const warm = Math.min(records, Math.max(minWarmRecords, Math.round(records * warmShare)));

			await playHosts(stage, worker, { records: warm, seed, plan }, total, say);

			const before = worker.hasDied ? undefined : await measure(worker.pid);

			await playHosts(stage, worker, { records: records - warm, seed: seed + lanes, plan }, total, say);
			if (before && !worker.hasDied) {
				growth = growthOf(before, await measure(worker.pid));
				counted = await stage.counted();
			}
		}
		calls = await stage.stopCalls();
		await stage.close();
	} finally {
		await worker.close(endedWithinMs);
	}

	const { findings, crashes, leakedBytes } = worker.outcome();

	return {
		...total,
		crashes,
		findings,
		...{ longestStallMs: Math.max(0, ...calls.map(({ maxStallMs }) => maxStallMs)), leakedBytes: leakedBytes + leakedBy(growth) },
		...{ seconds: (performance.now() - startedAt) / 1000, messages: said, calls, growth, countedByWorker: counted.verdicts, applyErrors: counted.applyErrors },
	};
}

/** As long as it takes for the worker to have read so many records of hostile hosts. */
async function playHosts(stage: Stage, worker: FuzzedWorker, { records, seed, plan }: Pick<FuzzOptions, 'records' | 'seed' | 'plan'>, total: Tally, say: (text: string) => void): Promise<void> {
	if (records <= 0 || worker.hasDied) {
		return;
	}

	const playing = Array.from({ length: lanes }, (_, index) => new Lane(stage, worker, seed + index, plan));
	const sum = (): Tally => playing.reduce((all, { tally }) => add(all, tally), total);
	const goal = total.records + records;
	let toldAt = performance.now();

	while (sum().records < goal && !worker.hasDied && playing.every(({ hasEnded }) => !hasEnded)) {
		await delay(20);
		if (performance.now() - toldAt > 10_000) {
			toldAt = performance.now();
			say(`${sum().records} records, ${sum().sessions} sessions, ${sum().connections} connections`);
		}
	}
	await Promise.all(playing.map((lane) => lane.stop()));
	Object.assign(total, sum());
	if (!worker.hasDied && total.records < goal) {
		throw new Error(`a lane of the fuzzer ended at ${total.records} of ${goal} records although the worker lives: it found nobody listening`);
	}
	if (!worker.hasDied) {
		await until('the end of all hostile connections', { everyMs: 50, withinMs: endedWithinMs }, async () => ((await stage.hasHostileHosts()) ? undefined : true));
	}
}

function add(a: Tally, b: Tally): Tally {
	return { records: a.records + b.records, sessions: a.sessions + b.sessions, connections: a.connections + b.connections };
}

/** A descriptor counts as a page. Resident memory moves a little by itself; what a leak per record or per session makes of it is more. */
const pageBytes = 4096;
const residentAllowance = 24 * 1024 * 1024;

function leakedBy({ residentBytes, descriptors, mappedBytes }: Growth): number {
	return Math.max(0, descriptors) * pageBytes + Math.max(0, mappedBytes) + (residentBytes > residentAllowance ? residentBytes : 0);
}

export function failuresOf({ findings, crashes, longestStallMs, leakedBytes, growth, calls, applyErrors }: FuzzReport): string[] {
	return [
		...findings,
		...(crashes > 0 ? [`${crashes} crashes`] : []),
		...(longestStallMs > maxStallMs ? [`a packet waited ${longestStallMs} ms, at most ${maxStallMs} are allowed`] : []),
		...(leakedBytes > 0 ? [`${leakedBytes} bytes leaked (${JSON.stringify(growth)})`] : []),
		...(applyErrors > 0 ? [`${applyErrors} exceptions while verdicts were applied`] : []),
		...(crashes > 0
			? []
			: calls.flatMap(({ name, sent, received, disordered }) =>
					sent === received && disordered === 0 ? [] : [`call "${name}": ${sent} packets sent, ${received} received, ${disordered} out of order`],
				)),
	];
}
