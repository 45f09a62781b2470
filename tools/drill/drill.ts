// The drill over RTP: rtp-send at an even rate → the patched worker, with the plugin filtering → rtp-receive, which writes down every packet.
// Meanwhile one host after the other is ended. It measures; receipt.ts judges.

import { createReadStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Children } from '../demo/children.ts';
import { type Receiver, type Sender, type SenderReport, startReceiver, startSender } from '../demo/rtp-tool.ts';
import { type StreamPath, type StreamPlan, openPath } from '../demo/topology.ts';
import { repoRoot } from '../lib/paths.ts';
import { until } from '../lib/until.ts';
import { buildRtpTools } from '../rtp/build.ts';
import { type ArrivalFigures, Arrivals, type Outage, type Rule, passingOf } from './arrivals.ts';
import type { DrillOptions } from './options.ts';
import { Orders } from './orders.ts';
import { type Measured, wayMs } from './receipt.ts';
import { inRandomOrder, scenarioTexts } from './scenarios.ts';
import { type Stage, openStage } from './stage.ts';
import { type Strike, type Striker, strikeByOrder, strikeFromOutside } from './strike.ts';

const streamCount = 4;

/** What the drill's plugin drops. */
export const rule: Rule = { every: 10, rest: 3 };

const plans: readonly StreamPlan[] = Array.from({ length: streamCount }, (_, index) => ({
	name: `stream ${index + 1}`,
	kind: 'audio',
	ssrc: 5001 + index,
	payloadType: 100,
}));

export type DrillResult = { readonly measured: Measured; readonly remarks: readonly string[] };

export async function runDrill(options: DrillOptions, children: Children, note: (text: string) => void): Promise<DrillResult> {
	const dir = mkdtempSync(join(tmpdir(), 'mph-drill-'));

	try {
		return await runIn(dir, options, children, note);
	} finally {
		rmSync(dir, { recursive: true });
	}
}

/** The plugin of the drill or of the user, and how its hosts are ended. */
export async function withPlugin<T>(dir: string, options: DrillOptions, body: (stage: Stage, striker: Striker) => Promise<T>): Promise<T> {
	const orders = new Orders(join(dir, 'orders'));
	const ours = {
		file: join(repoRoot, 'build/native/tools/drill/plugin/drill.so'),
		config: { orders: join(dir, 'orders'), dropEvery: rule.every, dropRest: rule.rest },
	};
	const stage = await openStage(options, options.plugin ?? ours);

	try {
		return await body(stage, options.plugin ? strikeFromOutside : strikeByOrder(orders));
	} finally {
		stage.close();
		orders.close();
	}
}

async function runIn(dir: string, options: DrillOptions, children: Children, note: (text: string) => void): Promise<DrillResult> {
	const tools = buildRtpTools();
	const log = join(dir, 'arrivals');
	const receiver = await startReceiver(children, tools, streamCount, log);

	return withPlugin(dir, options, async (stage, striker) => {
		const paths = await Promise.all(plans.map((plan, index) => openPath(stage.router, plan, receiver.ports[index]!)));
		const sender = startSender(
			children,
			tools,
			paths.map(({ plan, port }, index) => ({ ...plan, port, packetsPerSecond: rateOf(options.packetsPerSecond, index) })),
		);

		await until('a first verdict (packets do not pass the tap: was the worker built without it?)', { everyMs: 20, withinMs: 20_000 }, async () =>
			(await stage.counters()).verdicts > 0 ? true : undefined,
		);

		const strikes = await strikeAgainAndAgain(options, stage, striker, note);
		const sent = await drain(stage, sender, receiver);
		const worker = await stage.workerFigures();
		const report = await receiver.stop();
		const arrivals = await readArrivals(log, paths, options, strikes);
		const ours = report.streams.filter(({ ssrc }) => paths.some(({ receivedSsrc }) => receivedSsrc === ssrc));
		const sumOf = (field: 'lost' | 'duplicates' | 'reordered'): number => ours.reduce((sum, stream) => sum + stream[field], 0);
		const uncalledFor = stage.crashes.filter(({ pid }) => !strikes.some((strike) => strike.pid === pid));

		return {
			measured: {
				sent: sent.streams.reduce((sum, { packets }) => sum + packets, 0),
				passing: options.plugin ? undefined : sent.streams.reduce((sum, { packets }) => sum + passingOf(rule, packets), 0),
				arrivals,
				numbers: { gaps: sumOf('lost'), duplicates: sumOf('duplicates'), reordered: sumOf('reordered') },
				worker,
				events: strikes,
				deaths: stage.crashes.length,
			},
			remarks: [
				...(sent.stalledMs > 0 ? [`rtp-send was not run for ${sent.stalledMs.toFixed(0)} ms and left out what was due then`] : []),
				...(report.kernelDrops > 0 ? [`${report.kernelDrops} packets were dropped by the kernel because the receiver was too slow`] : []),
				...uncalledFor.map(({ pid, reason }) => `the drill had not ended host ${pid}, which ${reason}`),
			],
		};
	});
}

