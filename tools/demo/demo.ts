// The demo itself: senders → the patched worker, with `throttle` filtering and `counter` observing → a receiver that checks every
// sequence number, while the throttle's host is killed again and again. It measures; receipt.ts judges.

import { setTimeout as sleep } from 'node:timers/promises';

import { until } from '../lib/until.ts';
import { buildRtpTools } from '../rtp/build.ts';
import { enteredOf, measure, receivedOf, remarksOf, sentOf, streamFigures } from './accounting.ts';
import type { Children } from './children.ts';
import type { HostFigures } from './figures.ts';
import { killTimes, killWhileHolding } from './kills.ts';
import type { DemoOptions } from './options.ts';
import type { Kill, Measured } from './receipt.ts';
import { type Receiver, startReceiver } from './rtp-tool.ts';
import { type Sent, bucket, plans, startSenders } from './senders.ts';
import { type Stage, openStage } from './stage.ts';
import type { View } from './view.ts';

export type DemoResult = { readonly measured: Measured; readonly remarks: readonly string[] };

export async function runDemo(options: DemoOptions, children: Children, view: View): Promise<DemoResult> {
	const tools = buildRtpTools();
	const receiver = await startReceiver(children, tools, plans.length);
	const stage = await openStage(plans, receiver.ports, bucket);

	try {
		const senders = startSenders(children, tools, stage.paths);

		await until('a first verdict (packets do not pass the tap: was the worker built without it?)', { everyMs: 20, withinMs: 5_000 }, async () =>
			(await stage.throttle.counters()).verdicts > 0 ? true : undefined,
		);

		const kills: Kill[] = [];
		// Whichever of the two ends, in good order or not, ends the other one.
		const running = new AbortController();
		const end = (): void => running.abort();

		await Promise.all([
			killAtRandom({ options, stage, kills, view, signal: running.signal }).finally(end),
			showWhileRunning({ options, stage, receiver, kills, view, signal: running.signal }).finally(end),
		]);
		view.end();

		const sent = await senders.stop();
		const entered = await drain(stage, receiver, sent);
		const filter = await stage.throttle.counters();
		const report = await receiver.stop();

		const reports = { paths: stage.paths, sent, entered, filter, report, kills };

		return { measured: measure(reports), remarks: remarksOf(reports) };
	} finally {
		stage.close();
	}
}

type Run = {
	readonly options: DemoOptions;
	readonly stage: Stage;
	readonly kills: Kill[];
	readonly view: View;
	readonly signal: AbortSignal;
};

/** Takes as long as the demo was asked to. */
async function killAtRandom({ options, stage, kills, view, signal }: Run): Promise<void> {
	const startedAt = performance.now();
	const sleepUntil = (second: number): Promise<void> => sleep(Math.max(0, startedAt + second * 1000 - performance.now()), undefined, { signal });

	for (const at of killTimes(options.seconds, options.kills)) {
		await sleepUntil(at);

		const kill = await killWhileHolding(stage.throttle);

		kills.push(kill);
		view.note(
			`kill ${kills.length} of ${options.kills}: SIGKILL while ${kill.held} packets were held; verdicts again after ${((kill.recoveredAtNs - kill.killedAtNs) / 1e6).toFixed(1)} ms`,
		);
	}
	await sleepUntil(options.seconds);
}

async function figuresOf<Counters>(plugin: { counters: () => Promise<Counters>; host: () => Promise<HostFigures> }) {
	const [counters, host] = await Promise.all([plugin.counters(), plugin.host()]);

	return { counters, host };
}

async function showWhileRunning({ options, stage, receiver, kills, view, signal }: Run & { readonly receiver: Receiver }): Promise<void> {
	const startedAt = performance.now();

	for (;;) {
		// Being told to stop ends the sleep early, which is no error.
		await sleep(view.intervalMs, undefined, { signal }).catch(() => {});
		if (signal.aborted) {
			return;
		}

		const [filter, observer, entered] = await Promise.all([figuresOf(stage.throttle), figuresOf(stage.counter), enteredOf(stage.paths)]);

		view.show({
			seconds: (performance.now() - startedAt) / 1000,
			totalSeconds: options.seconds,
			streams: stage.paths.map((path, index) => streamFigures(path, entered[index]!, receiver.latest())),
			throttle: filter,
			counter: observer,
			kills,
			killsWanted: options.kills,
		});
	}
}

/**
 * Waits until every packet has ended somewhere: all of them accounted for, or nothing moving any more. Returns what entered the
 * worker, per path.
 */
async function drain(stage: Stage, receiver: Receiver, sent: Sent): Promise<readonly number[]> {
	let before = '';
	let unchanged = 0;

	return until('an end to the packets on their way', { everyMs: 100, withinMs: 10_000 }, async () => {
		const [filter, entered] = await Promise.all([stage.throttle.counters(), enteredOf(stage.paths)]);
		const received = receivedOf(stage.paths, receiver.latest());
		const open = sentOf(stage.paths, sent, entered) - received - filter.dropped;
		const now = [...entered, received, filter.dropped, filter.held].join(' ');

		unchanged = now === before ? unchanged + 1 : 0;
		before = now;

		// The receiver reports more often than this looks; ten looks without a change are a second of silence.
		return filter.held === 0 && unchanged >= (open === 0 ? 2 : 10) ? entered : undefined;
	});
}
