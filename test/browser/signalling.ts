// What the page asks of the server: mediasoup's usual signalling, as function calls from the browser into the test. Both sides
// compile against this file.

import type { types as client } from 'mediasoup-client';

export type TransportParameters = Pick<client.TransportOptions, 'id' | 'iceParameters' | 'iceCandidates' | 'dtlsParameters' | 'sctpParameters'>;

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
	readonly produceData: (request: {
		transportId: string;
		sctpStreamParameters: client.SctpStreamParameters;
		label: string;
		protocol: string;
	}) => Promise<{ id: string }>;
	readonly consumeData: (request: {
		transportId: string;
		dataProducerId: string;
	}) => Promise<{ id: string; dataProducerId: string; sctpStreamParameters: client.SctpStreamParameters; label: string; protocol: string }>;
};

/** What the page measured of the media that it receives, as WebRTC's own getStats() tells it. */
export type ReceivedMedia = {
	readonly framesDecoded: number;
	/** Of the picture that was decoded last. */
	readonly frameHeight: number;
	readonly freezeCount: number;
	readonly totalFreezesSeconds: number;
	readonly audioPackets: number;
	readonly packetsLost: number;
	/** Samples that the audio decoder made up, and all that were played. */
	readonly concealedSamples: number;
	readonly totalSamples: number;
	/** totalAudioEnergy of WebRTC's getStats(): squared level times seconds, since the beginning. */
	readonly audioEnergy: number;
	/** Data messages, and the last one as text. */
	readonly messages: number;
	readonly lastMessage: string;
	/** Largest difference, of 0 to 255, between the still part of the test picture and what was decoded last. -1: no test picture. */
	readonly pictureError: number;
};

export type CallOptions = {
	/** `device`: the browser's fake camera. `picture`: a test picture with a still part, to be compared by the receiver. */
	readonly video?: 'device' | 'picture' | 'none';
	/** `simulcast`: VP8 in two encodings, half as high and as it is. `svc`: VP9 in two such layers, K-SVC. Both with three temporal layers. */
	readonly layers?: 'simulcast' | 'svc';
	readonly audio?: boolean;
	/** A data channel with a message every 10 ms. */
	readonly data?: boolean;
};

/** What the page offers to the test. */
export type Page = {
	/** Produces audio and video (of the fake device unless told otherwise) and consumes what it produced. */
	readonly call: (options?: CallOptions) => Promise<void>;
	readonly received: () => Promise<ReceivedMedia>;
};
