// A host as the app has it, from its start to its end: its control channel, what it is asked and what it says. Where it runs is for those that
// extend this: host-process.ts and app-host.ts. It knows nothing of restarts; the supervisor makes a new one.

import type { Socket } from 'node:net';
import { basename } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { EnhancedEventEmitter } from 'mediasoup/extras';

import type { Reply, RequestType } from './control/control-client.ts';
import { ConnectionEndedError, ControlClient, FailureReply } from './control/control-client.ts';
import type { Incoming } from './control/incoming.ts';
import type { RawInstanceStats } from './control/raw-stats.ts';
import type { Outgoing } from './control/outgoing.ts';
import { HostDiedError, NotFoundError, PluginCreateError, PluginHostError, PluginLoadError, ProtocolError, RequestFailedError, UnsupportedError, WorkerRefusedError } from './errors.ts';
import { ErrorCode as FailureCode } from './generated/control.js';
import type { LogLevel } from './logger.ts';
import { logLevels } from './logger.ts';
import type { PluginKind } from './plugin-file.ts';

export type HostExit = {
	readonly code: number | null;
	readonly signal: NodeJS.Signals | null;
	/** It could not be started at all. */
	readonly error?: Error;
};

/** How long the system may take to say how a host that is lost has ended; one that takes longer was cut off and lives. */
export const exitTimeoutMs = 1_000;

export type PluginIdentity = { readonly name: string; readonly version: string; readonly abiVersion: number };

export type HostSnapshot = Incoming['Snapshot'];
/** What a plugin said unasked. */
export type PluginPost = Incoming['PluginMessage'];
export type PluginReply = Incoming['PluginReply'];

export type HostHandleOptions = {
	readonly channel: Socket;
	/** Of the process that it runs in. Undefined when the system could not start it. */
	readonly pid: number | undefined;
	/** One for scripts survives the end of a thread that serves one worker. */
	readonly kind: PluginKind;
	/** Names what it runs in messages: a path, or file names. */
	readonly pluginFile: string;
	readonly timeoutMs: number;
};

export type HostHandleEvents = {
	/** Once, always. */
	exit: [HostExit];
	/** The control channel ended: whether the process has ended or not, it is of no use any more. */
	channelclose: [];
	/** From a plugin; an empty id: from the host itself, or what its process printed (stdout: info, stderr: warn). */
	log: [LogLevel, string, pluginId: string];
	/** Its connection to a worker ended. An empty reason: the worker is gone. */
	workerlost: [workerPid: number, reason: string];
	/** The plugin's state, for whichever host comes after this one. */
	snapshot: [HostSnapshot];
	post: [PluginPost];
};

/** How much of what it printed last goes into the error when it dies. */
const keptLines = 5;

export abstract class HostHandle extends EnhancedEventEmitter<HostHandleEvents> {
	/** Undefined when the system could not start it. */
	readonly pid: number | undefined;
	readonly kind: PluginKind;
	readonly #channel: ControlClient;
	readonly #pluginFile: string;
	readonly #lastLines: string[] = [];
	readonly #exited = Promise.withResolvers<HostExit>();
	#exit: HostExit | undefined;
	#requests = 0;

