// A plugin: the user's code, its host (kept running by the supervisor) and its attachments. One host serves all adopted workers.

import { randomUUID } from 'node:crypto';

import { EnhancedEventEmitter } from 'mediasoup/extras';
import type { AppData } from 'mediasoup/types';

import type { AttachOptions } from './attach-options.ts';
import { parseAttachOptions } from './attach-options.ts';
import { Attachment } from './attachment.ts';
import type { CrashCaptures } from './crash-captures.ts';
import type { HostCrash } from './crash-report.ts';
import type { HostDiedError } from './errors.ts';
import { InvalidStateError, TimeoutError } from './errors.ts';
import type { PluginIdentity } from './host-process.ts';
import { HostProcess, exitTimeoutMs } from './host-process.ts';
import type { LogLevel, Logger } from './logger.ts';
import type { PluginCode } from './host-run.ts';
import type { HostUser, Placement, PluginSettings, UpgradeOptions } from './options.ts';
import { parseUpgradeOptions } from './options.ts';
import { checkPluginFile } from './plugin-file.ts';
import type { PluginStats } from './stats.ts';
import { pluginStatsOf, rssBytesOf } from './stats.ts';
import type { HostQuarantine, HostRecovery, HostRestart, SupervisorState } from './supervisor-types.ts';
import { Supervisor } from './supervisor.ts';
import type { Topology } from './topology.ts';
import type { HostStateChange, PoisonFind, WorkerLink } from './worker-link.ts';

/** What both the plugin and its observer tell. */
export type PluginNews = {
	/** The host ended unasked. The next one is there or on its way, unless 'quarantine' or 'died' follows. */
	crash: [HostCrash];
	/** A new host serves all that is attached. */
	recovered: [HostRecovery];
	/** As planned: restart() or upgrade() has succeeded. */
	restarted: [HostRestart];
	/** A second host is ready to take over (option `standby`). */
	standby: [{ readonly pid: number }];
	/** No host is started any more until release(): `onAbsent` applies. */
	quarantine: [HostQuarantine];
	/** Two hosts died of the same packet: it is skipped from now on. */
	poison: [PoisonReport];
	/** Given up, because not even a process can be started: `onAbsent` applies to what is attached until it is closed. */
	died: [HostDiedError];
};

export type PluginEvents = PluginNews & {
	/** Internal. */
	'@close': [];
};

export type PluginObserver = EnhancedEventEmitter<PluginObserverEvents>;

export type PluginObserverEvents = PluginNews & {
	close: [];
	newattachment: [Attachment];
	/** What the plugin logs and its host prints. */
	log: [LogLevel, string];
};

export type PoisonReport = {
	/** The packet and up to 64 before it, as pcapng. Undefined: it could not be written, and the log says why. */
	readonly file: string | undefined;
	readonly routerId: string;
	/** Which died of it last. */
	readonly hostPid: number;
	readonly signal: NodeJS.Signals | null;
};

