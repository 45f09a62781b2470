// A plugin bound to a router or to one producer: what the app holds of it. The attachment itself lives in the worker, which also keeps it
// while a host is replaced.

import { randomUUID } from 'node:crypto';

import { EnhancedEventEmitter } from 'mediasoup/extras';
import type { AppData } from 'mediasoup/types';

import { InvalidStateError } from './errors.ts';
import type { CodedError } from './errors.ts';
import { AttachmentState, Mode, Policy as PolicyCode } from './generated/control.js';
import type { Logger } from './logger.ts';
import type { AttachSettings, AttachmentMode, MediaKind, Policy } from './options.ts';
import type { AttachmentStats } from './stats.ts';
import { attachmentStatsOf } from './stats.ts';
import type { Dependent, RouterPlace } from './topology.ts';
import type { AttachmentListener } from './worker-link.ts';

export type AttachmentEvents = {
	routerclose: [];
	producerclose: [];
	/** Also when the worker lives on, but has let go of its plugins. */
	workerclose: [];
	pluginclose: [];
	/** No host serves it: `onAbsent` applies. */
	absent: [];
	/** A host serves it again. */
	active: [];
	// Internal, so that the app's removeAllListeners('active') takes nothing of ours away.
	'@active': [];
	'@close': [];
};

export type AttachmentObserver = EnhancedEventEmitter<AttachmentObserverEvents>;

export type AttachmentObserverEvents = {
	close: [];
	pause: [];
	resume: [];
	absent: [];
	active: [];
};

export type AttachmentDump = {
	readonly id: string;
	readonly pluginId: string;
	readonly routerId: string;
	readonly producerId: string | undefined;
	readonly workerPid: number;
	readonly kinds: readonly MediaKind[];
	readonly pipe: boolean;
	readonly mode: AttachmentMode;
	readonly order: number;
	readonly deadlineMs: number;
	readonly onTimeout: Policy;
	readonly onAbsent: Policy;
	readonly onOverflow: Policy;
	readonly context: unknown;
	readonly active: boolean;
	readonly paused: boolean;
	readonly closed: boolean;
};

/** Workers know the plugin as a member of what one host runs. */
export type AttachmentOwner = { readonly id: string; readonly unitId: string };

const modeCodes: Readonly<Record<AttachmentMode, Mode>> = { observe: Mode.Observe, filter: Mode.Filter };
const policyCodes: Readonly<Record<Policy, PolicyCode>> = { accept: PolicyCode.Accept, drop: PolicyCode.Drop };

