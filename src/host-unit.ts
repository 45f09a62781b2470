// What one host process runs, and so what starts, dies, is restarted and is known to the workers as one: a plugin, or the plugins of a group.

import { basename } from 'node:path';

import { CrashCaptures } from './crash-captures.ts';
import type { HostDiedError } from './errors.ts';
import { InvalidStateError } from './errors.ts';
import type { HostHandle, PluginIdentity, PluginPost } from './host-handle.ts';
import type { PluginCode, PluginCodes } from './host-run.ts';
import type { LimitSettings } from './limits.ts';
import { Limits } from './limits.ts';
import type { LogLevel, Logger } from './logger.ts';
import type { PluginSettings } from './options.ts';
import type { PluginNews } from './plugin-events.ts';
import type { PluginKind } from './plugin-file.ts';
import { hostKindOf } from './plugin-file.ts';
import { PluginRequests } from './plugin-requests.ts';
import { capturePoison } from './poison-captures.ts';
import type { RawInstanceStats } from './control/raw-stats.ts';
import type { HostStats } from './stats.ts';
import { rssBytesOf } from './stats.ts';
import type { PlannedCall, SupervisorState } from './supervisor-types.ts';
import { Supervisor } from './supervisor.ts';
import type { HostStateChange, PoisonFind, WorkerLink } from './worker-link.ts';

/** One of the plugins that the host runs. */
export interface UnitMember {
	readonly id: string;
	/** As the plugin calls itself; empty before it is loaded. */
	readonly name: string;
	readonly version: string;
	readonly code: PluginCode;
	/** Whether a host serves all that it has attached. */
	readonly isServed: boolean;
	adopted(code: PluginCode, identity: PluginIdentity): void;
	/** No host is there any more. */
	hostLost(): void;
	/** And none is on its way. */
	hostEnded(error: HostDiedError): void;
	posted(post: PluginPost): void;
	logged(level: LogLevel, line: string): void;
	tell<E extends keyof PluginNews>(event: E, what: PluginNews[E][0]): void;
}

/** `pluginFile`: what it is to run, for messages. May throw. */
export type StartHost = (kind: PluginKind, pluginFile: string) => HostHandle;

export type HostUnitOptions = {
	/** By which workers know it. */
	readonly id: string;
	/** Of its first plugin. */
	readonly settings: PluginSettings;
	readonly startHost: StartHost;
	readonly logger: Logger;
	readonly timeoutMs: number;
	readonly crashDir: string;
	/** The adopted workers. */
	readonly links: () => readonly WorkerLink[];
	/** The last of its plugins has left. */
	readonly onClose: () => void;
};

/** A host that hangs has no figures of its own to tell, and the worker's are what one wants then. */
const hostStatsTimeoutMs = 1_000;

export class HostUnit {
	readonly requests: PluginRequests;
	readonly #options: HostUnitOptions;
	readonly #supervisor: Supervisor;
	readonly #captures: CrashCaptures;
	readonly #limits: Limits;
	readonly #members = new Map<string, UnitMember>();
	readonly #limited = new WeakSet<WorkerLink>();
	readonly #settled = Promise.withResolvers<void>();
	/** Settled when the workers have let go of it. */
	#released: Promise<void> | undefined;
	/** Why there is no host and none on its way. */
	#endedBy: HostDiedError | undefined;

