// A plugin: the user's code, its host (kept running by the supervisor) and its attachments. One host serves all adopted workers.

import { randomUUID } from 'node:crypto';

import { EnhancedEventEmitter } from 'mediasoup/extras';
import type { AppData } from 'mediasoup/types';

import { Attachment } from './attachment.ts';
import type { HostCrash } from './crash-report.ts';
import type { HostDiedError } from './errors.ts';
import { InvalidStateError, TimeoutError } from './errors.ts';
import type { PluginIdentity } from './host-process.ts';
import { HostProcess } from './host-process.ts';
import type { LogLevel, Logger } from './logger.ts';
import type { AttachOptions, Placement, PluginSettings } from './options.ts';
import { parseAttachOptions } from './options.ts';
import type { PluginStats } from './stats.ts';
import { pluginStatsOf, rssBytesOf } from './stats.ts';
import type { HostRecovery, SupervisorState } from './supervisor.ts';
import { Supervisor } from './supervisor.ts';
import type { Topology } from './topology.ts';
import type { HostStateChange, WorkerLink } from './worker-link.ts';

export type PluginEvents = {
	/** The host ended unasked. The next one is on its way, unless 'died' follows. */
	crash: [HostCrash];
	/** A new host serves all that is attached. */
	recovered: [HostRecovery];
	/** Given up: `onAbsent` applies to what is attached until it is closed. */
	died: [HostDiedError];
	/** Internal. */
	'@close': [];
};

export type PluginObserver = EnhancedEventEmitter<PluginObserverEvents>;

export type PluginObserverEvents = {
	close: [];
	newattachment: [Attachment];
	crash: [HostCrash];
	recovered: [HostRecovery];
	died: [HostDiedError];
	/** What the plugin logs and its host prints. */
	log: [LogLevel, string];
};

export type PluginDump = {
	readonly id: string;
	readonly name: string;
	readonly version: string;
	readonly abiVersion: number;
	readonly file: string;
	readonly placement: Placement;
	readonly hostPid: number | undefined;
	readonly hostState: SupervisorState;
	readonly workerPids: readonly number[];
	readonly attachmentIds: readonly string[];
	readonly closed: boolean;
};

export type PluginContext = {
	readonly settings: PluginSettings;
	readonly hostBin: string;
	readonly topology: Topology;
	readonly logger: Logger;
	readonly timeoutMs: number;
	/** The adopted workers. */
	readonly links: () => readonly WorkerLink[];
};

/** A host that hangs has no figures of its own to tell, and the worker's are what one wants then. */
const hostStatsTimeoutMs = 1_000;

export class Plugin<Config = unknown, PluginAppData extends AppData = AppData> extends EnhancedEventEmitter<PluginEvents> {
	readonly #id = randomUUID();
	readonly #context: PluginContext;
	readonly #supervisor: Supervisor;
	readonly #attachments = new Map<string, Attachment>();
	/** Those that wait to become active for the first time. */
	readonly #starting = new Set<Attachment>();
	readonly #observer: PluginObserver = new EnhancedEventEmitter<PluginObserverEvents>();
	#identity: PluginIdentity | undefined;
	#appData: PluginAppData;
	#closed = false;
	#diedError: HostDiedError | undefined;

