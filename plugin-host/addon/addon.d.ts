// What mph_host.node exports. The runner (plugin-host/runner) is its only user; docs/typescript-plugins.md says how it all goes together.
// Numbers that are 64 bits wide in C (tickets, requests, calls) are counters, far below 2^53: here they are numbers. Times are milliseconds of
// CLOCK_MONOTONIC, as performance.now() has them up to a constant. Results are mph_result, verdicts mph_verdict (mph_plugin.h).

// ---- Node's main thread -------------------------------------------------------------------------------------------

export type HostCallbacks = {
	/** A dispatcher wants a thread: whoever takes it calls runThread(handle) there, once. */
	readonly onThread: (handle: number) => void;
	/** All is over; the process should end with that code. */
	readonly onExit: (code: number) => void;
};

/** Starts the core's Host on a thread of its own. Throws when descriptor 3 is no socket. Once per process, which is the host's from now on. */
export function startHost(callbacks: HostCallbacks): void;

/**
 * As startHost(), in a process that is the app's: any number of them, each with a channel of its own, the app's end of which is what it returns.
 * onThread() is for this thread itself; neither that nor the channel's other end keeps its loop going. It ends by Shutdown, or with the channel.
 */
export function openHost(callbacks: HostCallbacks): number;

/** No thread will run it: it could not be started, or ended before runThread(). */
export function abandonThread(handle: number, reason: string): void;

// ---- A thread with a dispatcher -----------------------------------------------------------------------------------

export type InstanceInfo = {
	readonly pluginId: string;
	readonly file: string;
	readonly shard: number;
	/** 0: not known yet; events have it. */
	readonly workerPid: number;
	/** JSON text. */
	readonly config: string;
};

export type PluginEvent = {
	/** mph_event_type */
	readonly type: number;
	readonly at: number;
	readonly router: number;
	readonly routerId?: string;
	readonly producer: number;
	readonly producerId?: string;
	readonly clockRate: number;
	readonly mimeType?: string;
	readonly kind: number;
	readonly paused: boolean;
	readonly ssrcs: readonly number[];
	readonly attachment: number;
	readonly attachmentId?: string;
	/** JSON text. */
	readonly context?: string;
	readonly observe: boolean;
	readonly consumer: number;
	readonly consumerId?: string;
	readonly transport: number;
	readonly transportId?: string;
	readonly workerPid: number;
	/** JSON text. */
	readonly parameters?: string;
};

/** What stands in them is of the batch in hand, of at most 64 records. */
export type BatchArrays = {
	readonly offsets: Uint32Array;
	readonly memories: Uint8Array;
	readonly attachments: Uint32Array;
	readonly causes: BigUint64Array;
	readonly verdicts: Uint8Array;
};

/** None of them may throw; what they throw all the same ends the thread. Microtasks run when the turn is over. */
export type ThreadCallbacks = {
	/** Before anything else. */
	readonly arrays: (arrays: BatchArrays) => void;
	/** Import, check, set up; then created() or createFailed(). */
	readonly create: (instance: number, info: InstanceInfo) => void;
	/** The last that is heard of it. */
	readonly destroy: (instance: number) => void;
	/**
	 * The memory that records of that router stand in from now on; router undefined: of memory 1, the same for all routers; buffer undefined: none come
	 * any more. Read only, on pain of SIGSEGV.
	 */
	readonly memory: (router: number | undefined, buffer: ArrayBuffer | undefined) => void;
	readonly packets: (instance: number, router: number, count: number) => void;
	readonly data: (instance: number, router: number, count: number) => void;
	readonly event: (instance: number, event: PluginEvent) => void;
	/** `request` 0: a notification. `body` undefined: none. Text if it is JSON. */
	readonly message: (instance: number, method: string, body: string | Uint8Array | undefined, request: number) => void;
	/** `json`: as in mph_answer. */
	readonly answer: (instance: number, router: number, call: number, result: number, json: string | undefined) => void;
	/** As often as created() said. */
	readonly tick: (instance: number, now: number) => void;
	readonly restore: (instance: number, bytes: Uint8Array) => void;
};

/** Runs the dispatcher on this thread's loop, beside others. Resolves when it has ended: the task is over. */
export function runThread(handle: number, callbacks: ThreadCallbacks): Promise<void>;

/**
 * A turn now, before the loop's, of what runs under that handle on this thread. True: another one would find something. False, without a turn, from
 * within a callback, and when it has ended.
 */
export function takeTurn(handle: number): boolean;

export type Created = { readonly name: string; readonly version: string; readonly wantsPackets: boolean; readonly wantsData: boolean; readonly tickIntervalMs: number };

/** [the instance's thread], like all that follows. */
export function created(instance: number, what: Created): void;
export function createFailed(instance: number, reason: string): void;
/** It is in a state that nobody knows: its connection to the worker ends, the thread with it, and the app starts it anew. */
export function endThread(instance: number, reason: string): void;

export function log(instance: number, level: number, message: string): void;
export function count(instance: number, name: string, add: number): void;
export function snapshot(instance: number, bytes: Uint8Array): number;
export function verdict(instance: number, router: number, ticket: number, verdict: number): number;
export function replace(instance: number, router: number, ticket: number, payload: Uint8Array): number;
export function extend(instance: number, router: number, ticket: number, microseconds: number): number;
export function bypass(instance: number, router: number, attachment: number, producer: number, ssrc: number, unit: number, amount: number): number;

export type RtpOut = {
	readonly router: number;
	readonly producer: number;
	readonly ssrc: number;
	readonly timestamp: number;
	readonly payloadType: number;
	readonly marker?: boolean;
	readonly audioLevel?: number;
	readonly voice?: boolean;
	readonly payload: Uint8Array;
	readonly consumers?: readonly number[];
	readonly cause?: bigint;
};

export type DataOut = {
	readonly router: number;
	readonly dataProducer?: number;
	readonly ppid: number;
	readonly message: Uint8Array;
	readonly consumers?: readonly number[];
	readonly subchannels?: readonly number[];
	readonly requiredSubchannel?: number;
	readonly ignoredSubchannel?: number;
	readonly cause?: bigint;
	/** The DirectTransport that dataProducer is on receives it; no consumers are named. */
	readonly asReceived?: boolean;
};

export type ReceivedRtp = {
	readonly router: number;
	readonly producer: number;
	/** All of it, the header included. */
	readonly packet: Uint8Array;
	readonly cause?: bigint;
};

/** `wantsAnswer`: then an MPH_OK is followed by answer() with the number that lastCall() gives. */
export function injectRtp(instance: number, rtp: RtpOut, wantsAnswer: boolean): number;
export function injectData(instance: number, data: DataOut, wantsAnswer: boolean): number;
/** The DirectTransport that the producer is on receives it. */
export function receiveRtp(instance: number, rtp: ReceivedRtp, wantsAnswer: boolean): number;
export function requestKeyFrame(instance: number, router: number, producer: number, ssrc: number, wantsAnswer: boolean): number;
export function subscribe(instance: number, router: number, attachment: number, producer: number, wanted: boolean, wantsAnswer: boolean): number;
export function query(instance: number, router: number, what: number, object: number): number;
/** Of the last of the six calls above on this thread. */
export function lastCall(): number;
export function post(instance: number, name: string, body: string | Uint8Array | undefined): number;
export function reply(instance: number, request: number, failed: boolean, body: string | Uint8Array | undefined): number;
