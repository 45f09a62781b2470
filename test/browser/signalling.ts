// What the page asks of the server: mediasoup's usual signalling, as function calls from the browser into the test. Both sides
// compile against this file.

import type { types as client } from 'mediasoup-client';

export type TransportParameters = Pick<client.TransportOptions, 'id' | 'iceParameters' | 'iceCandidates' | 'dtlsParameters'>;

export type Signalling = {
	readonly getRouterCapabilities: () => Promise<client.RtpCapabilities>;
	readonly createTransport: () => Promise<TransportParameters>;
	readonly connectTransport: (request: { id: string; dtlsParameters: client.DtlsParameters }) => Promise<void>;
	readonly produce: (request: { transportId: string; kind: client.MediaKind; rtpParameters: client.RtpParameters }) => Promise<{ id: string }>;
	readonly consume: (request: {
		transportId: string;
		producerId: string;
		rtpCapabilities: client.RtpCapabilities;
	}) => Promise<{ id: string; producerId: string; kind: client.MediaKind; rtpParameters: client.RtpParameters }>;
	readonly resume: (request: { consumerId: string }) => Promise<void>;
};

/** What the page measured of the media that it receives, as WebRTC's own getStats() tells it. */
export type ReceivedMedia = {
	readonly framesDecoded: number;
	readonly freezeCount: number;
	readonly totalFreezesSeconds: number;
	readonly audioPackets: number;
	readonly packetsLost: number;
};

/** What the page offers to the test. */
export type Page = {
	/** Produces audio and video of the fake device and consumes both. */
	readonly call: () => Promise<void>;
	readonly received: () => Promise<ReceivedMedia>;
};
