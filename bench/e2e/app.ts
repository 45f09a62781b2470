// An app of the benchmark: a process of its own, so that its CPU time is its own. It opens one way through a worker, from a port to the
// probe's, says where, and follows commands until its channel closes.

import { createSocket } from 'node:dgram';

import * as mediasoup from 'mediasoup';
import type { types } from 'mediasoup';

import { type AttachOptions, type Attachment, type Plugin, type PluginHost, createPluginHost } from '../../src/index.ts';
import { findWorkerBin } from '../../src/worker-bin.ts';
import type { AppCommand, AppFigures, AppOptions, AppReport } from './app-options.ts';
import { buildAcceptPlugin } from './build.ts';

const payloadType = 100;
const mediaCodecs: types.RouterRtpCodecCapability[] = [
	{ kind: 'audio', mimeType: 'audio/opus', clockRate: 48000, channels: 2, preferredPayloadType: payloadType },
	{ kind: 'video', mimeType: 'video/VP8', clockRate: 90000 },
];
const listenInfo: types.TransportListenInfo = { protocol: 'udp', ip: '127.0.0.1', recvBufferSize: 8_388_608, sendBufferSize: 4_194_304 };
const options = JSON.parse(process.argv[2]!) as AppOptions;

/** Plugins of the chain, with what is attached now. */
type Link = { readonly plugin: Plugin; attachments: Attachment[] };

process.once('disconnect', () => process.exit());

const pluginHost = options.mode === 'plain' || options.mode === 'direct' ? undefined : await createPluginHost({ mediasoup });
const worker = await mediasoup.createWorker({ workerBin: options.workerBin ?? findWorkerBin(undefined), logLevel: 'error' });
const router = await worker.createRouter({ mediaCodecs });
const chain: Link[] = [];

worker.on('died', (error) => {
	throw error;
});

if (pluginHost && (options.mode === 'observe' || options.mode === 'filter')) {
	await openChain(pluginHost);
}

const port = await openPath();

if (options.pendingMs) {
	await openPendingStream();
}

process.on('message', ({ id, command }: { id: number; command: AppCommand }) => {
	void follow(command).then(
		(answer) => process.send!({ id, answer }),
		(error: Error) => process.send!({ id, error: error.stack }),
	);
});
process.send!({
	port,
	nodePid: process.pid,
	workerPid: worker.pid,
	hostPids: [...new Set(chain.map(({ plugin }) => plugin.hostPid!))],
} satisfies AppReport);

async function openPath(): Promise<number> {
	const ingress = await router.createPlainTransport({ listenInfo, rtcpMux: true, comedia: true });
	const producer = await ingress.produce({
		kind: 'audio',
		rtpParameters: {
			codecs: [{ mimeType: 'audio/opus', clockRate: 48000, channels: 2, payloadType }],
			encodings: [{ ssrc: options.ssrc }],
		},
	});

	if (options.consumer !== false) {
		const egress = await router.createPlainTransport({ listenInfo, rtcpMux: true, comedia: false });

		await egress.connect({ ip: '127.0.0.1', port: options.receiverPort });
		await egress.consume({
			producerId: options.mode === 'direct' ? (await throughJavaScript(producer)).id : producer.id,
			rtpCapabilities: router.rtpCapabilities,
		});
	}

	return ingress.tuple.localPort;
}

/** A filter that accepts everything, in mediasoup's own way: the packets go to this process and come back as another producer's. */
async function throughJavaScript(producer: types.Producer): Promise<types.Producer> {
	const transport = await router.createDirectTransport();
	const consumer = await transport.consume({ producerId: producer.id, rtpCapabilities: router.rtpCapabilities });
	const accepted = await transport.produce({ kind: consumer.kind, rtpParameters: consumer.rtpParameters });

	consumer.on('rtp', (packet) => accepted.send(packet));

	return accepted;
}

