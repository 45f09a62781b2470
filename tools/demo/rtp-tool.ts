// rtp-send and rtp-receive as the demo uses them: processes that report in lines of JSON and end with their standard input.

import { createInterface } from 'node:readline';

import type { RtpTools } from '../rtp/build.ts';
import { type Children, ended } from './children.ts';

export type SenderReport = {
	readonly failures: number;
	readonly maxLateMs: number;
	readonly stalledMs: number;
	readonly streams: readonly {
		readonly ssrc: number;
		readonly packets: number;
		readonly firstSentAtNs: number;
		readonly lastSentAtNs: number;
	}[];
};

export type ReceiverReport = {
	readonly packets: number;
	readonly lost: number;
	readonly duplicates: number;
	readonly reordered: number;
	readonly kernelDrops: number;
	readonly latencyMicros: { readonly p50: number; readonly p99: number; readonly max: number } | null;
	readonly streams: readonly ReceivedStream[];
};

export type ReceivedStream = {
	readonly ssrc: number;
	readonly packets: number;
	readonly lost: number;
	readonly duplicates: number;
	readonly reordered: number;
	/** Of rtp-send's counters; null for other senders. */
	readonly skippedCounters: number | null;
};

const reportIntervalMs = 50;

type RunningTool<Line> = {
	readonly firstLine: Promise<Line>;
	readonly latest: () => Line | undefined;
	/** Resolves with the last line. */
	readonly stop: () => Promise<Line>;
};

function start<Line>(children: Children, binary: string, args: readonly string[]): RunningTool<Line> {
	const child = children.spawn(binary, args, ['pipe', 'pipe', 'inherit']);
	const childEnded = ended(child);
	let latest: Line | undefined;

	const firstLine = new Promise<Line>((resolve, reject) => {
		createInterface({ input: child.stdout! }).on('line', (line) => {
			latest = JSON.parse(line) as Line;
			resolve(latest);
		});
		void childEnded.then(() => reject(new Error(`${binary} ended before it reported anything`)));
	});

	// Who waits for it hears of the failure; who does not is not to be ended by it.
	firstLine.catch(() => {});

	return {
		firstLine,
		latest: () => latest,
		async stop() {
			child.stdin!.end();
			await childEnded;

			if (latest === undefined || child.exitCode !== 0) {
				throw new Error(`${binary} ended with ${child.signalCode ?? `code ${child.exitCode}`}`);
			}

			return latest;
		},
	};
}

export type Receiver = {
	/** One for each socket. */
	readonly ports: readonly number[];
	readonly latest: () => ReceiverReport | undefined;
	readonly stop: () => Promise<ReceiverReport>;
};

/** `logFile`: gets every packet that came (tools/drill/arrivals.ts). */
export async function startReceiver(children: Children, tools: RtpTools, sockets: number, logFile?: string): Promise<Receiver> {
	const tool = start<ReceiverReport | { ports: readonly number[] }>(children, tools.receive, [
		`--sockets=${sockets}`,
		`--interval-ms=${reportIntervalMs}`,
		...(logFile === undefined ? [] : [`--log=${logFile}`]),
	]);
	const first = await tool.firstLine;

	if (!('ports' in first)) {
		throw new Error('rtp-receive did not begin with its ports');
	}

	const asReport = (line: ReceiverReport | { ports: readonly number[] } | undefined): ReceiverReport | undefined =>
		line === undefined || 'ports' in line ? undefined : line;

	return {
		ports: first.ports,
		latest: () => asReport(tool.latest()),
		async stop() {
			return asReport(await tool.stop())!;
		},
	};
}

export type SenderStream = { readonly ssrc: number; readonly payloadType: number; readonly packetsPerSecond: number; readonly port: number };

export type Sender = { readonly stop: () => Promise<SenderReport> };

export function startSender(children: Children, tools: RtpTools, streams: readonly SenderStream[]): Sender {
	const specs = streams.map((stream) => `--stream=${stream.ssrc}:${stream.payloadType}:${stream.packetsPerSecond}:1200:${stream.port}`);

	return start<SenderReport>(children, tools.send, ['--json', ...specs]);
}
