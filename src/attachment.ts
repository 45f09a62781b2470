// A plugin bound to a router or to producers: what the app holds of it. The attachment itself lives in the worker, which also keeps it
// while a host is replaced.

import { randomUUID } from 'node:crypto';

import { EnhancedEventEmitter } from 'mediasoup/extras';
import type { AppData } from 'mediasoup/types';

import type { AttachmentOwner } from './attach-message.ts';
import { attachMessage } from './attach-message.ts';
import type { AttachSettings, AttachmentMode, DataProducerRef, ProducerRef } from './attach-options.ts';
import { whyToChoose } from './attach-options.ts';
import { AttachmentTargets } from './attachment-targets.ts';
import type { AttachmentDump, AttachmentEvents, AttachmentObserver, AttachmentObserverEvents } from './attachment-types.ts';
import { InvalidOptionError, InvalidStateError } from './errors.ts';
import type { CodedError } from './errors.ts';
import { AttachmentState } from './generated/control.js';
import type { Logger } from './logger.ts';
import { checkMessagesFit } from './message-fit.ts';
import type { AttachmentStats } from './stats.ts';
import { attachmentStatsOf } from './stats.ts';
import type { Dependent, RouterPlace, TargetKind } from './router-place.ts';
import { targetWords } from './router-place.ts';
import type { AttachmentListener } from './worker-link.ts';

type CloseEvent = 'routerclose' | 'producerclose' | 'dataproducerclose' | 'transportclose' | 'workerclose' | 'pluginclose';