export type PluginDump = {
	readonly id: string;
	readonly name: string;
	readonly version: string;
	readonly abiVersion: number;
	readonly file: string;
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
	readonly settings: PluginSettings;
	readonly hostBin: string;
	readonly topology: Topology;
	readonly logger: Logger;
	readonly timeoutMs: number;
	readonly hostUser: HostUser | undefined;
	readonly captures: CrashCaptures;
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
	#code: PluginCode;
	#identity: PluginIdentity | undefined;
	#appData: PluginAppData;
	#closed = false;
	/** Why there is no host and none on its way. */
	#endedBy: HostDiedError | undefined;

	/** @private Made by `pluginHost.createPlugin()`. */
	constructor(context: PluginContext) {
		super();

		const { settings, hostBin, timeoutMs, logger, hostUser: user } = context;

		this.#context = context;
		this.#code = settings;
		this.#appData = settings.appData as PluginAppData;
		this.#supervisor = new Supervisor({
			...{ ...settings, pluginId: this.#id, timeoutMs },
			startHost: (pluginFile) => new HostProcess({ bin: hostBin, pluginFile, timeoutMs, user }),
		});
		this.#supervisor.on('log', (level, line) => this.#onLog(level, line));
		this.#supervisor.on('adopted', (code, identity) => this.#onAdopted(code, identity));
		this.#supervisor.on('down', () => this.#onDown());
		this.#supervisor.on('up', () => this.#reportIfServed());
		this.#supervisor.on('crash', (crash) => this.#onCrash(crash));
		this.#supervisor.on('recovered', (recovery) => this.#onRecovered(recovery));
		this.#supervisor.on('restarted', (restart) => this.#onRestarted(restart));
		this.#supervisor.on('standby', (standby) => this.#tell('standby', standby));
		this.#supervisor.on('quarantine', (quarantine) => this.#onQuarantine(quarantine));
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

	/** As it was set; where the host's threads are is in `getStats()`. */
	get placement(): Placement {
		return this.#context.settings.placement;
	}

	get closed(): boolean {
		return this.#closed;
	}

	/** Whether it was given up because not even a process can be started for it. */
	get died(): boolean {
		return this.#supervisor.state === 'died';
	}

	/** Whether its hosts died again and again, so that none is started until release(). */
	get quarantined(): boolean {
		return this.#supervisor.state === 'quarantined';
	}

	/** Undefined while there is no host. */
	get hostPid(): number | undefined {
		return this.#supervisor.host?.pid;
	}

	/** Undefined while there is none that could take over in every worker. */
	get standbyPid(): number | undefined {
		return this.#supervisor.standbyHost?.pid;
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

		const place = topology.placeOfTargets(settings);

		await place.link.ready();
		this.#assertUsable('attach()');
		this.addWorker(place.link);
		await this.#supervisor.introduced(place.link);
		this.#assertUsable('attach()');

		// It may have closed while we waited.
		if (place.router.closed) {
			topology.placeOf(place.router);
		}

		const attachment = new Attachment<AttachmentAppData>({ id: this.#id, unitId: this.#id }, place, settings, logger);

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

	/**
	 * Replaces the host while calls go on: no packet is lost or passes unfiltered. When the new host does not start, load or answer its first
	 * packets, the old one serves on, and it rejects with the reason.
	 */
	async restart(): Promise<void> {
		this.#assertUsable('restart()');
		await this.#supervisor.replace('restart()');
	}

	/** As restart(), with another file, configuration or both. In quarantine it lifts that, if it succeeds. */
	async upgrade(options: UpgradeOptions<Config> = {}): Promise<void> {
		const code = { ...this.#code, ...parseUpgradeOptions(options) };

		this.#assertOpen('upgrade()');
		await checkPluginFile(code.file);
		this.#assertOpen('upgrade()');
		await this.#supervisor.replace('upgrade()', code);
	}

	/** Lifts the quarantine: starts a host. Rejects with the reason if that fails; the plugin stays quarantined then. */
	async release(): Promise<void> {
		this.#assertOpen('release()');

		if (this.quarantined) {
			await this.#supervisor.replace('release()');
		}
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
			{ id: this.#id, unitId: this.#id, attachmentIds: new Set(this.#attachments.keys()) },
			{ pid: host?.pid, rssBytes, standbyPid: this.standbyPid, starts, deaths },
			snapshots.filter((snapshot) => snapshot !== undefined),
			instances ?? [],
		);
	}

	async dump(): Promise<PluginDump> {
		return {
			id: this.#id,
			name: this.name,
			version: this.version,
			abiVersion: this.#identity?.abiVersion ?? 0,
			file: this.file,
			placement: this.placement,
			hostPid: this.hostPid,
			standbyPid: this.standbyPid,
			hostPids: this.#supervisor.livingPids,
			hostState: this.#supervisor.state,
			workerPids: this.#context.links().map((link) => link.pid),
			attachmentIds: [...this.#attachments.keys()],
			closed: this.#closed,
		};
	}

	/** Closes its attachments (held packets are accepted) and ends its host. */
	close(): void {
		void this.leaveWorkers();
	}

	/** @private As close(). Resolves when the workers have let go of it; never rejects. */
	async leaveWorkers(): Promise<void> {
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
		await this.#supervisor.start(this.#context.links());
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

	/** @private */
	onPoison(found: PoisonFind): void {
		void this.#savePoison(found);
	}

	async #savePoison({ routerId, hostPid, records }: PoisonFind): Promise<void> {
		const { captures, logger } = this.#context;
		const run = this.#supervisor.runOf(hostPid);
		const { file: pluginFile, config } = run?.code ?? this.#code;
		const [pluginName, pluginVersion] = [this.name, this.version];
		const path = captures.pathOf(pluginName, hostPid);
		let file: string | undefined = path;

		run?.poison.push(path);

		const signal = (await run?.host.exitWithin(exitTimeoutMs))?.signal ?? null;

		try {
			await captures.save(path, { pluginName, pluginVersion, pluginFile, config, routerId, hostPid, signal, records });
		} catch (error) {
			logger.error(`cannot save the packet that host ${hostPid} of plugin ${pluginName} died of: ${(error as Error).message}`);
			file = undefined;
		}
		logger.error(`host ${hostPid} of plugin ${pluginName} died of a packet, as did one before it; it is skipped from now on${file ? `, and saved in ${file}` : ''}`);

		if (!this.#closed) {
			this.#tell('poison', { file, routerId, hostPid, signal });
		}
	}

	#onAdopted(code: PluginCode, identity: PluginIdentity): void {
		this.#code = code;
		this.#identity = identity;
		this.#endedBy = undefined;
	}

	#onDown(): void {
		for (const attachment of [...this.#attachments.values()]) {
			attachment.hostLost();
		}
	}

	#onCrash(crash: HostCrash): void {
		this.#context.logger.warn(`host ${crash.pid} of plugin ${this.name} ${crash.reason}; ${crash.held} packets were held for it`);
		this.#tell('crash', crash);
	}

	#onRecovered(recovery: HostRecovery): void {
		this.#context.logger.info(`host ${recovery.pid} of plugin ${this.name} took over after ${recovery.downMs.toFixed(1)} ms`);
		this.#tell('recovered', recovery);
	}

	#onRestarted(restart: HostRestart): void {
		this.#context.logger.info(`host ${restart.pid} of plugin ${this.name} took over from ${restart.previousPid}, as planned`);
		this.#tell('restarted', restart);
	}

	#onQuarantine(quarantine: HostQuarantine): void {
		this.#onEnd(quarantine.error);
		this.#tell('quarantine', quarantine);
	}

	#onDied(error: HostDiedError): void {
		this.#onEnd(error);
		this.#tell('died', error);
	}

	#onEnd(error: HostDiedError): void {
		this.#endedBy = error;
		this.#context.logger.error(error.message);

		for (const attachment of [...this.#starting]) {
			attachment.fail(error);
		}
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

		if (this.#endedBy) {
			throw this.#endedBy;
		}
	}

	#tell<E extends keyof PluginNews>(event: E, what: PluginNews[E][0]): void {
		const tellers: readonly NewsTeller[] = [this, this.#observer];

		for (const teller of tellers) {
			teller.safeEmit(event, what);
		}
	}
}

type NewsTeller = { safeEmit<E extends keyof PluginNews>(event: E, what: PluginNews[E][0]): boolean };
