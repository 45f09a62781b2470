// What app and workers have when nothing is going on, and what came of it since.

import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import type { types } from 'mediasoup';

import { until } from '../helpers/until.ts';
import { type Census, censusOf, leftBehind } from './census.ts';

export type QuietPoint = { readonly app: Census; readonly workers: readonly Census[]; readonly heapKiB: number };

/** So often it is looked; the median counts. */
const looks = 5;
/** Quiet points at the beginning and at the end, of which the medians are compared. */
const mostPoints = 5;

/** Once what was there at the first one is all that is there, or is not going to be. */
export async function quietPoint(workers: readonly types.Worker[], first: QuietPoint | undefined): Promise<QuietPoint> {
	if (first) {
		await until('an end to what was closed', () => compare(first, look(workers)).texts.length === 0).catch(() => {});
	} else {
		await until('the end of all hosts', () => censusOf(process.pid).children.size === 1);
	}

	const points: QuietPoint[] = [];

	for (let count = 0; count < looks; count++) {
		points.push(look(workers));
		await sleep(100);
	}

	const last = points.at(-1)!;

	return {
		...last,
		workers: last.workers.map((census, index) => ({ ...census, rssAnonKiB: median(points.map((point) => point.workers[index]!.rssAnonKiB)) })),
		heapKiB: Math.min(...points.map(({ heapKiB }) => heapKiB)),
	};
}

function look(workers: readonly types.Worker[]): QuietPoint {
	collectGarbage();

	return { app: censusOf(process.pid), workers: workers.map(({ pid }) => censusOf(pid)), heapKiB: Math.round(process.memoryUsage().heapUsed / 1024) };
}

/** What the later one has and the earlier one had not. */
export function compare(before: QuietPoint, after: QuietPoint): { readonly fds: number; readonly mappings: number; readonly texts: readonly string[] } {
	const pairs = [['the app', before.app, after.app] as const, ...before.workers.map((worker, index) => [`worker ${index + 1}`, worker, after.workers[index]!] as const)];
	const found = pairs.map(([who, then, now]) => {
		const [fds, mappings, children] = [leftBehind(then.fds, now.fds), leftBehind(then.mappings, now.mappings), leftBehind(then.children, now.children)];

		return {
			fds: fds.count,
			mappings: mappings.count,
			texts: [
				...fds.texts.map((text) => `${who} has still open ${text}`),
				...mappings.texts.map((text) => `${who} has still mapped ${text}`),
				...children.texts.map((text) => `${who} still has the child ${text}`),
				...(now.threads > then.threads ? [`${who} has ${now.threads - then.threads} more threads`] : []),
			],
		};
	});

	return { fds: found.reduce((sum, { fds }) => sum + fds, 0), mappings: found.reduce((sum, { mappings }) => sum + mappings, 0), texts: found.flatMap(({ texts }) => texts) };
}

/** Between the first quiet points and the last ones. */
export function growthOf(points: readonly QuietPoint[], of: (point: QuietPoint) => number): number {
	const count = Math.max(1, Math.min(mostPoints, Math.floor(points.length / 3)));

	return median(points.slice(-count).map(of)) - median(points.slice(0, count).map(of));
}

function median(values: readonly number[]): number {
	return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

const collectGarbage: () => void = (() => {
	setFlagsFromString('--expose-gc');

	return runInNewContext('gc') as () => void;
})();
