// Who sends: ffmpeg with real Opus and VP8, and rtp-send with 2,000 packets/s in streams of which one is over the limit.

import type { RtpTools } from '../rtp/build.ts';
import type { Children } from './children.ts';
import { sendOpus, sendVp8 } from './ffmpeg.ts';
import type { Bucket, PacedStream } from './receipt.ts';
import { startSender } from './rtp-tool.ts';
import type { StreamPath, StreamPlan } from './topology.ts';

const opus: StreamPlan = { name: 'Opus, ffmpeg', kind: 'audio', ssrc: 1111, payloadType: 100 };
const vp8: StreamPlan = { name: 'VP8, ffmpeg', kind: 'video', ssrc: 2222, payloadType: 101 };
const syntheticRates: readonly number[] = [300, 300, 300, 300, 800];

/** Also the burst of a key frame fits in, some 30 packets at once: only the last of the synthetic streams is over it. */
export const bucket: Bucket = { packetsPerSecond: 400, burst: 100 };

const synthetic: readonly StreamPlan[] = syntheticRates.map((rate, index) => ({
	name: `${rate}/s, rtp-send`,
	kind: 'audio',
	ssrc: 3001 + index,
	payloadType: 100,
}));

/** In the order in which `startSenders` wants their paths. */
export const plans: readonly StreamPlan[] = [opus, vp8, ...synthetic];

export type Sent = {
	/** By rtp-send's own count. ffmpeg tells no number: what it sent is what entered the worker. */
	readonly bySsrc: ReadonlyMap<number, number>;
	readonly overLimit: readonly PacedStream[];
	readonly maxLateMs: number;
	readonly stalledMs: number;
};

export type Senders = { readonly stop: () => Promise<Sent> };

export function startSenders(children: Children, tools: RtpTools, paths: readonly StreamPath[]): Senders {
	const [opusPath, vp8Path, ...syntheticPaths] = paths;
	const ffmpegs = [
		sendOpus(children, { ...opus, port: opusPath!.port }),
		sendVp8(children, { ...vp8, port: vp8Path!.port }),
	];
	const sender = startSender(
		children,
		tools,
		syntheticPaths.map(({ plan, port }, index) => ({ ...plan, port, packetsPerSecond: syntheticRates[index]! })),
	);

	return {
		async stop() {
			const [report] = await Promise.all([sender.stop(), ...ffmpegs.map((ffmpeg) => ffmpeg.stop())]);

			return {
				bySsrc: new Map(report.streams.map(({ ssrc, packets }) => [ssrc, packets])),
				overLimit: report.streams
					.filter((_, index) => syntheticRates[index]! > bucket.packetsPerSecond)
					.map(({ packets, firstSentAtNs, lastSentAtNs }) => ({ sent: packets, firstSentAtNs, lastSentAtNs })),
				maxLateMs: report.maxLateMs,
				stalledMs: report.stalledMs,
			};
		},
	};
}
