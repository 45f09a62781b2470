// Real media through a router: ffmpeg sends Opus or VP8 into a PlainTransport, and another ffmpeg plays what a consumer gets.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import * as mediasoup from 'mediasoup';
import type { types } from 'mediasoup';
import type { Test } from 'tap';

import type { PluginHost } from '../../src/index.ts';
import { createPluginHost } from '../../src/index.ts';
import { Children, ended } from '../../tools/demo/children.ts';
import { type Ffmpeg, sendOpus, sendVp8 } from '../../tools/demo/ffmpeg.ts';
import { mediaCodecs } from './call.ts';
import { tempDir } from './temp-dir.ts';

export type MediaStage = { readonly pluginHost: PluginHost; readonly worker: types.Worker; readonly router: types.Router; readonly children: Children };

export type Sender = { readonly producer: types.Producer; readonly stop: Ffmpeg['stop'] };

const listenInfo: types.TransportListenInfo = { protocol: 'udp', ip: '127.0.0.1', recvBufferSize: 4_194_304 };
const codecs = {
	audio: { mimeType: 'audio/opus', clockRate: 48_000, channels: 2, payloadType: 111 },
	video: { mimeType: 'video/VP8', clockRate: 90_000, payloadType: 112 },
} as const;

let nextSsrc = 50_000;

/** A plugin host, worker and router of its own, which end with the test along with all that sends and plays. */
export async function openMediaStage(t: Test): Promise<MediaStage> {
	const pluginHost = await createPluginHost({ mediasoup });

	t.teardown(() => pluginHost.close());

	const worker = await mediasoup.createWorker({ workerBin: pluginHost.workerBin });
	const children = new Children();

	t.teardown(() => (children.killAll(), worker.close()));

	return { pluginHost, worker, router: await worker.createRouter({ mediaCodecs }), children };
}

/** A sine of 440 Hz at -24 dBov, or a test picture. */
export async function sendMedia({ router, children }: MediaStage, kind: types.MediaKind): Promise<Sender> {
	const ssrc = nextSsrc++;
	const codec = codecs[kind];
	const transport = await router.createPlainTransport({ listenInfo, rtcpMux: true, comedia: true });
	const producer = await transport.produce({ kind, rtpParameters: { codecs: [codec], encodings: [{ ssrc }] } });
	const target = { ssrc, payloadType: codec.payloadType, port: transport.tuple.localPort };
	const { stop } = kind === 'audio' ? sendOpus(children, target) : sendVp8(children, target);

	return { producer, stop };
}

/** Plays so many seconds of what a consumer gets, through a filter of ffmpeg's, and returns what ffmpeg says of it. */
export async function play({ router, children }: MediaStage, producer: types.Producer, seconds: number, filter: string): Promise<string> {
	const port = await evenPort();
	const transport = await router.createPlainTransport({ listenInfo, rtcpMux: true, comedia: false });

	await transport.connect({ ip: '127.0.0.1', port });

	const consumer = await transport.consume({ producerId: producer.id, rtpCapabilities: router.rtpCapabilities, paused: true });
	const [codec] = consumer.rtpParameters.codecs;
	const encoding = [codec!.mimeType.split('/')[1], codec!.clockRate, ...(codec!.channels ? [codec!.channels] : [])].join('/');
	const file = join(tempDir(), 'call.sdp');

	writeFileSync(
		file,
		[
			...['v=0', 'o=- 0 0 IN IP4 127.0.0.1', 's=-', 'c=IN IP4 127.0.0.1', 't=0 0'],
			...[`m=${consumer.kind} ${port} RTP/AVP ${codec!.payloadType}`, `a=rtpmap:${codec!.payloadType} ${encoding}`, ''],
		].join('\r\n'),
	);

	const player = children.spawn(
		'ffmpeg',
		[
			...['-hide_banner', '-nostdin', '-protocol_whitelist', 'file,udp,rtp', '-i', file, '-t', String(seconds)],
			...[consumer.kind === 'audio' ? '-af' : '-vf', filter, '-f', 'null', '-'],
		],
		['ignore', 'ignore', 'pipe'],
	);
	const said = text(player.stderr!);

	await consumer.resume();
	await ended(player);
	transport.close();

	return said;
}

/** ffmpeg takes the port behind it for RTCP. */
async function evenPort(): Promise<number> {
	for (;;) {
		const socket = createSocket('udp4').bind(0, '127.0.0.1');

		await once(socket, 'listening');

		const { port } = socket.address();

		socket.close();
		await once(socket, 'close');
		if (port % 2 === 0) {
			return port;
		}
	}
}