	constructor({ channel, pid, kind, pluginFile, timeoutMs }: HostHandleOptions) {
		super();
		this.pid = pid;
		this.kind = kind;
		this.#pluginFile = pluginFile;
		this.#channel = new ControlClient({ socket: channel, peer: this.describe(), timeoutMs });
		this.#channel.on('close', (error) => {
			if (error instanceof ProtocolError) {
				this.emit('log', 'error', error.message, '');
			}
			this.emit('channelclose');
		});
		this.#channel.on('message', (message) => {
			if (message.type === 'Log') {
				this.heard(logLevels[message.body.level] ?? 'error', message.body.message, message.body.pluginId);
			} else if (message.type === 'WorkerLost') {
				this.emit('workerlost', message.body.workerPid, message.body.message);
			} else if (message.type === 'Snapshot') {
				this.emit('snapshot', message.body);
			} else if (message.type === 'PluginMessage') {
				this.emit('post', message.body);
			}
		});
	}

	/** At once, whatever it is doing. */
	abstract kill(): void;

	/** Somebody waits for it: a reason for the app to stay alive. */
	protected hold(): void {}

	protected letGo(): void {}

	/** Resolves when what it said last has been heard. */
	protected async said(): Promise<void> {}

	get exit(): HostExit | undefined {
		return this.#exit;
	}

	/** Resolves with `exit`. */
	get exited(): Promise<HostExit> {
		return this.#exited.promise;
	}

	loadPlugin(fields: Outgoing['LoadPlugin']): Promise<PluginIdentity> {
		return this.#request('LoadPlugin', fields);
	}

	async unloadPlugin(pluginId: string): Promise<void> {
		await this.#request('UnloadPlugin', { pluginId });
	}

	/** Resolves with what the plugin answered, be it that it failed. */
	ask(fields: Outgoing['PluginRequest'], timeoutMs: number): Promise<PluginReply> {
		return this.#request('PluginRequest', fields, timeoutMs);
	}

	/** As ask(), and nobody waits for an answer. Resolves when the system has it for the host. */
	async notify(fields: Outgoing['PluginRequest']): Promise<void> {
		try {
			await this.#channel.notify('PluginRequest', fields);
		} catch (error) {
			throw this.diedError(`before it took "${fields.method}"`, error);
		}
	}

	async connectWorker(fields: Outgoing['ConnectWorker']): Promise<void> {
		await this.#request('ConnectWorker', fields);
	}

	/** For its instance there; before that is started for the first time, else it comes too late. */
	storeSnapshot(snapshot: HostSnapshot): void {
		this.#channel.send('StoreSnapshot', snapshot);
	}

	async getStats(timeoutMs?: number): Promise<readonly RawInstanceStats[]> {
		return (await this.#request('GetHostStats', {}, timeoutMs)).instances;
	}

	/** Undefined when it has not ended by then. */
	async exitWithin(ms: number): Promise<HostExit | undefined> {
		const stop = new AbortController();

		try {
			return await Promise.race([this.exited, delay(ms, undefined, { signal: stop.signal })]);
		} finally {
			stop.abort();
		}
	}

	/** Tells it to end, and kills it when it has not done so in time. */
	shutdown(graceMs: number): void {
		this.#channel.send('Shutdown', {});
		this.killAfter(graceMs);
	}

	killAfter(graceMs: number): void {
		if (!this.#exit) {
			const timer = setTimeout(() => this.kill(), graceMs).unref();

			this.once('exit', () => clearTimeout(timer));
		}
	}

	/** The error for whoever still needs it. */
	diedError(doing: string, cause?: unknown): HostDiedError {
		const lines = this.#lastLines.length > 0 ? `; it printed last: ${this.#lastLines.join(' | ')}` : '';

		return new HostDiedError(
			'MPH_ERR_HOST_DIED',
			`${this.describe()} ${describeExit(this.#exit)} ${doing}${lines}`,
			cause === undefined ? undefined : { cause },
		);
	}

	/** Only the first call counts. */
	protected ended(exit: HostExit): void {
		if (!this.#exit) {
			this.#exit = exit;
			this.#exited.resolve(exit);
			this.emit('exit', exit);
		}
	}

	protected heard(level: LogLevel, line: string, pluginId = ''): void {
		if (level === 'warn' || level === 'error') {
			this.#lastLines.push(line);
			this.#lastLines.splice(0, this.#lastLines.length - keptLines);
		}
		this.emit('log', level, line, pluginId);
	}

	/** Its channel ends once what was said so far is sent. */
	protected hangUp(): void {
		this.#channel.close();
	}

	protected describe(): string {
		return `host ${this.pid ?? '(not started)'} of ${basename(this.#pluginFile)}`;
	}

	async #request<T extends RequestType>(type: T, fields: Outgoing[T], timeoutMs?: number): Promise<Reply<T>> {
		this.#requests++;
		this.hold();

		try {
			return await this.#channel.request(type, fields, timeoutMs);
		} catch (error) {
			if (error instanceof ConnectionEndedError) {
				// How it ended is known when it is reaped, a moment after its channel went; if it lives on without one, it has to go.
				this.killAfter(100);
				await this.exited;
				await this.said();
				throw this.diedError(`before it answered ${type}`, error);
			}
			throw error instanceof FailureReply ? this.#translate(error, type, fields) : error;
		} finally {
			this.#requests--;
			if (this.#requests === 0) {
				this.letGo();
			}
		}
	}

	#translate(failure: FailureReply, type: RequestType, fields: object): PluginHostError {
		const file = 'file' in fields ? fields.file : this.#pluginFile;

		if (type === 'PluginRequest') {
			return translateRequest(failure, this.describe());
		}

		// The host names the plugin, what is wrong with it and what to do.
		switch (failure.failureCode) {
			case FailureCode.PluginFile:
				return new PluginLoadError('MPH_ERR_PLUGIN_FILE', failure.message, { cause: failure });
			case FailureCode.PluginAbi:
				return new PluginLoadError('MPH_ERR_PLUGIN_ABI', failure.message, { cause: failure });
			case FailureCode.PluginCreate:
				return new PluginCreateError('MPH_ERR_PLUGIN_CREATE', `${failure.message} (${file})`, { cause: failure });
			case FailureCode.Version:
				return new UnsupportedError('MPH_ERR_PROTOCOL_VERSION', `${this.describe()} refused ${type}: ${failure.message}`, {
					cause: failure,
				});
			default:
				return new WorkerRefusedError('MPH_ERR_WORKER_REFUSED', `${this.describe()} failed at ${type}: ${failure.message}`, {
					cause: failure,
				});
		}
	}
}

/** The plugin has not got it. */
function translateRequest(failure: FailureReply, host: string): PluginHostError {
	const message = `${host} did not take a request: ${failure.message}`;

	return failure.failureCode === FailureCode.NotFound
		? new NotFoundError('MPH_ERR_NO_INSTANCE', message, { cause: failure })
		: new RequestFailedError('MPH_ERR_REQUEST_FAILED', message, { cause: failure });
}

export function describeExit(exit: HostExit | undefined): string {
	if (!exit) {
		return 'hung up';
	}
	if (exit.error) {
		return `could not be started (${exit.error.message})`;
	}

	return exit.signal ? `was ended by ${exit.signal}` : `exited with code ${exit.code}`;
}