export class Attachment<AttachmentAppData extends AppData = AppData>
	extends EnhancedEventEmitter<AttachmentEvents>
	implements AttachmentListener, Dependent
{
	readonly #id = randomUUID();
	readonly #owner: AttachmentOwner;
	readonly #place: RouterPlace;
	readonly #settings: AttachSettings;
	/** Undefined: the router is the target. */
	readonly #targets: AttachmentTargets | undefined;
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
		this.#targets =
			settings.targets &&
			new AttachmentTargets({
				...{ attachmentId: this.#id, place, fields: settings.targets },
				check: (call, dataProducerId) => this.#checkMessagesFit(call, [dataProducerId]),
				assertOpen: (call) => this.#assertOpen(call),
				close: () => this.close(),
			});
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

	/** Undefined: it is an attachment to the router, or to a transport. */
	get producerIds(): readonly string[] | undefined {
		return this.#targets?.idsOf('producer');
	}

	/** As `producerIds`. */
	get dataProducerIds(): readonly string[] | undefined {
		return this.#targets?.idsOf('dataProducer');
	}

	/** Undefined: it is not to a transport. */
	get transportId(): string | undefined {
		return this.#settings.transport?.id;
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
		void this.#detach();
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

	/** From now on it means that producer, too. Only for an attachment whose targets are named. */
	async addProducer(producer: string | ProducerRef): Promise<void> {
		await this.#namedTargets('addProducer()').add('addProducer()', 'producer', producer);
	}

	/** Held packets of it are accepted. Without its last target an attachment that was made without a list closes. */
	async removeProducer(producer: string | ProducerRef): Promise<void> {
		await this.#namedTargets('removeProducer()').remove('removeProducer()', 'producer', producer);
	}

	/** As addProducer(). The attachment must have chosen its policies. */
	async addDataProducer(dataProducer: string | DataProducerRef): Promise<void> {
		const { notChosen } = this.#settings;

		if (notChosen.length > 0) {
			throw new InvalidOptionError('MPH_ERR_OPTION_TYPE', `addDataProducer(): with attach(), ${whyToChoose(notChosen, 'an attachment to data producers')}`);
		}
		await this.#namedTargets('addDataProducer()').add('addDataProducer()', 'dataProducer', dataProducer);
	}

	/** As removeProducer(). */
	async removeDataProducer(dataProducer: string | DataProducerRef): Promise<void> {
		await this.#namedTargets('removeDataProducer()').remove('removeDataProducer()', 'dataProducer', dataProducer);
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
		const { kinds, dataProducers, pipe, mode, order, deadlineMs, onTimeout, onAbsent, onOverflow, onError, security, context } = this.#settings;
		const { copy, keyFramesOnly, spatialLayers, temporalLayers, every, audioLevel, subscribe, wholeFrames } = this.#settings;

		return {
			id: this.#id,
			pluginId: this.#owner.id,
			routerId: this.routerId,
			workerPid: this.#place.link.pid,
			producerIds: this.producerIds,
			dataProducerIds: this.dataProducerIds,
			transportId: this.transportId,
			...{ kinds, dataProducers, pipe, mode, order, deadlineMs, onTimeout, onAbsent, onOverflow, onError, security, context },
			...{ copy, keyFramesOnly, spatialLayers, temporalLayers, every, audioLevel, subscribe, wholeFrames },
			active: this.#active,
			paused: this.#paused,
			closed: this.#closed,
		};
	}

	/** @private Resolves when packets go through it. Rejects with what ended it before that. */
	async start(timeout: () => CodedError, timeoutMs: number): Promise<void> {
		const timer = setTimeout(() => this.fail(timeout()), timeoutMs);

		this.#place.add(this);

		try {
			// What closes it need not wait for the worker's answer.
			await Promise.race([this.#activated.promise, this.#attach().then(() => this.#activated.promise)]);
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
			void this.#detach();
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
				this.#closeAfter(this.#targets?.idsOf('producer').length === 0 ? 'dataProducer' : 'producer');
				break;
			case AttachmentState.TransportClosed:
				this.transportClosed(this.transportId ?? '');
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
	producerClosed(producerId: string): void {
		this.#targetClosed('producer', producerId);
	}

	/** @private */
	dataProducerClosed(dataProducerId: string): void {
		this.#targetClosed('dataProducer', dataProducerId);
	}

	/** @private */
	transportClosed(transportId: string): void {
		if (transportId === this.transportId) {
			this.#closeWith('transportclose', 'MPH_ERR_TRANSPORT_CLOSED', `transport ${transportId} closed`);
		}
	}

	/** @private */
	workerClosed(): void {
		this.#closeWith('workerclose', 'MPH_ERR_WORKER_CLOSED', `worker ${this.#place.link.pid} closed or died`);
	}

	/** @private Resolves when the worker has let go of it, or when there is no use in waiting; never rejects. */
	async pluginClosed(): Promise<void> {
		const detached = this.#detach();

		this.#closeWith('pluginclose', 'MPH_ERR_CLOSED', `plugin ${this.#owner.id} was closed`);
		await detached;
	}

	async #attach(): Promise<void> {
		const { dataProducers, pipe } = this.#settings;

		if (dataProducers) {
			await this.#checkMessagesFit('attach()', this.dataProducerIds ?? this.#place.dataProducerIds(pipe));
		}
		if (!this.#closed) {
			const it = { id: this.#id, owner: this.#owner, routerId: this.routerId, targets: this.#targets?.fields };

			await this.#place.link.attach(attachMessage(it, this.#settings), this);
		}
	}

	async #checkMessagesFit(call: string, dataProducerIds: readonly string[]): Promise<void> {
		// Of others nothing is copied.
		if (this.#settings.copy === 'full') {
			await checkMessagesFit(call, this.#place, this.#owner.unitId, dataProducerIds);
		}
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

	#closeWith(event: CloseEvent, code: CodedError['code'], message: string): void {
		if (this.#close(new InvalidStateError(code, message))) {
			this.safeEmit(event);
			this.#observer.safeEmit('close');
		}
	}

	#targetClosed(kind: TargetKind, id: string): void {
		if (this.#targets?.closed(kind, id) && this.#targets.areOver) {
			this.#closeAfter(kind, ` ${id}`);
		}
	}

	/** The last target closed. */
	#closeAfter(kind: TargetKind, id = ''): void {
		const { name, closed } = targetWords[kind];

		this.#closeWith(kind === 'producer' ? 'producerclose' : 'dataproducerclose', closed, `${name}${id} closed`);
	}

	#namedTargets(call: string): AttachmentTargets {
		this.#assertOpen(call);

		if (!this.#targets) {
			throw new InvalidStateError(
				'MPH_ERR_NOT_TARGETED',
				`${call}: attachment ${this.#id} is to ${this.transportId === undefined ? `router ${this.routerId} as a whole` : `transport ${this.transportId}`}; attach() with "producerIds" or "dataProducerIds" (they may be empty) makes one with targets`,
			);
		}

		return this.#targets;
	}

	/** Never rejects. */
	async #detach(): Promise<void> {
		const { link } = this.#place;

		if (!link.closed) {
			await link.detach(this.#id).catch((error: Error) => {
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
