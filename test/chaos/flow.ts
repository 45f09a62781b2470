// Traffic for tests that end hosts: rtp-send at an even rate → a router → rtp-receive, which writes down every packet. The witness at the end of
// the path knows neither the worker's nor the plugin's figures.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { types } from 'mediasoup';
import type { Test } from 'tap';

import { Children } from '../../tools/demo/children.ts';
import { type SenderReport, startReceiver, startSender } from '../../tools/demo/rtp-tool.ts';
import { type StreamPath, openPath } from '../../tools/demo/topology.ts';
import { type ArrivalFigures, Arrivals, type Rule, passingOf } from '../../tools/drill/arrivals.ts';
import { until } from '../../tools/lib/until.ts';
import { buildRtpTools } from '../../tools/rtp/build.ts';
import { tempDir } from '../helpers/temp-dir.ts';

export const isLong = process.env['MPH_LONG'] === '1';

export type FlowOptions = {
	/** One stream after the other; a router may be named more than once. */
	readonly routers: readonly types.Router[];
	/** Of each stream. */
	readonly packetsPerSecond: number;
};

/** A packet as it came; times are of CLOCK_MONOTONIC. */
export type Arrival = { readonly arrivedAtNs: number; readonly sentAtNs: number; readonly counter: number };

export type FlowReport = {
	readonly sent: number;
	/** Since the receiver's own kernel had no room for them. */
	readonly kernelDrops: number;
	/** How long the machine did not run rtp-send. */
	readonly stalledMs: number;
	/** Of the sequence numbers, over all streams: what the receiver sees as loss. */
	readonly gaps: number;
	readonly sentBy: (stream: number) => number;
	/** In the order in which they came. */
	readonly arrivalsOf: (stream: number) => Arrival[];
	/** With a rule: `lost` is what it lets pass and what did not come. */
	readonly judge: (rule: Rule | undefined) => ArrivalFigures & { readonly lost: number };
};

export type Flow = {
	/** As of the last 50 ms. */
	readonly receivedSoFar: () => number;
	/** Stops sending and waits until nothing comes any more. */
	readonly stop: () => Promise<FlowReport>;
};

/** Bytes of an entry: rtp-receive.c's `arrival`. */
const entryLength = 32;

export async function openFlow(t: Test, { routers, packetsPerSecond }: FlowOptions): Promise<Flow> {
	const children = new Children();
	const tools = buildRtpTools();
	const log = join(tempDir(), 'arrivals');

	t.teardown(() => children.killAll());

	const receiver = await startReceiver(children, tools, routers.length, log);
	const paths = await Promise.all(
		routers.map((router, index) => openPath(router, { name: `stream ${index}`, kind: 'audio', ssrc: 5001 + index, payloadType: 100 }, receiver.ports[index]!)),
	);
	const sender = startSender(
		children,
		tools,
		paths.map(({ plan, port }) => ({ ...plan, port, packetsPerSecond })),
	);
	const receivedSoFar = (): number => receiver.latest()?.packets ?? 0;

	return {
		receivedSoFar,
		async stop() {
			const sent = await sender.stop();
			let [before, unchanged] = [-1, 0];

			await until('an end to the packets on their way', { everyMs: 100, withinMs: 60_000 }, async () => {
				unchanged = receivedSoFar() === before ? unchanged + 1 : 0;
				before = receivedSoFar();

				return unchanged >= 5 ? true : undefined;
			});

			const { kernelDrops, streams } = await receiver.stop();
			const ours = streams.filter(({ ssrc }) => paths.some(({ receivedSsrc }) => receivedSsrc === ssrc));

			return reportOf(readFileSync(log), paths, sent, { kernelDrops, gaps: ours.reduce((sum, { lost }) => sum + lost, 0) });
		},
	};
}

function reportOf(log: Buffer, paths: readonly StreamPath[], report: SenderReport, received: { readonly kernelDrops: number; readonly gaps: number }): FlowReport {
	const sentBy = (stream: number): number => report.streams.find(({ ssrc }) => ssrc === paths[stream]!.plan.ssrc)!.packets;

	return {
		...received,
		stalledMs: report.stalledMs,
		sent: report.streams.reduce((sum, { packets }) => sum + packets, 0),
		sentBy,
		arrivalsOf(stream) {
			const found: Arrival[] = [];

			for (let at = 0; at + entryLength <= log.length; at += entryLength) {
				if (log.readUInt32LE(at + 24) === paths[stream]!.receivedSsrc) {
					found.push({
						arrivedAtNs: Number(log.readBigUInt64LE(at)),
						sentAtNs: Number(log.readBigUInt64LE(at + 8)),
						counter: Number(log.readBigUInt64LE(at + 16)),
					});
				}
			}

			return found;
		},
		judge(rule) {
			const ssrcs = paths.map(({ receivedSsrc }) => receivedSsrc);
			const arrivals = new Arrivals(ssrcs, rule, Infinity, []);
			const due = paths.reduce((sum, _, stream) => sum + (rule ? passingOf(rule, sentBy(stream)) : sentBy(stream)), 0);

			arrivals.read(log);

			const figures = arrivals.figures();

			return { ...figures, lost: due - figures.passed };
		},
	};
}