/** Of the same router, host and plugin. */
async function openPendingStream(): Promise<void> {
	const ssrc = options.ssrc + 1_000_000;
	const ingress = await router.createPlainTransport({ listenInfo, rtcpMux: true, comedia: true });

	await ingress.produce({
		kind: 'video',
		rtpParameters: { codecs: [{ mimeType: 'video/VP8', clockRate: 90000, payloadType: 101 }], encodings: [{ ssrc }] },
	});

	const socket = createSocket('udp4');
	const packet = Buffer.alloc(200);
	let number = 0;

	packet.writeUInt16BE(0x8065, 0);
	packet.writeUInt32BE(ssrc, 8);
	setInterval(() => {
		packet.writeUInt16BE(++number & 0xffff, 2);
		packet.writeUInt32BE(number * 9000, 4);
		socket.send(packet, ingress.tuple.localPort, '127.0.0.1');
	}, 100);
}

async function openChain(host: PluginHost): Promise<void> {
	const { plugins = 1, idleRouters = 0, rings } = options;
	const pluginOptions = {
		file: options.pluginFile ?? buildAcceptPlugin(),
		config: options.pendingMs ? { pendingMs: options.pendingMs } : (options.pluginConfig ?? {}),
		...(options.placement && { placement: options.placement }),
		...(options.group && { group: 'chain' }),
	};

	if (rings) {
		await host.configureRouter(router, rings);
	}
	for (let index = 0; index < plugins; index++) {
		const plugin = await host.createPlugin(pluginOptions);

		// It selects nothing, or what is pending, and keeps the rings when the other attachments are renewed.
		await plugin.attach({ router, kinds: ['video'], ...(options.pendingMs && { mode: 'filter', deadlineMs: 10_000, wholeFrames: false }) });
		chain.push({ plugin, attachments: [] });
		await attach(index);
	}
	for (let index = 0; index < idleRouters; index++) {
		const idle = await worker.createRouter({ mediaCodecs });

		await chain[0]!.plugin.attach({ router: idle, mode: options.mode as 'observe' | 'filter' });
	}
}

async function attach(index: number): Promise<void> {
	const { plugin, attachments } = chain[index]!;
	const attachOptions: AttachOptions = {
		router,
		kinds: ['audio'],
		mode: options.mode as 'observe' | 'filter',
		order: index,
		deadlineMs: options.deadlineMs ?? 1000,
	};

	for (let stage = 0; stage < (options.attachments ?? 1); stage++) {
		attachments.push(await plugin.attach(attachOptions));
	}
}

async function follow(command: AppCommand): Promise<unknown> {
	switch (command.type) {
		case 'renew':
			for (const [index, link] of chain.entries()) {
				for (const attachment of link.attachments) {
					attachment.close();
				}
				link.attachments = [];
				await attach(index);
			}

			return undefined;
		case 'chain':
			for (const [index, { attachments }] of chain.entries()) {
				for (const attachment of attachments) {
					await (index < command.count ? attachment.resume() : attachment.pause());
				}
			}

			return undefined;
		case 'figures':
			return figures();
	}
}

async function figures(): Promise<AppFigures> {
	const stats = await Promise.all(chain.map(({ plugin }) => plugin.getStats()));
	const attached = chain.flatMap(({ attachments }, index) =>
		attachments.map(({ id }) => stats[index]!.attachments.find(({ attachmentId }) => attachmentId === id)!),
	);
	const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

	return {
		verdicts: sum(attached.map(({ accepted, dropped }) => accepted + dropped)),
		observed: sum(attached.map(({ observed }) => observed)),
		byPolicy: sum(
			attached.map(
				(a) => a.timeoutAccepted + a.timeoutDropped + a.absentAccepted + a.absentDropped + a.overflowAccepted + a.overflowDropped + a.errorAccepted + a.errorDropped,
			),
		),
		missed: sum(attached.map(({ observeOverflow, observeAbsent }) => observeOverflow + observeAbsent)),
		hold: attached.map(({ holdMicros: { count, mean, p50, p99 } }) => ({ count, mean, p50, p99 })),
		doorbellsToHost: sum(stats.flatMap(({ workers }) => workers.map(({ doorbellsRung }) => doorbellsRung))),
		doorbellsToWorker: sum(stats.flatMap(({ instances }) => instances.map(({ doorbellsRung }) => doorbellsRung))),
		seen: stats.map(({ instances }) => sum(instances.map(({ packets }) => packets))),
		placements: stats.flatMap(({ instances }) => instances.map(({ placement }) => placement)),
	};
}
