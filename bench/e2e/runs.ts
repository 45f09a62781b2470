// One run through a lane: what all parts have in common.

import { shortly } from '../lib/machine.ts';
import { median } from '../lib/repeat.ts';
import type { Context } from '../lib/row.ts';
import type { Lane, Run } from './lane.ts';
import type { Probe, ProbeResult } from './probe.ts';

export type Pace = { readonly packetsPerSecond: number; readonly seconds: number };

/** Before every run: caches, rings and the kernel's clock governor were elsewhere. */
const warmUpSeconds = 0.25;
/** What a run costs beside its packets: the end of the probe, new attachments. */
const overheadMs = 60;

export async function warmUp({ probe }: Lane, packetsPerSecond: number): Promise<void> {
	await probe.paced(packetsPerSecond, Math.ceil(packetsPerSecond * warmUpSeconds));
}

/** One warmed-up run, with CPU times. */
export async function runPaced(lane: Lane, { packetsPerSecond, seconds }: Pace): Promise<Run> {
	await warmUp(lane, packetsPerSecond);

	return lane.measure((probe) => probe.paced(packetsPerSecond, Math.ceil(packetsPerSecond * seconds)));
}

export type HoldRun = Run & { readonly hold: { readonly mean: number; readonly p50: number; readonly p99: number; readonly count: number } };

/**
 * The same, with the hold times of the first attachment during this run alone. They come from the worker's histogram, whose buckets are an eighth
 * wide; the mean is exact.
 */
export async function runHeld(lane: Lane, pace: Pace, send: (probe: Probe) => Promise<ProbeResult> = pacedBy(pace)): Promise<HoldRun> {
	await warmUp(lane, pace.packetsPerSecond);
	await lane.app.renew();

	const run = await lane.measure(send);
	const { hold, byPolicy } = await lane.app.figures();

	if (byPolicy > 0) {
		throw new Error(`${byPolicy} of ${run.sent} packets were decided by a policy and not by the plugin`);
	}

	return { ...run, hold: hold[0]! };
}

function pacedBy({ packetsPerSecond, seconds }: Pace): (probe: Probe) => Promise<ProbeResult> {
	return (probe) => probe.paced(packetsPerSecond, Math.ceil(packetsPerSecond * seconds));
}

/** As many repetitions as the budget has room for, an odd number, so that the median is one of them. */
export function repetitionsFor({ quick, budgetMs }: Context, runs: number, secondsPerRun: number, most: number): number {
	const fitting = Math.floor(budgetMs / (runs * ((secondsPerRun + warmUpSeconds) * 1000 + overheadMs)));
	const wanted = Math.max(1, Math.min(quick ? 1 : most, fitting));

	return wanted % 2 === 0 ? wanted - 1 : wanted;
}

/** "12.3 (11.9 to 15.1)" */
export function withRange(figures: readonly number[]): string {
	return figures.length === 0 ? 'nothing' : `${shortly(median(figures))} (${shortly(Math.min(...figures))} to ${shortly(Math.max(...figures))})`;
}
