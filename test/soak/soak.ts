// Two workers under everything that happens to them, again and again: cycle.ts. Between cycles nothing is open, and what they have is compared with
// what they had after the first cycles, which were to warm up.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import * as mediasoup from 'mediasoup';

import { createPluginHost } from '../../src/index.ts';
import { type CycleResult, playCycle } from './cycle.ts';
import { type QuietPoint, compare, growthOf, quietPoint } from './quiet.ts';

export type SoakOptions = {
	readonly minutes: number;
	readonly seed: number;
	readonly killEveryMs: number;
	readonly note: (text: string) => void;
};

/** What the command prints. */
export type SoakResult = {
	readonly minutes: number;
	readonly kills: number;
	readonly lost: number;
	/** Of the worker that grew more. */
	readonly rssGrowthKiB: number;
	readonly leakedFds: number;
	readonly leakedMappings: number;
};

export type SoakReport = { readonly result: SoakResult; readonly broken: readonly string[] };

/** What workers, and the app's heap, may grow by. */
const mostGrowthKiB = 1_024;
const mostHeapGrowthKiB = 2_048;
const longestCycleMs = 60_000;

export async function soak({ minutes, seed, killEveryMs, note }: SoakOptions): Promise<SoakReport> {
	const dir = mkdtempSync(join(tmpdir(), 'mph-soak-'));
	const pluginHost = await createPluginHost({ mediasoup, timeoutMs: 30_000 });
	const workers = await withThriftyMalloc(() => Promise.all([0, 1].map(() => mediasoup.createWorker({ workerBin: pluginHost.workerBin, logLevel: 'warn' }))));
	const broken: string[] = [];
	const breaks = (text: string): void => {
		broken.push(text);
		note(`BROKEN: ${text}`);
	};
	const totals = { kills: 0, planned: 0, calls: 0, fullRings: 0, sent: 0, received: 0, notRouted: 0, lost: 0 };

	for (const worker of workers) {
		worker.on('died', (error) => breaks(`worker ${worker.pid} died: ${error.message}`));
	}

	const play = async (name: string, ms: number, cycleSeed: number): Promise<CycleResult> => {
		const result = await playCycle({ pluginHost, workers, dir, ms, killEveryMs, seed: cycleSeed, note: (text) => note(`  ${text}`), complain: (text) => breaks(`${name}: ${text}`) });

		[...(result.lost > 0 ? [`${result.lost} packets are unaccounted for`] : []), ...(await errorsBehindChain())].forEach((text) => breaks(`${name}: ${text}`));
		note(`${name}: ${result.kills} kills, ${result.planned} restarts and upgrades, ${result.calls} calls, ${result.fullRings} full rings; of ${result.sent} packets ${result.received} were received, ${result.notRouted} not routed, ${result.lost} lost`);

		return result;
	};
	const errorsBehindChain = async (): Promise<string[]> =>
		(await pluginHost.getStats()).workers.flatMap(({ workerPid, applyErrors, repeatDropped }) =>
			applyErrors + repeatDropped > 0 ? [`worker ${workerPid} lost ${applyErrors} packets in errors and dropped ${repeatDropped} as repeated, so far`] : [],
		);

	try {
		const cycles = Math.max(2, Math.ceil((minutes * 60_000) / longestCycleMs));
		const ms = (minutes * 60_000) / cycles;
		const points: QuietPoint[] = [];
		const quiet = async (): Promise<void> => {
			points.push(await quietPoint(workers, points[0]));

			const { workers: now, heapKiB } = points.at(-1)!;

			note(`quiet: workers have ${now.map(({ rssAnonKiB }) => rssAnonKiB).join(' and ')} KiB, the app a heap of ${heapKiB} KiB`);
		};

		totals.lost += (await play('warm-up', ms, seed)).lost;
		await quiet();
		for (let cycle = 1; cycle <= cycles; cycle++) {
			const result = await play(`cycle ${cycle} of ${cycles}`, ms, seed + cycle);

			for (const key of Object.keys(totals) as (keyof typeof totals)[]) {
				totals[key] += result[key];
			}
			await quiet();
		}

		const left = compare(points[0]!, points.at(-1)!);
		const growth = workers.map((_, index) => growthOf(points, (point) => point.workers[index]!.rssAnonKiB));
		const heapGrowth = growthOf(points, (point) => point.heapKiB);
		const rssGrowthKiB = Math.max(0, ...growth);

		left.texts.forEach(breaks);
		if (rssGrowthKiB > mostGrowthKiB) {
			breaks(`the workers grew by ${growth.join(' and ')} KiB; ${mostGrowthKiB} are allowed`);
		}
		if (heapGrowth > mostHeapGrowthKiB) {
			breaks(`the app's heap grew by ${heapGrowth} KiB; ${mostHeapGrowthKiB} are allowed`);
		}
		note(`in all: ${Object.entries(totals).map(([name, count]) => `${name} ${count}`).join(', ')}; workers grew by ${growth.join(' and ')} KiB, the app's heap by ${heapGrowth} KiB`);

		return { result: { minutes, kills: totals.kills, lost: totals.lost, rssGrowthKiB, leakedFds: left.fds, leakedMappings: left.mappings }, broken };
	} finally {
		pluginHost.close();
		for (const worker of workers) {
			worker.close();
		}
		rmSync(dir, { recursive: true, force: true });
	}
}

/**
 * The first block of some size that is freed makes glibc keep twice as much for later, so that what is resident tells what was in use at once, ever. With the
 * thresholds that it begins with it tells what is in use. For processes that are started meanwhile.
 */
async function withThriftyMalloc<Result>(start: () => Promise<Result>): Promise<Result> {
	const before = process.env['GLIBC_TUNABLES'];
	const ours = 'glibc.malloc.trim_threshold=131072:glibc.malloc.mmap_threshold=131072';

	process.env['GLIBC_TUNABLES'] = before === undefined ? ours : `${before}:${ours}`;
	try {
		return await start();
	} finally {
		if (before === undefined) {
			delete process.env['GLIBC_TUNABLES'];
		} else {
			process.env['GLIBC_TUNABLES'] = before;
		}
	}
}
