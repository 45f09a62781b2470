// What setup() is given: the plugin's configuration, and everything that it may ask for.

import type { EventMap } from './handlers.ts';
import type { ReadonlyBytes } from './readonly-bytes.ts';
import type { CallResult } from './results.ts';

/** What made the plugin inject: the packet or message itself, or its `cause`. A restart then does not inject it twice. */
export type Cause = bigint | { readonly cause: bigint };

export type RtpInjection = {
	readonly router: number;
	/** Whose consumers get it. */
	readonly producer: number;
	/** A mapped one of the producer, like the payload type: of one of its packets or events. */
	readonly ssrc: number;
	/** In the producer's clock. */
	readonly timestamp: number;
	readonly payloadType: number;
	readonly marker?: boolean;
	/** In -dBov. */
	readonly audioLevel?: number;
	readonly voice?: boolean;
	/** Copied before the call returns. Header, extensions and sequence number are the worker's. */
	readonly payload: Uint8Array | ReadonlyBytes;
	/** Default: all of the producer. For the others no gap appears. */
	readonly consumers?: readonly number[];
	readonly cause?: Cause;
};

export type DataInjection = {
	readonly router: number;
	/** Whose data consumers get it; absent: `consumers` alone say so. */
	readonly dataProducer?: number;
	/** Text goes out with PPID 51 or 56, bytes with 53 or 57, if `ppid` does not say otherwise. */
	readonly message: string | Uint8Array | ReadonlyBytes;
	readonly ppid?: number;
	/** Data consumers. Default: all of the data producer. */
	readonly consumers?: readonly number[];
	readonly subchannels?: readonly number[];
	readonly requiredSubchannel?: number;
	/** Data consumers that have it do not get it. */
	readonly ignoredSubchannel?: number;
	/**
	 * The DirectTransport that the data producer is on receives it, as if the app had sent it; `consumers` are left out then. An attachment of this plugin must
	 * have that transport as its target, else the result is 'unknown'.
	 */
	readonly asReceived?: boolean;
	readonly cause?: Cause;
};

/** As with `asReceived`: the DirectTransport that the producer is on receives it. */
export type ReceivedRtp = {
	readonly router: number;
	readonly producer: number;
	/** A whole RTP packet, with the SSRC, payload type and extension ids of the producer's own parameters. Copied before the call returns. */
	readonly packet: Uint8Array | ReadonlyBytes;
	readonly cause?: Cause;
};

/** Told once what the worker made of a call that was 'ok'. */
export type OnResult = (result: CallResult) => void;

/** By what is asked for; numbers name producers, data producers, consumers and data consumers. */
export type QueryAnswers = {
	/** Of a producer or consumer. */
	rtpParameters: { readonly rtpParameters: unknown };
	/** Of a producer or data producer. */
	consumers: readonly { readonly consumer: number; readonly id: string; readonly kind?: string; readonly type?: string; readonly paused: boolean }[];
	/** Of a producer: which RTP timestamp was sent when (NTP, since 1900), by mapped SSRC. */
	senderReports: readonly { readonly ssrc: number; readonly rtpTimestamp: number; readonly ntpMs: number; readonly receivedAtNs: number }[];
	/** Of a producer (per encoding) or consumer. */
	scores: unknown;
};

export type Log = { readonly [Level in 'debug' | 'info' | 'warn' | 'error']: (message: string) => void };

/** Adds to a counter that the app reads in `plugin.getStats()`. A sum is kept, and handed on ten times a second. */
export type Counter = { add(number?: number): void };

export type PluginInfo = {
	readonly pluginId: string;
	/** Absolute path. */
	readonly file: string;
	readonly shard: number;
	/** 0: not known yet; 'routerOpened' tells it. */
	readonly workerPid: number;
};

export type PluginContext<Config = unknown, Events extends EventMap = EventMap> = {
	/** As its schema made it. */
	readonly config: Config;
	readonly info: PluginInfo;
	readonly log: Log;
	counter(name: string): Counter;
	/** Sends an RTP packet to the consumers of a producer, at any time: receivers see one stream. */
	inject(rtp: RtpInjection, onResult?: OnResult): CallResult;
	injectData(data: DataInjection, onResult?: OnResult): CallResult;
	/** Sends a whole RTP packet as a producer of a DirectTransport. */
	receiveRtp(rtp: ReceivedRtp, onResult?: OnResult): CallResult;
	/** Without `ssrc`: of all streams of the producer. A packet will do. mediasoup limits how often senders are asked. */
	requestKeyFrame(of: { readonly router: number; readonly producer: number; readonly ssrc?: number }, onResult?: OnResult): CallResult;
	/** For attachments with `subscribe`: packets of that producer, or messages of that data producer, come from now on, or no more. */
	subscribe(to: { readonly router: number; readonly attachment: number; readonly producer: number }, wanted?: boolean, onResult?: OnResult): CallResult;
	/** Rejects with what is wrong. */
	query<What extends keyof QueryAnswers>(what: What, of: { readonly router: number; readonly object: number }): Promise<QueryAnswers[What]>;
	/** A 'message' event for the app. Bytes if it is a Uint8Array, else JSON. */
	post<Name extends keyof Events & string>(name: Name, body: Events[Name]): CallResult;
	/** State for whichever host comes after this one; the last one counts. At most 1 MiB. 'full': the last one is still on its way. */
	snapshot(bytes: Uint8Array): CallResult;
	/** After 'full': resolves when it is worth trying again. */
	drain(): Promise<void>;
};