export class Attachment<AttachmentAppData extends AppData = AppData>
	extends EnhancedEventEmitter<AttachmentEvents>
	implements AttachmentListener, Dependent
{
	readonly #id = randomUUID();
	readonly #owner: AttachmentOwner;
	readonly #place: RouterPlace;
	readonly #settings: AttachSettings;
	readonly #logger: Logger;
	readonly #observer: AttachmentObserver = new EnhancedEventEmitter<AttachmentObserverEvents>();
	/** Settled when it is active in the worker for the first time, or never will be. */
	readonly #activated = Promise.withResolvers<void>();
	#appData: AttachmentAppData;
	#closed = false;
	#paused = false;
	#active = false;

	/** @private Made by `plugin.attach()`. */
	constructor(owner: AttachmentOwner, place: RouterPlace, settings: AttachSettings, logger: Logger) {
		super();
		this.#owner = owner;
		this.#place = place;
		this.#settings = settings;
		this.#logger = logger;
		this.#appData = settings.appData as AttachmentAppData;
		this.#activated.promise.catch(() => {});
		this.on('listenererror', (eventName, error) => {
			logger.error(`a listener for "${eventName}" of attachment ${this.#id} threw: ${error.stack ?? error.message}`);
		});
	}

	get id(): string {
		return this.#id;
	}

	get pluginId(): string {
		return this.#owner.id;
	}

	get routerId(): string {
		return this.#place.router.id;
	}

	/** Undefined: every producer of the router. */
	get producerId(): string | undefined {
		return this.#settings.producerId;
	}

	get mode(): AttachmentMode {
		return this.#settings.mode;
	}

	get closed(): boolean {
		return this.#closed;
	}

	get paused(): boolean {
		return this.#paused;
	}

	/** Whether a host serves it now. */
	get active(): boolean {
		return this.#active;
	}

	get appData(): AttachmentAppData {
		return this.#appData;
	}

	set appData(appData: AttachmentAppData) {
		this.#appData = appData;
	}

	get observer(): AttachmentObserver {
		return this.#observer;
	}

	/** Packets that are held for it are accepted. */
	close(): void {
		if (this.#closed) {
			return;
		}
		this.#detach();
		this.#close(new InvalidStateError('MPH_ERR_CLOSED', `attachment ${this.#id} was closed`));
		this.#observer.safeEmit('close');
	}

	/** Packets pass it by until resume(); those that are held are accepted. */
	async pause(): Promise<void> {
		await this.#setPaused(true);
	}

	async resume(): Promise<void> {
		await this.#setPaused(false);
	}

	async getStats(): Promise<AttachmentStats> {
		this.#assertOpen('getStats()');

		const { attachments } = await this.#place.link.getStats();
		const stats = attachments.find(({ attachmentId }) => attachmentId === this.#id);

		if (!stats) {
			throw new InvalidStateError('MPH_ERR_CLOSED', `attachment ${this.#id} has ended in worker ${this.#place.link.pid}`);
		}

		return attachmentStatsOf(stats, this.#place.link.pid);
	}

	async dump(): Promise<AttachmentDump> {
		const { producerId, kinds, pipe, mode, order, deadlineMs, onTimeout, onAbsent, onOverflow, context } = this.#settings;

		return {
			id: this.#id,
			pluginId: this.#owner.id,
			routerId: this.routerId,
			workerPid: this.#place.link.pid,
			...{ producerId, kinds, pipe, mode, order, deadlineMs, onTimeout, onAbsent, onOverflow, context },
			active: this.#active,
			paused: this.#paused,
			closed: this.#closed,
		};
	}

	/** @private Resolves when packets go through it. Rejects with what ended it before that. */
	async start(timeout: () => CodedError, timeoutMs: number): Promise<void> {
		const settings = this.#settings;
		const timer = setTimeout(() => this.fail(timeout()), timeoutMs);

		this.#place.add(this, settings.producerId);

		const attached = this.#place.link.attach(
			{
				attachmentId: this.#id,
				pluginId: this.#owner.unitId,
				member: this.#owner.id,
				routerId: this.routerId,
				producerId: settings.producerId,
				audio: settings.kinds.includes('audio'),
				video: settings.kinds.includes('video'),
				pipe: settings.pipe,
				mode: modeCodes[settings.mode],
				order: settings.order,
				deadlineUs: Math.round(settings.deadlineMs * 1000),
				onTimeout: policyCodes[settings.onTimeout],
				onAbsent: policyCodes[settings.onAbsent],
				onOverflow: policyCodes[settings.onOverflow],
				context: settings.contextJson,
			},
			this,
		);

		try {
			// What closes it need not wait for the worker's answer.
			await Promise.race([this.#activated.promise, attached.then(() => this.#activated.promise)]);
		} catch (error) {
			// What closed it meanwhile says more than the worker's answer to a request that came too late.
			if (this.#closed) {
				await this.#activated.promise;
			}
			this.#close(error as Error);
			throw error;
		} finally {
			clearTimeout(timer);
		}
	}

	/** @private It does not come about. */
	fail(error: CodedError): void {
		if (!this.#closed) {
			this.#detach();
			this.#close(error);
		}
	}

	/** @private */
	onStateChanged(state: AttachmentState): void {
		switch (state) {
			case AttachmentState.Active:
				this.#setActive(true);
				this.#activated.resolve();
				break;
			case AttachmentState.Absent:
				this.#setActive(false);
				break;
			case AttachmentState.RouterClosed:
				this.routerClosed();
				break;
			case AttachmentState.ProducerClosed:
				this.producerClosed();
				break;
			default:
				this.#logger.warn(`worker ${this.#place.link.pid} gave attachment ${this.#id} the unknown state ${state}`);
		}
	}

	/** @private The host is gone; the worker says so, too, but later. */
	hostLost(): void {
		this.#setActive(false);
	}

	/** @private */
	routerClosed(): void {
		this.#closeWith('routerclose', 'MPH_ERR_ROUTER_CLOSED', `router ${this.routerId} closed`);
	}

	/** @private */
	producerClosed(): void {
		this.#closeWith('producerclose', 'MPH_ERR_PRODUCER_CLOSED', `producer ${this.producerId} closed`);
	}

	/** @private */
	workerClosed(): void {
		this.#closeWith('workerclose', 'MPH_ERR_WORKER_CLOSED', `worker ${this.#place.link.pid} closed or died`);
	}

	/** @private The worker is told once for the whole plugin. */
	pluginClosed(): void {
		this.#closeWith('pluginclose', 'MPH_ERR_CLOSED', `plugin ${this.#owner.id} was closed`);
	}

	async #setPaused(paused: boolean): Promise<void> {
		this.#assertOpen(paused ? 'pause()' : 'resume()');

		await this.#place.link.pauseAttachment(this.#id, paused);

		if (this.#paused !== paused && !this.#closed) {
			this.#paused = paused;
			this.#observer.safeEmit(paused ? 'pause' : 'resume');
		}
	}

	#setActive(active: boolean): void {
		if (this.#closed || this.#active === active) {
			return;
		}
		this.#active = active;
		this.safeEmit(active ? 'active' : 'absent');
		this.#observer.safeEmit(active ? 'active' : 'absent');

		if (active) {
			this.emit('@active');
		}
	}

	#closeWith(event: 'routerclose' | 'producerclose' | 'workerclose' | 'pluginclose', code: CodedError['code'], message: string): void {
		if (this.#close(new InvalidStateError(code, message))) {
			this.safeEmit(event);
			this.#observer.safeEmit('close');
		}
	}

	#detach(): void {
		const { link } = this.#place;

		if (!link.closed) {
			link.detach(this.#id).catch((error: Error) => {
				this.#logger.debug(`detaching ${this.#id} from worker ${link.pid}: ${error.message}`);
			});
		}
	}

	/** Returns false when it was closed already. */
	#close(reason: Error): boolean {
		if (this.#closed) {
			return false;
		}
		this.#closed = true;
		this.#active = false;
		this.#place.remove(this);
		this.#place.link.forget(this.#id);
		this.#activated.reject(reason);
		this.emit('@close');

		return true;
	}

	#assertOpen(call: string): void {
		if (this.#closed) {
			throw new InvalidStateError('MPH_ERR_CLOSED', `${call}: attachment ${this.#id} is closed`);
		}
	}
}
