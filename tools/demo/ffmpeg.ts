// ffmpeg as a sender of real Opus and VP8.

import type { ChildProcess } from 'node:child_process';

import { type Children, ended } from './children.ts';

export type FfmpegTarget = { readonly ssrc: number; readonly payloadType: number; readonly port: number };

export type Ffmpeg = { readonly stop: () => Promise<void> };

const opus = ['-f', 'lavfi', '-i', 'sine=frequency=440:sample_rate=48000', '-ac', '2', '-c:a', 'libopus', '-b:a', '64k'];

// 30 pictures/s and a key frame every other second.
const vp8 = [
	...['-f', 'lavfi', '-i', 'testsrc2=size=640x360:rate=30', '-pix_fmt', 'yuv420p'],
	...['-c:v', 'libvpx', '-deadline', 'realtime', '-cpu-used', '8', '-threads', '1', '-b:v', '600k', '-g', '60'],
];

export function sendOpus(children: Children, target: FfmpegTarget): Ffmpeg {
	return send(children, opus, target);
}

export function sendVp8(children: Children, target: FfmpegTarget): Ffmpeg {
	return send(children, vp8, target);
}

function send(children: Children, media: readonly string[], { ssrc, payloadType, port }: FfmpegTarget): Ffmpeg {
	const child = children.spawn(
		'ffmpeg',
		[
			...['-hide_banner', '-nostdin', '-loglevel', 'error', '-re', ...media],
			...['-ssrc', String(ssrc), '-payload_type', String(payloadType)],
			// Its RTCP would go to the next port, which may be another transport's: that one would take ffmpeg for its own peer.
			...['-rtpflags', 'skip_rtcp', '-f', 'rtp', `rtp://127.0.0.1:${port}?pkt_size=1200`],
		],
		// It prints an SDP to its standard output.
		['ignore', 'ignore', 'inherit'],
	);

	return { stop: () => stop(child) };
}

async function stop(child: ChildProcess): Promise<void> {
	if (child.exitCode !== null || child.signalCode !== null) {
		throw new Error(`ffmpeg ended by itself with ${child.signalCode ?? `code ${child.exitCode}`}`);
	}

	const childEnded = ended(child);

	// It writes out what its encoder still holds.
	child.kill('SIGTERM');
	await childEnded;
}
