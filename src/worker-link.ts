// The library's connection to one mediasoup worker, as its controller: found by the worker's pid, checked once, kept until the worker
// closes. What the worker says unasked is passed on to whom it is about.

import { createConnection } from 'node:net';

import { EnhancedEventEmitter } from 'mediasoup/extras';
import type { Worker } from 'mediasoup/types';

import type { Reply, RequestType } from './control/control-client.ts';
import { ConnectionEndedError, ControlClient, FailureReply } from './control/control-client.ts';
import type { Incoming, IncomingMessage } from './control/incoming.ts';
import type { Outgoing } from './control/outgoing.ts';
import type { CodedError } from './errors.ts';
import { InvalidStateError, NotFoundError, UnsupportedError, WorkerRefusedError, isCodedError } from './errors.ts';
import { AttachmentState, ErrorCode as FailureCode, Limit, ProtocolVersion, Role } from './generated/control.js';
import { LayoutVersion } from './generated/layout.js';
import type { LimitSettings } from './limits.ts';
import type { RingSettings } from './options.ts';
import type { WorkerSnapshot } from './stats.ts';

/**
 * CONNECTING → READY → CLOSED
 *     │
 *     ├→ REFUSED (it is no worker for us; it goes on without plugins)
 *     └→ CLOSED
 */
type LinkState = 'connecting' | 'ready' | 'refused' | 'closed';

/**
 * More than the protocol promises: the stats of a worker with some 500 attachments are longer than a frame may be, and the end of this
 * connection would take every plugin off the worker. Unlike a host the worker runs no foreign code.
 */
const maxWorkerFrameBytes = 64 * Limit.MaxFrameBytes;

export type HostStateChange = Incoming['HostStateChanged'];
export type PoisonFind = Incoming['PoisonFound'];

/** Whoever wants to hear of an attachment's state in the worker. */
export interface AttachmentListener {
	onStateChanged(state: AttachmentState): void;
}

export type WorkerLinkOptions = {
	readonly worker: WorkerRef;
	readonly socketPath: string;
	/** Proves that we are the controller. */
	readonly token: string;
	/** Of the mediasoup module that made the worker. */
	readonly mediasoupVersion: string;
	readonly timeoutMs: number;
};

export type WorkerRef = Pick<Worker, 'pid' | 'closed'>;

export type WorkerLinkEvents = {
	hoststate: [HostStateChange];
	poison: [PoisonFind];
	/** Once, if it ever was ready. Undefined when it ended in good order. */
	close: [Error | undefined];
};

export class WorkerLink extends EnhancedEventEmitter<WorkerLinkEvents> {
	readonly socketPath: string;
	readonly #worker: WorkerRef;
	readonly #client: ControlClient;
	readonly #attachments = new Map<string, AttachmentListener>();
	readonly #ready: Promise<void>;
	#state: LinkState = 'connecting';

