// The library's end of one control connection, to a worker or to a host: requests become promises, unasked messages become events.
// Whatever ends the connection rejects all that is still waiting, with an error that the owner words.

import type { Socket } from 'node:net';

import { EnhancedEventEmitter } from 'mediasoup/extras';

import { ProtocolError, TimeoutError } from '../errors.ts';
import type { ErrorCode as FailureCode } from '../generated/control.js';
import { FrameReader } from './framing.ts';
import type { Incoming, IncomingMessage, IncomingType } from './incoming.ts';
import { decodeFrame } from './incoming.ts';
import type { Outgoing, OutgoingType } from './outgoing.ts';
import { encodeFrame } from './outgoing.ts';

/** What the peer answers a request with when it does not refuse it. */
const replyTypes = {
	Hello: 'Welcome',
	IssueHostToken: 'Ok',
	PromoteHost: 'Ok',
	RemovePlugin: 'Ok',
	ConfigureRouter: 'Ok',
	Attach: 'Ok',
	Detach: 'Ok',
	PauseAttachment: 'Ok',
	AddTarget: 'Ok',
	RemoveTarget: 'Ok',
	SetLimits: 'Ok',
	GetStats: 'Stats',
	LoadPlugin: 'PluginLoaded',
	ConnectWorker: 'WorkerConnected',
	GetHostStats: 'HostStats',
	UnloadPlugin: 'Ok',
	PluginRequest: 'PluginReply',
} as const satisfies Partial<Record<OutgoingType, IncomingType>>;

type ReplyTypes = typeof replyTypes;

export type RequestType = keyof ReplyTypes;
export type Reply<T extends RequestType> = Incoming[ReplyTypes[T]];

/** The peer answered `Failure`. Owners translate it: only they know what the failure is about. */
export class FailureReply extends Error {
	override readonly name = 'FailureReply';
	readonly failureCode: FailureCode;

	constructor(failureCode: FailureCode, message: string) {
		super(message);
		this.failureCode = failureCode;
	}
}

/** The connection ended before the answer came, or had ended before the request. */
export class ConnectionEndedError extends Error {
	override readonly name = 'ConnectionEndedError';
}

export type ControlClientOptions = {
	/** Connected, or about to be. */
	readonly socket: Socket;
	/** Names the peer in messages: "worker 4711". */
	readonly peer: string;
	readonly timeoutMs: number;
	/** Default: Mph.Control.Limit.MaxFrameBytes. */
	readonly maxFrameBytes?: number;
};

export type ControlClientEvents = {
	/** A message that nobody asked for. */
	message: [IncomingMessage];
	/** Once. Undefined when the peer closed the connection in good order. */
	close: [Error | undefined];
};

type PendingRequest = {
	readonly type: RequestType;
	readonly resolve: (body: Incoming[ReplyTypes[RequestType]]) => void;
	readonly reject: (error: Error) => void;
	readonly timer: NodeJS.Timeout;
};

export class ControlClient extends EnhancedEventEmitter<ControlClientEvents> {
	readonly #socket: Socket;
	readonly #peer: string;
	readonly #timeoutMs: number;
	readonly #reader: FrameReader;
	readonly #pending = new Map<number, PendingRequest>();
	#nextId = 1;
	#closed = false;
	#error: Error | undefined;