	/** @private Made by `pluginHost.createPlugin()`. */
	constructor(context: PluginContext) {
		super();

		const { settings, hostBin, timeoutMs, logger } = context;
		const { file, configJson, crashBudget, placement } = settings;

		this.#context = context;
		this.#appData = settings.appData as PluginAppData;
		this.#supervisor = new Supervisor({
			...{ pluginId: this.#id, file, configJson, crashBudget, placement },
			startHost: () => new HostProcess({ bin: hostBin, pluginFile: file, timeoutMs }),
		});
		this.#supervisor.on('log', (level, line) => this.#onLog(level, line));
		this.#supervisor.on('down', () => this.#onDown());
		this.#supervisor.on('up', () => this.#reportIfServed());
		this.#supervisor.on('crash', (crash) => this.#onCrash(crash));
		this.#supervisor.on('recovered', (recovery) => this.#onRecovered(recovery));
		this.#supervisor.on('died', (error) => this.#onDied(error));
		this.on('listenererror', (eventName, error) => {
			logger.error(`a listener for "${eventName}" of plugin ${this.name} threw: ${error.stack ?? error.message}`);
		});
	}

	get id(): string {
		return this.#id;
	}

	/** As the plugin calls itself. */
	get name(): string {
		return this.#identity?.name ?? '';
	}

	/** Absolute path. */
	get file(): string {
		return this.#context.settings.file;
	}

	get config(): Config {
		return this.#context.settings.config as Config;
	}

	/** As it was set; where the host's threads are is in `getStats()`. */
	get placement(): Placement {
		return this.#context.settings.placement;
	}

	get closed(): boolean {
		return this.#closed;
	}

	/** Whether it was given up because its host died again and again. */
	get died(): boolean {
		return this.#diedError !== undefined;
	}

	/** Undefined while there is no host. */
	get hostPid(): number | undefined {
		return this.#supervisor.host?.pid;
	}

	get appData(): PluginAppData {
		return this.#appData;
	}

	set appData(appData: PluginAppData) {
		this.#appData = appData;
	}

	get observer(): PluginObserver {
		return this.#observer;
	}

	/** Resolves when the packets of the target go through the plugin. */
	async attach<AttachmentAppData extends AppData = AppData>(
		options: AttachOptions<AttachmentAppData>,
	): Promise<Attachment<AttachmentAppData>> {
		const settings = parseAttachOptions(options);
		const { topology, logger, timeoutMs } = this.#context;

		this.#assertUsable('attach()');

		const place = settings.router ? topology.placeOf(settings.router) : topology.placeOfProducer(settings.producerId!);

		await place.link.ready();
		this.#assertUsable('attach()');
		this.addWorker(place.link);
		await this.#supervisor.introduced(place.link);
		this.#assertUsable('attach()');

		// It may have closed while we waited.
		if (place.router.closed) {
			topology.placeOf(place.router);
		}

		const attachment = new Attachment<AttachmentAppData>(this.#id, place, settings, logger);

		this.#attachments.set(attachment.id, attachment);
		this.#starting.add(attachment);
		attachment.on('@close', () => this.#onAttachmentClosed(attachment));
		attachment.on('@active', () => this.#reportIfServed());

		try {
			await attachment.start(
				() =>
					new TimeoutError(
						'MPH_ERR_TIMEOUT',
						`attachment to router ${place.router.id} did not become active within ${timeoutMs} ms; the host of ${this.name} is ${this.#supervisor.state}`,
					),
				timeoutMs,
			);
		} finally {
			this.#starting.delete(attachment);
		}
		this.#observer.safeEmit('newattachment', attachment);

		return attachment;
	}

	async getStats(): Promise<PluginStats> {
		this.#assertOpen('getStats()');

		const { host, starts, deaths } = this.#supervisor;
		const { timeoutMs } = this.#context;
		const [snapshots, instances, rssBytes] = await Promise.all([
			Promise.all(this.#context.links().map((link) => this.#askForStats(() => link.getStats()))),
			this.#askForStats(async () => host?.getStats(Math.min(timeoutMs, hostStatsTimeoutMs))),
			host?.pid === undefined ? undefined : rssBytesOf(host.pid),
		]);

		return pluginStatsOf(
			this.#id,
			{ pid: host?.pid, rssBytes, starts, deaths },
			snapshots.filter((snapshot) => snapshot !== undefined),
			instances ?? [],
		);
	}

	async dump(): Promise<PluginDump> {
		return {
			id: this.#id,
			name: this.name,
			version: this.#identity?.version ?? '',
			abiVersion: this.#identity?.abiVersion ?? 0,
			file: this.file,
			placement: this.placement,
			hostPid: this.hostPid,
			hostState: this.#supervisor.state,
			workerPids: this.#context.links().map((link) => link.pid),
			attachmentIds: [...this.#attachments.keys()],
			closed: this.#closed,
		};
	}

	/** Closes its attachments (held packets are accepted) and ends its host. */
	close(): void {
		void this.release();
	}

	/** @private As close(). Resolves when the workers have let go of it; never rejects. */
	async release(): Promise<void> {
		if (this.#closed) {
			return;
		}
		this.#closed = true;

		const { links, logger } = this.#context;
		const released = Promise.all(
			links().map((link) =>
				link.removePlugin(this.#id).catch((error: Error) => {
					logger.debug(`removing plugin ${this.name} from worker ${link.pid}: ${error.message}`);
				}),
			),
		);

		for (const attachment of [...this.#attachments.values()]) {
			attachment.pluginClosed();
		}
		// A host that ended before the workers let go of it would be a dead one to them.
		this.#supervisor.stop(released);
		this.emit('@close');
		this.#observer.safeEmit('close');
		await released;
	}

	/** @private */
	async start(): Promise<void> {
		this.#identity = await this.#supervisor.start(this.#context.links());
	}

	/** @private */
	addWorker(link: WorkerLink): void {
		if (!link.closed) {
			this.#supervisor.addWorker(link);
		}
	}

	/** @private */
	removeWorker(link: WorkerLink): void {
		this.#supervisor.removeWorker(link);
	}

	/** @private */
	onHostState(link: WorkerLink, change: HostStateChange): void {
		this.#supervisor.onHostState(link, change);
	}

	#onDown(): void {
		for (const attachment of [...this.#attachments.values()]) {
			attachment.hostLost();
		}
	}

	#onCrash(crash: HostCrash): void {
		this.#context.logger.warn(`host ${crash.pid} of plugin ${this.name} ${crash.reason}; ${crash.held} packets were held for it`);
		this.safeEmit('crash', crash);
		this.#observer.safeEmit('crash', crash);
	}

	#onRecovered(recovery: HostRecovery): void {
		this.#context.logger.info(`host ${recovery.pid} of plugin ${this.name} took over after ${recovery.downMs.toFixed(1)} ms`);
		this.safeEmit('recovered', recovery);
		this.#observer.safeEmit('recovered', recovery);
	}

	#onDied(error: HostDiedError): void {
		this.#diedError = error;
		this.#context.logger.error(error.message);

		for (const attachment of [...this.#starting]) {
			attachment.fail(error);
		}
		this.safeEmit('died', error);
		this.#observer.safeEmit('died', error);
	}

	#onLog(level: LogLevel, line: string): void {
		this.#context.logger[level](`${this.name}: ${line}`);
		this.#observer.safeEmit('log', level, line);
	}

	#onAttachmentClosed(attachment: Attachment): void {
		this.#attachments.delete(attachment.id);
		// It may be the last one that was waited for.
		this.#reportIfServed();
	}

	#reportIfServed(): void {
		if ([...this.#attachments.values()].every((attachment) => attachment.active || this.#starting.has(attachment))) {
			this.#supervisor.served();
		}
	}

	/** Undefined when who is asked is just closing or being replaced. */
	async #askForStats<T>(ask: () => Promise<T>): Promise<T | undefined> {
		try {
			return await ask();
		} catch (error) {
			this.#context.logger.debug(`stats of plugin ${this.name}: ${(error as Error).message}`);

			return undefined;
		}
	}

	#assertOpen(call: string): void {
		if (this.#closed) {
			throw new InvalidStateError('MPH_ERR_CLOSED', `${call}: plugin ${this.name} is closed`);
		}
	}

	#assertUsable(call: string): void {
		this.#assertOpen(call);

		if (this.#diedError) {
			throw this.#diedError;
		}
	}
}