	constructor(options: HostUnitOptions) {
		const { id, settings, logger, timeoutMs, crashDir } = options;

		this.#options = options;
		this.#captures = new CrashCaptures(crashDir);
		this.#limits = new Limits(settings.limits, logger);
		this.#supervisor = new Supervisor({
			...settings,
			...{ unitId: id, codes: new Map([[id, settings]]), timeoutMs },
			startHost: (codes) => this.#startHost(codes),
		});
		this.requests = new PluginRequests(this.#supervisor.serving);
		this.#listen();
	}

	/** That of its first plugin. */
	get id(): string {
		return this.#options.id;
	}

	/** Of the first plugin: what is the host's of them is everyone's. */
	get settings(): PluginSettings {
		return this.#options.settings;
	}

	get group(): string | undefined {
		return this.settings.group;
	}

	/** Of what it runs, for messages. */
	get name(): string {
		return [...this.#members.values()].map(({ name }) => name).join('+');
	}

	/** Of hosts that it starts from now on. */
	get kind(): PluginKind {
		return hostKindOf([...this.#members.values()].map(({ code }) => code.file));
	}

	get closed(): boolean {
		return this.#released !== undefined;
	}

	/** Resolves when it is known whether its first plugin has come up. */
	get settled(): Promise<void> {
		return this.#settled.promise;
	}

	get state(): SupervisorState {
		return this.#supervisor.state;
	}

	/** Why nothing can be done with it now. */
	get endedBy(): HostDiedError | undefined {
		return this.#endedBy;
	}

	get hostPid(): number | undefined {
		return this.#supervisor.host?.pid;
	}

	get standbyPid(): number | undefined {
		return this.#supervisor.standbyHost?.pid;
	}

	get hostPids(): readonly number[] {
		return this.#supervisor.livingPids;
	}

	/** Resolves when its host runs the plugin. The first one starts the host. */
	async join(member: UnitMember): Promise<void> {
		this.#members.set(member.id, member);

		if (member.id === this.id) {
			await this.#start();
		} else if (this.#endedBy) {
			throw this.#endedBy;
		} else {
			await this.#joinHost(member);
		}
	}

	/**
	 * The last one ends the host. Hosts unload the plugin when it is `detached`. Resolves when the workers have let go of what has left; never
	 * rejects.
	 */
	async leave(member: UnitMember, detached: Promise<unknown>): Promise<void> {
		this.#members.delete(member.id);
		this.requests.rejectAll(new InvalidStateError('MPH_ERR_CLOSED', `plugin ${member.name} was closed`), member.id);

		if (this.#members.size === 0) {
			await this.#close();
		} else {
			this.#supervisor.leave(member.id, detached);
			this.lookIfServed();
			await detached;
		}
	}

	addWorker(link: WorkerLink): void {
		if (link.closed || this.closed) {
			return;
		}
		this.#supervisor.addWorker(link);

		if (!this.#limited.has(link)) {
			this.#limited.add(link);
			void this.#limits.tell(link, this.id);
		}
	}

	removeWorker(link: WorkerLink): void {
		this.#supervisor.removeWorker(link);
	}

	/** Resolves when the worker knows it; rejects when it and the host do not come together. */
	async introduced(link: WorkerLink): Promise<void> {
		this.addWorker(link);
		await this.#supervisor.introduced(link);
	}

	async setLimits(changes: Partial<LimitSettings>): Promise<void> {
		await this.#limits.change(changes, this.#options.links(), this.id);
	}

	/** `changed`: what the new host is to run instead. */
	async replace(call: PlannedCall, changed?: PluginCodes): Promise<void> {
		await this.#supervisor.replace(call, changed);
	}

	onHostState(link: WorkerLink, change: HostStateChange): void {
		this.#supervisor.onHostState(link, change);
	}

	async onPoison(found: PoisonFind): Promise<void> {
		const run = this.#supervisor.runOf(found.hostPid);
		const members = [...this.#members.values()];
		const codes = run && run.codes.size > 0 ? run.codes : new Map(members.map(({ id, code }) => [id, code]));
		const version = members.map((member) => member.version).join('+');
		const report = await capturePoison(found, { name: this.name, version, run, codes }, { captures: this.#captures, logger: this.#options.logger });

		if (!this.closed) {
			this.#tell('poison', report);
		}
	}

	/** To be called whenever a plugin is served again, or wants less. */
	lookIfServed(): void {
		if ([...this.#members.values()].every(({ isServed }) => isServed)) {
			this.#supervisor.served();
		}
	}

	async hostStats(): Promise<HostStats> {
		const { starts, deaths, threadDeaths } = this.#supervisor;
		const pid = this.hostPid;

		return { pid, rssBytes: pid === undefined ? undefined : await rssBytesOf(pid), standbyPid: this.standbyPid, starts, deaths, threadDeaths };
	}

	/** As the host that serves counts. */
	async instanceStats(): Promise<readonly RawInstanceStats[]> {
		return (await this.#supervisor.host?.getStats(Math.min(this.#options.timeoutMs, hostStatsTimeoutMs))) ?? [];
	}

	async #joinHost(member: UnitMember): Promise<void> {
		try {
			member.adopted(member.code, await this.#supervisor.join(member.id, member.code));
		} catch (error) {
			throw this.#endedBy ?? error;
		}
	}

	async #start(): Promise<void> {
		const links = this.#options.links();

		try {
			const started = this.#supervisor.start(links);

			links.forEach((link) => this.addWorker(link));
			await started;
		} catch (error) {
			// Whoever wants to join should find it closed.
			void this.#close();
			throw error;
		} finally {
			this.#settled.resolve();
		}
	}

	#startHost(codes: PluginCodes): HostHandle {
		const files = [...codes.values()].map(({ file }) => file);

		// "throttle.so", "throttle.so+counter.so"
		return this.#options.startHost(hostKindOf(files), files.map((file) => basename(file)).join('+'));
	}

	#close(): Promise<void> {
		this.#released ??= this.#release();

		return this.#released;
	}

	async #release(): Promise<void> {
		const { links, logger, onClose } = this.#options;
		const released = Promise.all(
			links().map((link) =>
				link.removePlugin(this.id).catch((error: Error) => {
					logger.debug(`removing plugin ${this.id} from worker ${link.pid}: ${error.message}`);
				}),
			),
		);

		// A host that ended before the workers let go of it would be a dead one to them.
		this.#supervisor.stop(released);
		onClose();
		await released;
	}

	#listen(): void {
		const { logger } = this.#options;
		const supervisor = this.#supervisor;

		supervisor.on('log', (level, line, pluginId) => this.#onLog(level, line, pluginId));
		supervisor.on('post', (post) => this.#members.get(post.pluginId)?.posted(post));
		supervisor.on('adopted', (pluginId, code, identity) => {
			this.#endedBy = undefined;
			this.#members.get(pluginId)?.adopted(code, identity);
		});
		supervisor.on('down', () => this.#forAll((member) => member.hostLost()));
		supervisor.on('up', () => this.lookIfServed());
		supervisor.on('crash', (crash) => {
			logger.warn(`host ${crash.pid} of plugin ${this.name} ${crash.reason}; ${crash.held} packets were held for it`);
			this.#tell('crash', crash);
		});
		supervisor.on('recovered', (recovery) => {
			logger.info(`host ${recovery.pid} of plugin ${this.name} took over after ${recovery.downMs.toFixed(1)} ms`);
			this.#tell('recovered', recovery);
		});
		supervisor.on('restarted', (restart) => {
			logger.info(`host ${restart.pid} of plugin ${this.name} took over from ${restart.previousPid}, as planned`);
			this.#tell('restarted', restart);
		});
		supervisor.on('standby', (standby) => this.#tell('standby', standby));
		supervisor.on('quarantine', (quarantine) => {
			this.#onEnd(quarantine.error);
			this.#tell('quarantine', quarantine);
		});
		supervisor.on('died', (error) => {
			this.#onEnd(error);
			this.#tell('died', error);
		});
	}

	#onLog(level: LogLevel, line: string, pluginId: string): void {
		const member = this.#members.get(pluginId);

		this.#options.logger[level](`${member?.name ?? this.name}: ${line}`);
		// What the host itself says may be about any of them.
		(member ? [member] : [...this.#members.values()]).forEach((each) => each.logged(level, line));
	}

	#onEnd(error: HostDiedError): void {
		this.#endedBy = error;
		this.#options.logger.error(error.message);
		this.requests.rejectAll(error);
		this.#forAll((member) => member.hostEnded(error));
	}

	#tell<E extends keyof PluginNews>(event: E, what: PluginNews[E][0]): void {
		this.#forAll((member) => member.tell(event, what));
	}

	#forAll(what: (member: UnitMember) => void): void {
		[...this.#members.values()].forEach(what);
	}
}