function rateOf(packetsPerSecond: number, index: number): number {
	return Math.floor(packetsPerSecond / streamCount) + (index < packetsPerSecond % streamCount ? 1 : 0);
}

/** As often or as long as was asked for. */
export async function strikeAgainAndAgain(options: DrillOptions, stage: Stage, striker: Striker, note: (text: string) => void): Promise<Strike[]> {
	const { kills = Infinity, minutes, scenarios, seed } = options;
	const startedAt = performance.now();
	const endsAt = minutes === undefined ? Infinity : startedAt + minutes * 60_000;
	// With a number and a time, one in each of equal parts.
	const everyMs = minutes !== undefined && kills !== Infinity ? (minutes * 60_000) / kills : 0;
	const strikes: Strike[] = [];

	for (const scenario of inRandomOrder(scenarios, seed)) {
		if (strikes.length >= kills || (kills === Infinity && performance.now() >= endsAt)) {
			break;
		}
		await sleep(Math.max(0, startedAt + strikes.length * everyMs - performance.now()));

		const strike = await striker(stage, scenario);
		const died = stage.workerDied();

		if (died) {
			throw new Error(`the worker died: ${died.message}`, { cause: died });
		}
		strikes.push(strike);
		note(describeStrike(strike, strikes.length, options.kills));
	}
	if (kills !== Infinity && endsAt !== Infinity) {
		await sleep(Math.max(0, endsAt - performance.now()));
	}

	return strikes;
}

function describeStrike({ scenario, held, pid, nextPid, atNs, servedAtNs }: Strike, number: number, of: number | undefined): string {
	return `kill ${number}${of === undefined ? '' : ` of ${of}`}: ${scenarioTexts[scenario]} while ${held} packets were held; host ${nextPid} after host ${pid}, with verdicts after ${((servedAtNs - atNs) / 1e6).toFixed(1)} ms`;
}

/** Waits until every packet has ended somewhere, or nothing moves any more. */
async function drain(stage: Stage, sender: Sender, receiver: Receiver): Promise<SenderReport> {
	const sent = await sender.stop();
	let before = '';
	let unchanged = 0;

	await until('an end to the packets on their way', { everyMs: 100, withinMs: 20_000 }, async () => {
		const [{ held }, figures] = await Promise.all([stage.counters(), stage.workerFigures()]);
		const now = [held, figures.accepted, figures.dropped, figures.policyAccepted, figures.policyDropped, receiver.latest()?.packets].join(' ');

		unchanged = now === before ? unchanged + 1 : 0;
		before = now;

		return held === 0 && unchanged >= 3 ? true : undefined;
	});

	return sent;
}

async function readArrivals(log: string, paths: readonly StreamPath[], options: DrillOptions, outages: readonly Outage[]): Promise<ArrivalFigures> {
	const ssrcs = paths.map(({ receivedSsrc }) => receivedSsrc);
	const arrivals = new Arrivals(ssrcs, options.plugin ? undefined : rule, options.deadlineMs + wayMs, outages);

	for await (const chunk of createReadStream(log)) {
		arrivals.read(chunk as Buffer);
	}

	return arrivals.figures();
}