	constructor({ worker, socketPath, token, mediasoupVersion, timeoutMs }: WorkerLinkOptions) {
		super();
		this.#worker = worker;
		this.socketPath = socketPath;
		this.#client = new ControlClient({
			...{ socket: createConnection(socketPath), peer: `worker ${worker.pid}`, timeoutMs },
			maxFrameBytes: maxWorkerFrameBytes,
		});
		this.#client.on('message', (message) => this.#onMessage(message));
		this.#client.on('close', (error) => this.#onClose(error));
		this.#ready = this.#open(token, mediasoupVersion);
		// Whoever asks is told; that nobody asks is no reason for the app to die of an unhandled rejection.
		this.#ready.catch(() => {});
	}

	get pid(): number {
		return this.#worker.pid;
	}

	get closed(): boolean {
		return this.#state === 'closed' || this.#worker.closed;
	}

	/** Rejects when the worker cannot be used; says why. */
	ready(): Promise<void> {
		return this.#ready;
	}

	close(): void {
		this.#client.close();
	}

	/** A `hangMs` of 0 keeps what it was. */
	async issueHostToken(pluginId: string, token: string, hangMs = 0): Promise<void> {
		await this.#request('IssueHostToken', { pluginId, token, hangMs });
	}

	/** From now on that host serves, and the one that did waits. */
	async promoteHost(pluginId: string, hostPid: number): Promise<void> {
		await this.#request('PromoteHost', { pluginId, hostPid });
	}

	async removePlugin(pluginId: string): Promise<void> {
		await this.#request('RemovePlugin', { pluginId });
	}

	async configureRouter(routerId: string, sizes: RingSettings): Promise<void> {
		await this.#request('ConfigureRouter', { routerId, ...sizes });
	}

	/** From now on, and whether it succeeds or not, `listener` hears of it until detach(). */
	async attach(fields: Outgoing['Attach'], listener: AttachmentListener): Promise<void> {
		this.#attachments.set(fields.attachmentId, listener);
		await this.#request('Attach', fields);
	}

	async detach(attachmentId: string): Promise<void> {
		this.#attachments.delete(attachmentId);
		await this.#request('Detach', { attachmentId });
	}

	/** For one that the worker has ended itself. */
	forget(attachmentId: string): void {
		this.#attachments.delete(attachmentId);
	}

	async pauseAttachment(attachmentId: string, paused: boolean): Promise<void> {
		await this.#request('PauseAttachment', { attachmentId, paused });
	}

	async addTarget(fields: Outgoing['AddTarget']): Promise<void> {
		await this.#request('AddTarget', fields);
	}

	async removeTarget(fields: Outgoing['RemoveTarget']): Promise<void> {
		await this.#request('RemoveTarget', fields);
	}

	/** What hosts of the plugin may inject, from now on. */
	async setLimits(pluginId: string, limits: LimitSettings): Promise<void> {
		await this.#request('SetLimits', { pluginId, ...limits });
	}

	async getStats(): Promise<WorkerSnapshot> {
		return { workerPid: this.pid, ...(await this.#request('GetStats', {})) };
	}

	/** How many verdicts the worker has got from hosts of this plugin so far. */
	async verdictsOf(pluginId: string): Promise<number> {
		return (await this.getStats()).plugins.find((plugin) => plugin.pluginId === pluginId)?.verdicts ?? 0;
	}

	/** Whether there is anything that the plugin's host has not read or answered. */
	async waitsFor(pluginId: string): Promise<boolean> {
		const { rings } = await this.getStats();

		return rings.some((ring) => ring.pluginId === pluginId && (ring.packetRingUsed > 0 || ring.held > 0));
	}

	async #open(token: string, mediasoupVersion: string): Promise<void> {
		try {
			const welcome = await this.#client.request('Hello', {
				protocolVersion: ProtocolVersion.Current,
				layoutVersion: LayoutVersion.Current,
				role: Role.Controller,
				token,
				pid: process.pid,
			});

			this.#checkVersions(welcome, mediasoupVersion);
			this.#state = 'ready';
		} catch (error) {
			this.#state = this.#worker.closed ? 'closed' : 'refused';
			this.#client.close();
			throw this.#translateOpening(error);
		}
	}

	#checkVersions(welcome: Incoming['Welcome'], mediasoupVersion: string): void {
		if (welcome.protocolVersion !== ProtocolVersion.Current || welcome.layoutVersion !== LayoutVersion.Current) {
			throw new UnsupportedError(
				'MPH_ERR_PROTOCOL_VERSION',
				`worker ${this.pid} speaks control protocol ${welcome.protocolVersion} and layout ${welcome.layoutVersion}, this library ${ProtocolVersion.Current} and ${LayoutVersion.Current}; use the worker that belongs to this package (pluginHost.workerBin)`,
			);
		}
		if (welcome.mediasoupVersion !== mediasoupVersion) {
			throw new UnsupportedError(
				'MPH_ERR_VERSION_MISMATCH',
				`worker ${this.pid} was built from mediasoup ${welcome.mediasoupVersion}, and the mediasoup module is ${mediasoupVersion}; install mediasoup ${welcome.mediasoupVersion}, or the version of this package that fits ${mediasoupVersion}`,
			);
		}
	}

	#translateOpening(error: unknown): Error {
		if (error instanceof FailureReply && error.failureCode === FailureCode.Version) {
			return new UnsupportedError(
				'MPH_ERR_PROTOCOL_VERSION',
				`worker ${this.pid} refused control protocol ${ProtocolVersion.Current} with layout ${LayoutVersion.Current}: ${error.message}; use the worker that belongs to this package (pluginHost.workerBin)`,
				{ cause: error },
			);
		}
		if (error instanceof ConnectionEndedError && !this.#worker.closed && isNobodyThere(error.cause)) {
			return new UnsupportedError(
				'MPH_ERR_STOCK_WORKER',
				`worker ${this.pid} does not support plugins: it does not listen on ${this.socketPath} (${error.cause.message}); pass workerBin: pluginHost.workerBin to createWorker(), and if you do, see the worker's log`,
				{ cause: error },
			);
		}

		return this.#translate(error, 'Hello');
	}

	async #request<T extends RequestType>(type: T, fields: Outgoing[T]): Promise<Reply<T>> {
		try {
			return await this.#client.request(type, fields);
		} catch (error) {
			throw this.#translate(error, type, fields);
		}
	}

	#translate<T extends RequestType>(error: unknown, type: T, fields?: Outgoing[T]): CodedError {
		if (error instanceof ConnectionEndedError) {
			return new InvalidStateError('MPH_ERR_WORKER_CLOSED', `worker ${this.pid} closed or died before it answered ${type}`, { cause: error });
		}
		if (error instanceof FailureReply) {
			const message = `worker ${this.pid} refused ${type}: ${error.message}`;

			switch (error.failureCode) {
				case FailureCode.NotFound:
					return notFound(type, fields, message, error);
				case FailureCode.Budget:
					return new WorkerRefusedError('MPH_ERR_WORKER_BUDGET', message, { cause: error });
				default:
					return new WorkerRefusedError('MPH_ERR_WORKER_REFUSED', message, { cause: error });
			}
		}
		if (isCodedError(error)) {
			return error;
		}
		throw error;
	}

	#onMessage(message: IncomingMessage): void {
		if (message.type === 'AttachmentStateChanged') {
			this.#attachments.get(message.body.attachmentId)?.onStateChanged(message.body.state);
		} else if (message.type === 'HostStateChanged') {
			this.emit('hoststate', message.body);
		} else if (message.type === 'PoisonFound') {
			this.emit('poison', message.body);
		}
	}

	#onClose(error: Error | undefined): void {
		if (this.#state === 'ready') {
			this.#state = 'closed';
			this.emit('close', error);
		}
	}
}

