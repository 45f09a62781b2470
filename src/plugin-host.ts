// What createPluginHost() returns: it prepares the environment that workers inherit, adopts every worker that mediasoup makes from then
// on, and owns the plugins.

import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';

import { EnhancedEventEmitter } from 'mediasoup/extras';
import type { AppData, Worker } from 'mediasoup/types';

import { AppDirectory, directoryVariable, hostUserVariable } from './app-dir.ts';
import type { CodedError } from './errors.ts';
import { InvalidStateError, UnsupportedError } from './errors.ts';
import { hostCommandFor } from './host-command.ts';
import { checkSameHost } from './host-options.ts';
import { HostProcess } from './host-process.ts';
import type { StartHost } from './host-unit.ts';
import { HostUnit } from './host-unit.ts';
import { findNativeHostBin } from './native-host-bin.ts';
import type { PluginHostOptions, PluginHostSettings, PluginOptions, PluginSettings, RingSizes, RouterRef } from './options.ts';
import { parsePluginHostOptions, parsePluginOptions, parseRingSizes, readRouter } from './options.ts';
import { checkPluginFile, hostKindOf, pluginKindOf } from './plugin-file.ts';
import type { PluginProtocol } from './plugin-protocol.ts';
import type { AnyPluginDefinition, PluginConfig, ProtocolOf } from './plugin-types.ts';
import { Plugin } from './plugin.ts';
import type { PluginHostStats } from './stats.ts';
import { Topology } from './topology.ts';
import { findWorkerBin } from './worker-bin.ts';
import { WorkerLink } from './worker-link.ts';

export type PluginHostEvents = {
	/** The worker can run plugins. */
	workeradopted: [Worker];
	/** The worker goes on without plugins; the error says why. */
	workerrefused: [Worker, CodedError];
};

export type PluginHostObserver = EnhancedEventEmitter<PluginHostObserverEvents>;

export type PluginHostObserverEvents = {
	close: [];
	newplugin: [Plugin];
	workeradopted: [Worker];
	workerrefused: [Worker, CodedError];
};

export type PluginHostDump = {
	readonly dir: string;
	readonly workerPids: readonly number[];
	readonly pluginIds: readonly string[];
	readonly closed: boolean;
};

/** The environment is the process's, and so is the directory that it names. */
let opened: PluginHost | 'opening' | undefined;

export class PluginHost extends EnhancedEventEmitter<PluginHostEvents> {
	readonly #settings: PluginHostSettings;
	readonly #directory: AppDirectory;
	readonly #inherited = [directoryVariable, hostUserVariable].map((name) => [name, process.env[name]] as const);
	readonly #topology = new Topology();
	readonly #links = new Map<WorkerLink, 'opening' | 'adopted'>();
	readonly #plugins = new Map<string, Plugin>();
	/** By the ids under which workers know them. */
	readonly #units = new Map<string, HostUnit>();
	readonly #observer: PluginHostObserver = new EnhancedEventEmitter<PluginHostObserverEvents>();
	#closed = false;

	/** @private Use createPluginHost(). `platform` is a parameter for the sake of tests. */
	static async open(options: unknown, platform: NodeJS.Platform = process.platform): Promise<PluginHost> {
		const settings = parsePluginHostOptions(options);

		if (platform !== 'linux') {
			throw new UnsupportedError('MPH_ERR_PLATFORM', `there is no plugin host for the platform "${platform}"; it needs Linux (memfd sealing, pidfd)`);
		}
		if (opened) {
			throw new InvalidStateError('MPH_ERR_ALREADY_OPEN', 'this process has an open plugin host already; use that one, or close() it first');
		}

		if (settings.hostUser && process.getuid?.() !== 0) {
			throw new UnsupportedError(
				'MPH_ERR_HOST_USER',
				`hosts cannot be run as user ${settings.hostUser.uid}: only root may start processes under another user, and this app runs as user ${process.getuid?.()}; leave the option "hostUser" out, or run the app as root`,
			);
		}

		opened = 'opening';

		try {
			// A path that is wrong should be noticed now and not at the first use.
			if (settings.workerBin !== undefined) {
				findWorkerBin(settings.workerBin);
			}
			if (settings.hostBin !== undefined) {
				findNativeHostBin(settings.hostBin);
			}

			const directory = await AppDirectory.create(settings.dir ?? tmpdir(), settings.logger, settings.hostUser !== undefined);

			return (opened = new PluginHost(settings, directory));
		} finally {
			if (opened === 'opening') {
				opened = undefined;
			}
		}
	}

