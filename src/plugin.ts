// A plugin: the user's code, its attachments, and what app and plugin say to one another. Its host it has in common with the plugins of its
// group, if it is of one (host-unit.ts). One host serves all adopted workers.

import { EnhancedEventEmitter } from 'mediasoup/extras';
import type { AppData } from 'mediasoup/types';

import type { AttachOptions } from './attach-options.ts';
import type { Attachment } from './attachment.ts';
import type { HostDiedError } from './errors.ts';
import { InvalidStateError } from './errors.ts';
import type { PluginIdentity, PluginPost } from './host-handle.ts';
import type { PluginCode } from './host-run.ts';
import type { HostUnit, UnitMember } from './host-unit.ts';
import type { InjectionLimits } from './limits.ts';
import { parseLimits } from './limits.ts';
import type { LogLevel, Logger } from './logger.ts';
import type { Placement, PluginSettings, UpgradeOptions } from './options.ts';
import { checkMemoryLimit, parseUpgradeOptions } from './options.ts';
import { PluginAttachments } from './plugin-attachments.ts';
import type { PluginEvents, PluginNews, PluginObserver, PluginObserverEvents } from './plugin-events.ts';
import { checkPluginFile } from './plugin-file.ts';
import { PluginMessages } from './plugin-messages.ts';
import type { NotificationMethod, NotifyOptions, PluginProtocol, RequestAllOptions, RequestMethod, RequestOptions } from './plugin-protocol.ts';
import { PluginReload } from './plugin-reload.ts';
import type { PluginStats } from './stats.ts';
import { pluginStatsOf } from './stats.ts';
import type { SupervisorState } from './supervisor-types.ts';
import type { Topology } from './topology.ts';
import type { WorkerLink } from './worker-link.ts';

export type PluginDump = {
	readonly id: string;
	readonly name: string;
	readonly version: string;
	readonly abiVersion: number;
	readonly file: string;
	readonly group: string | undefined;
	readonly placement: Placement;
	readonly hostPid: number | undefined;
	readonly standbyPid: number | undefined;
	/** Of all its processes, those on their way out included. */
	readonly hostPids: readonly number[];
	readonly hostState: SupervisorState;
	readonly workerPids: readonly number[];
	readonly attachmentIds: readonly string[];
	readonly closed: boolean;
};

export type PluginContext = {
	readonly id: string;
	readonly settings: PluginSettings;
	/** Its host, and whom it has it in common with. */
	readonly unit: HostUnit;
	readonly topology: Topology;
	readonly logger: Logger;
	readonly timeoutMs: number;
	/** The adopted workers. */
	readonly links: () => readonly WorkerLink[];
};