/** It never listened; one that has died refuses (ECONNREFUSED). */
function isNobodyThere(cause: unknown): cause is NodeJS.ErrnoException {
	const { syscall, code } = (cause ?? {}) as NodeJS.ErrnoException;

	return syscall === 'connect' && code !== 'ECONNREFUSED';
}

/** The worker says that something is not there; what that was follows from what it was asked. */
function notFound(type: RequestType, fields: object | undefined, message: string, cause: FailureReply): CodedError {
	if (type === 'Detach' || type === 'PauseAttachment') {
		return new InvalidStateError('MPH_ERR_CLOSED', message, { cause });
	}

	if (type === 'PromoteHost' || type === 'SetLimits') {
		return new WorkerRefusedError('MPH_ERR_WORKER_REFUSED', message, { cause });
	}

	return new NotFoundError(notFoundCode(fields), message, { cause });
}

function notFoundCode(fields: object = {}): CodedError['code'] {
	const { targets, transportId, producerId, dataProducerId } = fields as Partial<Outgoing['Attach'] & Outgoing['AddTarget']>;

	if (transportId !== undefined) {
		return 'MPH_ERR_TRANSPORT_NOT_FOUND';
	}

	if (producerId !== undefined || (targets && targets.producerIds.length > 0)) {
		return 'MPH_ERR_PRODUCER_NOT_FOUND';
	}

	return dataProducerId !== undefined || (targets && targets.dataProducerIds.length > 0) ? 'MPH_ERR_DATA_PRODUCER_NOT_FOUND' : 'MPH_ERR_ROUTER_NOT_FOUND';
}
