// Rows growth/…: whether the cost of a packet grows with what else there is. Routers with an attachment and no packets beside the busy one; and
// plugins in one chain.

import { setTimeout as sleep } from 'node:timers/promises';

import { type HoldRun, repetitionsFor, runHeld, runPaced, withRange } from '../e2e/runs.ts';
import { Lane, type Run, closeLanes, openLanes } from '../e2e/lane.ts';
import { residentOf } from '../e2e/processes.ts';
import { shortly } from '../lib/machine.ts';
import { type Candidate, interleave } from '../lib/repeat.ts';
import { type Context, type Row, withNote, withRatio } from '../lib/row.ts';

const idleRouters = [1, 10, 100, 1000] as const;
const plugins = [0, 1, 2, 4, 8] as const;
const groups = [1, 2, 4, 8] as const;
const packetsPerSecond = 5_000;
const groupPacketsPerSecond = 20_000;

/** p50 and p99 are hold times. */
export async function measureRouters(context: Context): Promise<Row[]> {
	const lanes = await openLanes(Object.fromEntries(idleRouters.map((count) => [`growth/routers/${count}`, { mode: 'filter', placement: 'shared', idleRouters: count } as const])));

	try {
		const seconds = context.quick ? 0.5 : 2;
		const repetitions = repetitionsFor(context, idleRouters.length, seconds, 7);
		const runs = new Map<string, HoldRun[]>(Object.keys(lanes).map((name) => [name, []]));
		const candidates = Object.entries(lanes).map(
			([name, lane]): Candidate => ({
				name,
				unit: 'us',
				async measure() {
					const run = await runHeld(lane, { packetsPerSecond, seconds });

					runs.get(name)!.push(run);

					return { p50: run.hold.p50, p99: run.hold.p99, lost: run.lost, cpu: run.cpu };
				},
			}),
		);
		const rows = await interleave(candidates, repetitions);
		const cpuOf = (row: Row): number => row.cpu!.worker! + row.cpu!.host!;

		return rows.map((row) => {
			const { workerPid, hostPids } = lanes[row.name]!.app.report;
			const first = runs.get(rows[0]!.name)!;
			const note = [
				`hold time at ${packetsPerSecond} packets/s; on average ${withRange(runs.get(row.name)!.map(({ hold }, index) => hold.mean / first[index]!.hold.mean))} x one idle router; end to end p50 ${withRange(runs.get(row.name)!.map(({ p50 }) => p50))} us`,
				`CPU of worker and host ${(cpuOf(row) / cpuOf(rows[0]!)).toFixed(2)} x one idle router`,
				`resident: worker ${mebibytes(workerPid)}, host ${mebibytes(hostPids[0]!)} MiB`,
			].join('; ');

			return withNote(row === rows[0] ? row : withRatio(row, rows[0]!), note);
		});
	} finally {
		await closeLanes(lanes);
	}
}

/** p50 and p99 are end to end; what the plugins add to a chain without any is the value. */
export async function measurePlugins(context: Context): Promise<Row[]> {
	const lane = await Lane.open({ mode: 'filter', plugins: Math.max(...plugins) });

	try {
		const seconds = context.quick ? 0.3 : 1;
		const repetitions = repetitionsFor(context, plugins.length, seconds, 5);
		const without: Run[] = [];
		const candidates = plugins.map(
			(count): Candidate => ({
				name: `growth/plugins/${count}`,
				unit: 'us',
				async measure() {
					await lane.app.chain(count);

					const run = await runPaced(lane, { packetsPerSecond: 1000, seconds });

					if (count === 0) {
						without.push(run);
					}

					return { ...run, value: run.p50 - without.at(-1)!.p50 };
				},
			}),
		);
		const [none, ...rows] = await interleave(candidates, repetitions);
		const [one, last] = [rows[0]!, rows.at(-1)!];
		const each = (last.value! - one.value!) / (plugins.at(-1)! - 1);

		return rows.map((row) =>
			withNote(
				row,
				row === last
					? `${shortly(each)} us per further plugin, each in a host of its own; without any p50 ${shortly(none!.p50!)} us; 1,000 packets/s`
					: undefined,
			),
		);
	} finally {
		await lane.close();
	}
}

/**
 * Plugins of one group: one record, one round trip. p50 and p99 are hold times, the value is what each further plugin adds: by the quickest
 * repetitions, since who has to wait for one of two CPUs waits longer than eight plugins take.
 */
export async function measureGroups(context: Context): Promise<Row[]> {
	const lanes = await openLanes(
		Object.fromEntries(groups.map((count) => [`growth/group/${count}`, { mode: 'filter', placement: 'isolated', plugins: count, group: true } as const])),
	);

	try {
		const seconds = context.quick ? 0.3 : 1;
		const repetitions = repetitionsFor(context, groups.length, seconds, 7);
		const quickest = new Map<string, number>();
		const candidates = Object.entries(lanes).map(
			([name, lane]): Candidate => ({
				name,
				unit: 'us',
				async measure() {
					const { hold, lost, cpu } = await runHeld(lane, { packetsPerSecond: groupPacketsPerSecond, seconds });

					quickest.set(name, Math.min(hold.p50, quickest.get(name) ?? Number.POSITIVE_INFINITY));

					return { p50: hold.p50, p99: hold.p99, lost, cpu };
				},
			}),
		);
		const [one, ...rows] = await interleave(candidates, repetitions);

		for (const [name, { app }] of Object.entries(lanes)) {
			const { seen } = await app.figures();

			if (new Set(seen).size !== 1 || seen[0] === 0) {
				throw new Error(`${name}: its plugins have seen ${seen.join(', ')} packets`);
			}
		}

		return [
			one!,
			...rows.map((row, index) => {
				const value = (quickest.get(row.name)! - quickest.get(one!.name)!) / (groups[index + 1]! - 1);

				return withNote({ ...withRatio(row, one!), value }, `hold time at ${groupPacketsPerSecond} packets/s; ${shortly(value)} us per further plugin of the group`);
			}),
		];
	} finally {
		await closeLanes(lanes);
	}
}

/** p50 and p99 are hold times of a stream beside which another one of the same plugin waits five seconds for each verdict. */
export async function measurePending(context: Context): Promise<Row[]> {
	const lanes = await openLanes({
		'growth/pending/none': { mode: 'filter' },
		'growth/pending/5s': { mode: 'filter', pendingMs: 5_000 },
	});

	try {
		// So that fifty wait all the time.
		await sleep(context.quick ? 0 : 6_000);

		const seconds = context.quick ? 0.5 : 2;
		const repetitions = repetitionsFor(context, 2, seconds, 7);
		const candidates = Object.entries(lanes).map(
			([name, lane]): Candidate => ({
				name,
				unit: 'us',
				async measure() {
					const run = await runHeld(lane, { packetsPerSecond, seconds });

					return { p50: run.hold.p50, p99: run.hold.p99, lost: run.lost, cpu: run.cpu };
				},
			}),
		);
		const [none, pending] = await interleave(candidates, repetitions);

		return [none!, withNote(withRatio(pending!, none!), `hold time at ${packetsPerSecond} packets/s`)];
	} finally {
		await closeLanes(lanes);
	}
}

function mebibytes(pid: number): string {
	const resident = residentOf(pid);

	return resident ? resident.all.toFixed(1) : 'unknown';
}