	private constructor(settings: PluginHostSettings, directory: AppDirectory) {
		super();
		this.#settings = settings;
		this.#directory = directory;
		setVariable(directoryVariable, directory.path);
		setVariable(hostUserVariable, settings.hostUser?.uid.toString());
		process.on('exit', this.#onExit);
		settings.mediasoup.observer.on('newworker', this.#onNewWorker);
		this.on('listenererror', (eventName, error) => {
			settings.logger.error(`a listener for "${eventName}" of the plugin host threw: ${error.stack ?? error.message}`);
		});
	}

	/** For createWorker(). Throws UnsupportedError when this package has none for this machine. */
	get workerBin(): string {
		return findWorkerBin(this.#settings.workerBin);
	}

	get closed(): boolean {
		return this.#closed;
	}

	get observer(): PluginHostObserver {
		return this.#observer;
	}

	/** As below; the compiler knows what the plugin takes and says from its definition: `createPlugin<typeof import('./throttle.ts').default>()`. */
	createPlugin<Definition extends AnyPluginDefinition = never, PluginAppData extends AppData = AppData>(
		// Not for calls that name no definition.
		options: [Definition] extends [never] ? never : PluginOptions<PluginConfig<Definition>, PluginAppData>,
	): Promise<Plugin<PluginConfig<Definition>, PluginAppData, ProtocolOf<Definition>>>;

	/** Resolves when its host runs and is connected to all workers. The host of a `group` may run already; then it loads the plugin, too. */
	createPlugin<Config = unknown, PluginAppData extends AppData = AppData, Protocol extends PluginProtocol = PluginProtocol>(
		options: PluginOptions<Config, PluginAppData>,
	): Promise<Plugin<Config, PluginAppData, Protocol>>;

	async createPlugin<Config = unknown, PluginAppData extends AppData = AppData, Protocol extends PluginProtocol = PluginProtocol>(
		options: PluginOptions<Config, PluginAppData>,
	): Promise<Plugin<Config, PluginAppData, Protocol>> {
		const settings = parsePluginOptions(options);

		this.#assertOpen('createPlugin()');
		await checkPluginFile(settings.file);

		const plugin = await this.#create(settings, (id) => this.#unitFor(id, settings));

		this.#observer.safeEmit('newplugin', plugin as Plugin);

		return plugin as Plugin<Config, PluginAppData, Protocol>;
	}

	/** @private For src/direct: a plugin whose hosts are not of a command's making. It is the library's own, and nobody is told of it. */
	async createOwnPlugin(settings: PluginSettings, startHost: StartHost): Promise<Plugin> {
		this.#assertOpen('createDirectTransport()');

		return this.#create(settings, async (id) => this.#newUnit(id, settings, startHost));
	}

	/** @private */
	get settings(): PluginHostSettings {
		return this.#settings;
	}

	async #create(settings: PluginSettings, unitFor: (id: string) => Promise<HostUnit>): Promise<Plugin> {
		const { logger, timeoutMs } = this.#settings;

		await Promise.allSettled([...this.#links.keys()].map((link) => link.ready()));
		this.#assertOpen('createPlugin()');

		const id = randomUUID();
		const unit = await unitFor(id);
		const plugin = new Plugin({
			...{ id, settings, unit, logger, timeoutMs, topology: this.#topology },
			links: () => this.#adoptedLinks(),
		});

		this.#plugins.set(plugin.id, plugin);
		plugin.on('@close', () => this.#plugins.delete(plugin.id));

		try {
			await plugin.start();
		} catch (error) {
			const isOurs = plugin.closed;

			plugin.close();
			throw isOurs ? new InvalidStateError('MPH_ERR_CLOSED', 'createPlugin(): the plugin host was closed', { cause: error }) : error;
		}

		return plugin;
	}

	/** For rings that come into being after it: those of attachments whose plugin has none at this router yet. */
	async configureRouter(router: RouterRef, sizes: RingSizes): Promise<void> {
		const settings = parseRingSizes(sizes);

		this.#assertOpen('configureRouter()');

		const place = this.#topology.placeOf(readRouter('configureRouter()', router));

		await place.link.ready();
		await place.configure(settings);
	}

	async getStats(): Promise<PluginHostStats> {
		this.#assertOpen('getStats()');

		const [workers, plugins] = await Promise.all([
			Promise.allSettled(this.#adoptedLinks().map((link) => link.getStats())),
			Promise.all([...this.#plugins.values()].map(async (plugin) => [plugin.id, await plugin.getStats()] as const)),
		]);

		return {
			workers: workers
				.filter((result) => result.status === 'fulfilled')
				.map(({ value: { workerPid, tapped, applyErrors, repeatDropped } }) => ({ workerPid, tapped, applyErrors, repeatDropped })),
			plugins: new Map(plugins),
		};
	}

	async dump(): Promise<PluginHostDump> {
		return {
			dir: this.#directory.path,
			workerPids: this.#adoptedLinks().map((link) => link.pid),
			pluginIds: [...this.#plugins.keys()],
			closed: this.#closed,
		};
	}

	/** Closes the plugins, lets go of the workers (which go on without) and removes the directory. */
	close(): void {
		if (this.#closed) {
			return;
		}
		this.#closed = true;
		opened = undefined;

		this.#settings.mediasoup.observer.off('newworker', this.#onNewWorker);
		process.off('exit', this.#onExit);

		for (const [name, value] of this.#inherited) {
			setVariable(name, value);
		}

		const released = Promise.all([...this.#plugins.values()].map((plugin) => plugin.leave()));

		for (const [link] of this.#links) {
			// Not before it has let go of the plugins.
			void released.finally(() => link.close());
		}
		this.#links.clear();
		this.#directory.remove();
		this.#observer.safeEmit('close');
	}

	/** That of its group if there is one that has come up, else one of its own. Rejects when the options of its host are not the group's. */
	async #unitFor(id: string, settings: PluginSettings): Promise<HostUnit> {
		for (let unit = this.#unitOf(settings); unit; unit = this.#unitOf(settings)) {
			checkSameHost(unit.settings, settings);
			await unit.settled;
			this.#assertOpen('createPlugin()');

			// The first plugin of the group may have failed, and taken its host with it.
			if (!unit.closed) {
				checkKind(unit, settings);

				return unit;
			}
		}

		const { timeoutMs, hostUser: user, hostBin } = this.#settings;

		// Whoever waits should hear of it before there is a unit.
		hostCommandFor(hostKindOf([settings.file]), hostBin, settings);

		return this.#newUnit(id, settings, (kind, pluginFile) => new HostProcess({ ...hostCommandFor(kind, hostBin, settings), kind, pluginFile, timeoutMs, user }));
	}

	#newUnit(id: string, settings: PluginSettings, startHost: StartHost): HostUnit {
		const { logger, timeoutMs, crashDir } = this.#settings;
		const unit = new HostUnit({
			...{ id, settings, startHost, logger, timeoutMs, crashDir },
			links: () => this.#adoptedLinks(),
			onClose: () => this.#units.delete(id),
		});

		this.#units.set(id, unit);

		return unit;
	}

	#unitOf({ group }: PluginSettings): HostUnit | undefined {
		return group === undefined ? undefined : [...this.#units.values()].find((unit) => unit.group === group);
	}

	#adoptedLinks(): WorkerLink[] {
		return [...this.#links].filter(([link, state]) => state === 'adopted' && !link.closed).map(([link]) => link);
	}

	// NOTE: Arrow methods on purpose, so that they can be taken off again.
	readonly #onNewWorker = (worker: Worker): void => {
		const link = new WorkerLink({
			worker,
			socketPath: this.#directory.socketPathOf(worker.pid),
			token: this.#directory.token,
			mediasoupVersion: this.#settings.mediasoup.version,
			timeoutMs: this.#settings.timeoutMs,
		});

		this.#links.set(link, 'opening');
		this.#topology.observe(worker, link);
		link.on('hoststate', (change) => this.#units.get(change.pluginId)?.onHostState(link, change));
		link.on('poison', (found) => void this.#units.get(found.pluginId)?.onPoison(found));
		link.once('close', (error) => this.#onLinkClosed(link, error));
		worker.observer.once('close', () => link.close());
		link.ready().then(
			() => this.#onAdopted(worker, link),
			(error: CodedError) => this.#onRefused(worker, link, error),
		);
	};

	readonly #onExit = (): void => {
		this.#directory.remove();
	};

	#onAdopted(worker: Worker, link: WorkerLink): void {
		if (this.#closed || link.closed) {
			return;
		}
		this.#links.set(link, 'adopted');

		for (const unit of this.#units.values()) {
			unit.addWorker(link);
		}
		this.safeEmit('workeradopted', worker);
		this.#observer.safeEmit('workeradopted', worker);
	}

	#onRefused(worker: Worker, link: WorkerLink, error: CodedError): void {
		this.#links.delete(link);

		if (this.#closed || worker.closed) {
			return;
		}
		this.#settings.logger.warn(error.message);
		this.safeEmit('workerrefused', worker, error);
		this.#observer.safeEmit('workerrefused', worker, error);
	}

	/** Because the worker closed or died, or because it has let go of us: it has removed every plugin in either case. */
	#onLinkClosed(link: WorkerLink, error: Error | undefined): void {
		this.#links.delete(link);

		if (error) {
			this.#settings.logger.warn(`lost worker ${link.pid}: ${error.message}`);
		}
		this.#topology.dropWorker(link);

		for (const unit of this.#units.values()) {
			unit.removeWorker(link);
		}
	}

	#assertOpen(call: string): void {
		if (this.#closed) {
			throw new InvalidStateError('MPH_ERR_CLOSED', `${call}: the plugin host is closed`);
		}
	}
}

/** A host that is there cannot become another one, and its group's other plugins should not notice who joins. */
function checkKind({ kind, group, name }: HostUnit, { file }: PluginSettings): void {
	if (kind === 'native' && pluginKindOf(file) === 'script') {
		throw new UnsupportedError(
			'MPH_ERR_PLUGIN_KIND',
			`plugin "${file}" is a script, and the host of group "${group}" runs shared objects alone (${name}): create a script of the group first, after which it takes both, or leave "group" out`,
		);
	}
}

function setVariable(name: string, value: string | undefined): void {
	if (value === undefined) {
		delete process.env[name];
	} else {
		process.env[name] = value;
	}
}

/** Opens the plugin host of this process. To be called before the first worker is made. */
export async function createPluginHost(options: PluginHostOptions): Promise<PluginHost> {
	return PluginHost.open(options);
}