	constructor({ socket, peer, timeoutMs, maxFrameBytes }: ControlClientOptions) {
		super();
		this.#reader = new FrameReader(maxFrameBytes);
		this.#socket = socket;
		this.#peer = peer;
		this.#timeoutMs = timeoutMs;

		// An idle connection is no reason for the app to stay alive; one that owes an answer is.
		socket.unref();
		socket.on('data', (chunk: Buffer) => this.#onData(chunk));
		socket.on('error', (error) => this.#end(error));
		socket.on('close', () => this.#end(undefined));
	}

	get closed(): boolean {
		return this.#closed;
	}

	/** Rejects with FailureReply, ConnectionEndedError, TimeoutError or ProtocolError. */
	request<T extends RequestType>(type: T, fields: Outgoing[T], timeoutMs = this.#timeoutMs): Promise<Reply<T>> {
		return new Promise((resolve, reject) => {
			if (this.#closed) {
				reject(this.#endedError(type));

				return;
			}

			const id = this.#takeId();
			const frame = encodeFrame(id, type, fields);
			const timer = setTimeout(() => {
				this.#forget(id);
				reject(new TimeoutError('MPH_ERR_TIMEOUT', `${this.#peer} did not answer ${type} within ${timeoutMs} ms`));
			}, timeoutMs);

			this.#pending.set(id, {
				type,
				// What arrives is of the type that `replyTypes` names: #onReply() has checked it.
				resolve: resolve as PendingRequest['resolve'],
				reject,
				timer,
			});
			this.#socket.ref();
			this.#socket.write(frame);
		});
	}

	/** For what is not answered, or should not be. Nothing happens when the connection has ended. */
	send<T extends OutgoingType>(type: T, fields: Outgoing[T]): void {
		if (!this.#closed) {
			this.#socket.write(encodeFrame(0, type, fields));
		}
	}

	/** As send(). Resolves when the system has it; rejects with ConnectionEndedError when the connection ended before. */
	notify<T extends OutgoingType>(type: T, fields: Outgoing[T]): Promise<void> {
		return new Promise((resolve, reject) => {
			const ended = (): void => reject(new ConnectionEndedError(`the connection to ${this.#peer} ended before it took ${type}`));

			if (this.#closed) {
				ended();
			} else {
				this.#socket.write(encodeFrame(0, type, fields), (error) => (error ? ended() : resolve()));
			}
		});
	}

	/** Sends what was written so far, then ends the connection. */
	close(): void {
		this.#socket.end();
		this.#end(undefined);
	}

	#takeId(): number {
		const id = this.#nextId;

		// 0 is taken by unasked messages; and the number is a uint32.
		this.#nextId = id === 0xffffffff ? 1 : id + 1;

		return this.#pending.has(id) ? this.#takeId() : id;
	}

	#onData(chunk: Buffer): void {
		for (const message of this.#read(chunk)) {
			// What was delivered last may have ended the connection.
			if (this.#closed) {
				return;
			}
			this.#onMessage(message);
		}
	}

	#read(chunk: Buffer): IncomingMessage[] {
		try {
			return this.#reader.push(chunk).flatMap((frame) => decodeFrame(frame) ?? []);
		} catch (error) {
			this.#end(
				new ProtocolError('MPH_ERR_PROTOCOL', `${this.#peer} broke the control protocol: ${(error as Error).message}`, { cause: error }),
			);
			this.#socket.destroy();

			return [];
		}
	}

	#onMessage(message: IncomingMessage): void {
		if (message.id === 0) {
			this.emit('message', message);

			return;
		}

		const request = this.#forget(message.id);

		if (!request) {
			// The answer to a request that was given up.
			return;
		}
		if (message.type === 'Failure') {
			request.reject(new FailureReply(message.body.code, message.body.message));
		} else if (message.type === replyTypes[request.type]) {
			request.resolve(message.body as Incoming[ReplyTypes[RequestType]]);
		} else {
			request.reject(new ProtocolError('MPH_ERR_PROTOCOL', `${this.#peer} answered ${request.type} with ${message.type}`));
		}
	}

	#forget(id: number): PendingRequest | undefined {
		const request = this.#pending.get(id);

		if (request) {
			clearTimeout(request.timer);
			this.#pending.delete(id);

			if (this.#pending.size === 0) {
				this.#socket.unref();
			}
		}

		return request;
	}

	#end(error: Error | undefined): void {
		if (this.#closed) {
			return;
		}
		this.#closed = true;
		this.#error = error;

		for (const [id, { type }] of [...this.#pending]) {
			this.#forget(id)?.reject(this.#endedError(type));
		}
		this.emit('close', error);
	}

	#endedError(type: RequestType): Error {
		return this.#error instanceof ProtocolError
			? this.#error
			: new ConnectionEndedError(`the connection to ${this.#peer} ended before it answered ${type}`, { cause: this.#error });
	}
}
