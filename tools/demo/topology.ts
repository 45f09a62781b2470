// What the packets run through: for each stream one PlainTransport into the router and one out of it to the receiver. A socket per
// stream also gives each a receive buffer of its own, so that a worker which is not run for a moment loses nothing.

import type { types } from 'mediasoup';

export type StreamPlan = {
	readonly name: string;
	readonly kind: types.MediaKind;
	readonly ssrc: number;
	readonly payloadType: number;
};

export type StreamPath = {
	readonly plan: StreamPlan;
	/** The sender's target. */
	readonly port: number;
	/** In what the receiver gets. */
	readonly receivedSsrc: number;
	/** Packets that the worker received, in all. */
	readonly entered: () => Promise<number>;
};

export const mediaCodecs: types.RouterRtpCodecCapability[] = [
	{ kind: 'audio', mimeType: 'audio/opus', clockRate: 48000, channels: 2 },
	{ kind: 'video', mimeType: 'video/VP8', clockRate: 90000 },
];

const listenInfo: types.TransportListenInfo = { protocol: 'udp', ip: '127.0.0.1', recvBufferSize: 4_194_304 };

export async function openPath(router: types.Router, plan: StreamPlan, receiverPort: number): Promise<StreamPath> {
	const ingress = await router.createPlainTransport({ listenInfo, rtcpMux: true, comedia: true });
	const egress = await router.createPlainTransport({ listenInfo, rtcpMux: true, comedia: false });
	const producer = await ingress.produce({ kind: plan.kind, rtpParameters: rtpParametersOf(plan) });

	await egress.connect({ ip: '127.0.0.1', port: receiverPort });

	const consumer = await egress.consume({ producerId: producer.id, rtpCapabilities: router.rtpCapabilities });

	return {
		plan,
		port: ingress.tuple.localPort,
		receivedSsrc: consumer.rtpParameters.encodings![0]!.ssrc!,
		async entered() {
			const stats = await producer.getStats();

			return stats.reduce((sum, stream) => sum + stream.packetCount, 0);
		},
	};
}

function rtpParametersOf({ kind, ssrc, payloadType }: StreamPlan): types.RtpParameters {
	const codec =
		kind === 'audio'
			? { mimeType: 'audio/opus', clockRate: 48000, channels: 2, payloadType }
			: { mimeType: 'video/VP8', clockRate: 90000, payloadType };

	return { codecs: [codec], encodings: [{ ssrc }] };
}