export class Plugin<Config = unknown, PluginAppData extends AppData = AppData, Protocol extends PluginProtocol = PluginProtocol>
	extends EnhancedEventEmitter<PluginEvents<Protocol>>
	implements UnitMember
{
	readonly #context: PluginContext;
	readonly #unit: HostUnit;
	readonly #messages: PluginMessages;
	readonly #attachments: PluginAttachments;
	readonly #observer: PluginObserver = new EnhancedEventEmitter<PluginObserverEvents>();
	#code: PluginCode;
	#identity: PluginIdentity | undefined;
	#appData: PluginAppData;
	#reload: PluginReload | undefined;
	#closed = false;

	/** @private Made by `pluginHost.createPlugin()`. */
	constructor(context: PluginContext) {
		super();

		const { id: pluginId, settings, unit, logger, topology, timeoutMs } = context;

		this.#context = context;
		this.#unit = unit;
		this.#code = settings;
		this.#appData = settings.appData as PluginAppData;

		const self = { pluginId, logger, name: () => this.name, assertUsable: (call: string) => this.#assertUsable(call) };

		this.#attachments = new PluginAttachments({ ...self, unit, topology, timeoutMs });
		this.#messages = new PluginMessages({ ...self, requests: unit.requests });
		this.on('listenererror', (eventName, error) => {
			logger.error(`a listener for "${eventName}" of plugin ${this.name} threw: ${error.stack ?? error.message}`);
		});
	}

	get id(): string {
		return this.#context.id;
	}

	/** As the plugin calls itself. */
	get name(): string {
		return this.#identity?.name ?? '';
	}

	/** As the plugin calls it. */
	get version(): string {
		return this.#identity?.version ?? '';
	}

	/** Absolute path. */
	get file(): string {
		return this.#code.file;
	}

	get config(): Config {
		return this.#code.config as Config;
	}

	/** Undefined: its host is its own. */
	get group(): string | undefined {
		return this.#unit.group;
	}

	/** As it was set; where the host's threads are is in `getStats()`. */
	get placement(): Placement {
		return this.#unit.settings.placement;
	}

	get closed(): boolean {
		return this.#closed;
	}

	/** Whether it was given up because not even a process can be started for it. */
	get died(): boolean {
		return this.#unit.state === 'died';
	}

	/** Whether its hosts died again and again, so that none is started until release(). */
	get quarantined(): boolean {
		return this.#unit.state === 'quarantined';
	}

	/** Undefined while there is no host. */
	get hostPid(): number | undefined {
		return this.#unit.hostPid;
	}

	/** Undefined while there is none that could take over in every worker. */
	get standbyPid(): number | undefined {
		return this.#unit.standbyPid;
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
		const attachment = await this.#attachments.attach(options);

		this.#observer.safeEmit('newattachment', attachment);

		return attachment;
	}

	/**
	 * Resolves with the plugin's answer. Without `worker` every instance is asked, and the oldest worker's answer is the answer; if one of them
	 * fails, the request fails. While the host is replaced it waits for the next one, up to `timeoutMs`.
	 */
	async request<Method extends RequestMethod<Protocol>>(
		method: Method,
		body?: Protocol['requests'][Method]['body'],
		options: RequestOptions = {},
	): Promise<Protocol['requests'][Method]['answer']> {
		return this.#messages.request(method, body, options);
	}

	/** As request() of all instances, with their answers by the workers' pids. */
	async requestAll<Method extends RequestMethod<Protocol>>(
		method: Method,
		body?: Protocol['requests'][Method]['body'],
		options: RequestAllOptions = {},
	): Promise<Map<number, Protocol['requests'][Method]['answer']>> {
		return this.#messages.requestAll(method, body, options);
	}

	/** Resolves when the host has it. Nobody need wait for that: that it failed is in the log, too. */
	notify<Method extends NotificationMethod<Protocol>>(
		method: Method,
		body?: Protocol['notifications'][Method],
		options: NotifyOptions = {},
	): Promise<void> {
		return this.#messages.notify(method, body, options);
	}

	/**
	 * Replaces the host while calls go on: no packet is lost or passes unfiltered. When the new host does not start, load or answer its first
	 * packets, the old one serves on, and it rejects with the reason. A group is restarted as a whole.
	 */
	async restart(): Promise<void> {
		this.#assertUsable('restart()');
		await this.#unit.replace('restart()');
	}

	/**
	 * As restart(), with another file, configuration or both; the others of its group stay as they are. In quarantine it lifts that, if it
	 * succeeds.
	 */
	async upgrade(options: UpgradeOptions<Config> = {}): Promise<void> {
		const code = { ...this.#code, ...parseUpgradeOptions(options) };

		this.#assertOpen('upgrade()');
		checkMemoryLimit('upgrade()', code.file, this.#unit.settings.memoryLimit);
		await checkPluginFile(code.file);
		this.#assertOpen('upgrade()');
		await this.#unit.replace('upgrade()', new Map([[this.id, code]]));
	}

	/** Lifts the quarantine: starts a host. Rejects with the reason if that fails; the plugin stays quarantined then. */
	async release(): Promise<void> {
		this.#assertOpen('release()');

		if (this.quarantined) {
			await this.#unit.replace('release()');
		}
	}

	/** How much it may inject from now on; what is left out stays as it is. It holds for all of its group. */
	async setLimits(limits: InjectionLimits): Promise<void> {
		const changes = parseLimits('setLimits()', limits);

		this.#assertOpen('setLimits()');
		await this.#unit.setLimits(changes);
	}

	async getStats(): Promise<PluginStats> {
		this.#assertOpen('getStats()');

		const { id, links } = this.#context;
		const [snapshots, instances, host] = await Promise.all([
			Promise.all(links().map((link) => this.#askForStats(() => link.getStats()))),
			this.#askForStats(() => this.#unit.instanceStats()),
			this.#unit.hostStats(),
		]);

		return pluginStatsOf(
			{ id, unitId: this.#unit.id, attachmentIds: new Set(this.#attachments.ids) },
			host,
			snapshots.filter((snapshot) => snapshot !== undefined),
			instances ?? [],
		);
	}

	async dump(): Promise<PluginDump> {
		return {
			id: this.id,
			name: this.name,
			version: this.version,
			abiVersion: this.#identity?.abiVersion ?? 0,
			file: this.file,
			group: this.group,
			placement: this.placement,
			hostPid: this.hostPid,
			standbyPid: this.standbyPid,
			hostPids: this.#unit.hostPids,
			hostState: this.#unit.state,
			workerPids: this.#context.links().map((link) => link.pid),
			attachmentIds: this.#attachments.ids,
			closed: this.#closed,
		};
	}

	/** Closes its attachments (held packets are accepted). Its host ends, unless others of its group are there. */
	close(): void {
		void this.leave();
	}

	/** @private As close(). Resolves when nobody runs it any more; never rejects. */
	async leave(): Promise<void> {
		if (this.#closed) {
			return;
		}
		this.#closed = true;
		this.#reload?.close();

		const left = this.#unit.leave(this, this.#attachments.pluginClosed());

		this.emit('@close');
		this.#observer.safeEmit('close');
		await left;
	}

	/** @private Resolves when its host runs it and is connected to all workers. */
	async start(): Promise<void> {
		await this.#unit.join(this);

		if (this.#context.settings.watch && !this.#closed) {
			this.#reload = new PluginReload(this, () => this.#unit.replace('restart()'), this.#context.logger);
			await this.#reload.open();
		}
	}

	/** @private */
	get code(): PluginCode {
		return this.#code;
	}

	/** @private */
	get isServed(): boolean {
		return this.#attachments.areServed;
	}

	/** @private */
	adopted(code: PluginCode, identity: PluginIdentity): void {
		this.#code = code;
		this.#identity = identity;
		this.#reload?.follow(code.file);
	}

	/** @private */
	hostLost(): void {
		this.#attachments.hostLost();
	}

	/** @private */
	hostEnded(error: HostDiedError): void {
		this.#attachments.hostEnded(error);
	}

	/** @private */
	posted(post: PluginPost): void {
		const message = this.#messages.read(post);

		if (message) {
			// What it is by its name is between the app and its plugin.
			(this as Plugin).safeEmit('message', message);
		}
	}

	/** @private */
	logged(level: LogLevel, line: string): void {
		this.#observer.safeEmit('log', level, line);
	}

	/** @private */
	tell<E extends keyof PluginNews>(event: E, what: PluginNews[E][0]): void {
		const tellers: readonly NewsTeller[] = [this as NewsTeller, this.#observer];

		for (const teller of tellers) {
			teller.safeEmit(event, what);
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

		if (this.#unit.endedBy) {
			throw this.#unit.endedBy;
		}
	}
}

type NewsTeller = { safeEmit<E extends keyof PluginNews>(event: E, what: PluginNews[E][0]): boolean };
