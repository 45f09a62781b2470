// All DirectTransports on rings of one plugin host: the plugin within the app that serves them, and which router and consumer is which.

import type { DataConsumer, Consumer, Router, Transport } from 'mediasoup/types';

import { AppHost, type AppRunner } from '../app-host.ts';
import { loadAppRunner } from '../host-command.ts';
import { parsePluginOptions } from '../options.ts';
import type { PluginHost } from '../plugin-host.ts';
import type { PluginDefinition } from '../plugin/define-plugin.ts';
import { definePlugin } from '../plugin/define-plugin.ts';
import type { LifecycleEvent } from '../plugin/events.ts';
import type { PluginHandlers } from '../plugin/handlers.ts';
import type { PluginContext } from '../plugin/plugin-context.ts';
import type { Plugin } from '../plugin.ts';
import { Outlet } from './outlet.ts';
import { RouterLine } from './router-line.ts';

const uint32Max = 2 ** 32 - 1;
/** An app that is busy for long is not to be cut off for it: what finds no room goes by the channel. */
const neverHangsMs = 2 ** 31 - 1;

/** A router as an instance knows it. */
type ServedRouter = { readonly line: RouterLine; readonly outlets: Map<number, Outlet> };

export class DirectHub {
	readonly plugin: Promise<Plugin>;
	readonly #lines = new Map<string, RouterLine>();
	/** By the ids of consumers and data consumers. */
	readonly #outlets = new Map<string, Outlet>();
	readonly #transportIds = new Set<string>();
	#runner: AppRunner | undefined;

	constructor(pluginHost: PluginHost) {
		this.plugin = this.#createPlugin(pluginHost);
	}

	lineOf(router: Router): RouterLine {
		let line = this.#lines.get(router.id);

		if (!line) {
			line = new RouterLine(() => router.dump().then(() => {}, () => {}));
			this.#lines.set(router.id, line);
			router.observer.once('close', () => {
				this.#lines.delete(router.id);
				line!.close();
			});
		}

		return line;
	}

	/** To be called before anything is made on it. */
	addTransport(transport: Transport): void {
		this.#transportIds.add(transport.id);
		transport.observer.once('close', () => this.#transportIds.delete(transport.id));
		transport.observer.on('newconsumer', (consumer: Consumer) => this.#open(consumer, 'rtp'));
		transport.observer.on('newdataconsumer', (consumer: DataConsumer) => this.#open(consumer, 'message'));
	}

	/** What comes by the channel mediasoup emits by safeEmit(): it takes its place among what comes by the ring. */
	#open(consumer: Consumer | DataConsumer, name: 'rtp' | 'message'): void {
		const outlet = this.#outletOf(consumer.id);
		const emitter = consumer as { safeEmit(event: string, ...args: unknown[]): boolean };
		const safeEmit = emitter.safeEmit.bind(consumer);

		emitter.safeEmit = (event, ...args) => {
			if (event !== name) {
				return safeEmit(event, ...args);
			}
			outlet.hear(args[0] as Buffer, (args[1] as number | undefined) ?? 0);

			return true;
		};
		outlet.open((bytes, ppid) => {
			if (!consumer.closed) {
				safeEmit(name, bytes, ...(name === 'message' ? [ppid] : []));
			}
		});
		(consumer.observer as Consumer['observer']).once('close', () => this.#outlets.delete(consumer.id));
	}

	#outletOf(consumerId: string): Outlet {
		let outlet = this.#outlets.get(consumerId);

		if (!outlet) {
			outlet = new Outlet((isEnough) => this.#runner?.readOn(isEnough));
			this.#outlets.set(consumerId, outlet);
		}

		return outlet;
	}

	async #createPlugin(pluginHost: PluginHost): Promise<Plugin> {
		const { timeoutMs } = pluginHost.settings;
		const { runner, addon } = await loadAppRunner();
		const definition = this.#definition();

		this.#runner = runner;

		const settings = {
			...parsePluginOptions({ file: import.meta.filename }),
			...{ hangMs: neverHangsMs, limits: { packetsPerSecond: uint32Max, bytesPerSecond: uint32Max } },
		};

		const plugin = await pluginHost.createOwnPlugin(settings, (_kind, name) => new AppHost({ runner, addon, definition, name, timeoutMs }));

		// The instances end a moment later, and what they would take until then nobody reads.
		plugin.observer.once('close', () => this.#lines.forEach((line) => line.close()));

		return plugin;
	}

	#definition(): PluginDefinition {
		return definePlugin({ name: 'direct-transport', setup: (context) => this.#serve(context) });
	}

	/** One worker, for as long as an instance serves it. */
	#serve(context: PluginContext): PluginHandlers {
		const routers = new Map<number, ServedRouter>();
		const forNobody = context.counter('forNobody');
		const give = (router: number, consumer: number | undefined, bytes: Buffer, ppid: number, byChannel: number): void => {
			if (routers.get(router)?.outlets.get(consumer ?? 0)?.give(bytes, ppid, byChannel) !== true) {
				forNobody.add();
			}
		};

		return {
			onPacket: (packet) => give(packet.router, packet.consumer, Buffer.from(packet.bytes as Uint8Array), 0, packet.byChannel),
			onData: (message) => give(message.router, message.dataConsumer, Buffer.from(message.wireBytes as Uint8Array), message.ppid, message.byChannel),
			onEvent: (event) => this.#onEvent(event, routers, context),
			close: () => routers.forEach(({ line }) => line.close()),
		};
	}

	#onEvent(event: LifecycleEvent, routers: Map<number, ServedRouter>, context: PluginContext): void {
		const { router: number, routerId } = event;
		const router = routers.get(number);

		if (event.type === 'routerOpened') {
			const line = this.#lines.get(routerId);

			if (line) {
				routers.set(number, { line, outlets: new Map() });
				line.open({ context, router: number });
			}
		}
		if (!router) {
			return;
		}

		const { line, outlets } = router;

		switch (event.type) {
			case 'routerClosed':
				routers.delete(number);
				line.close();
				break;
			case 'producerCreated':
				line.created(event.producerId, event.producer);
				break;
			case 'dataProducerCreated':
				line.created(event.dataProducerId, event.dataProducer);
				break;
			case 'producerClosed':
				line.closed(event.producerId);
				break;
			case 'dataProducerClosed':
				line.closed(event.dataProducerId);
				break;
			case 'consumerCreated':
				this.#listen(outlets, event.consumer, event.consumerId, event.transportId);
				break;
			case 'dataConsumerCreated':
				this.#listen(outlets, event.dataConsumer, event.dataConsumerId, event.transportId);
				break;
			case 'consumerClosed':
				this.#forget(outlets, event.consumer, event.consumerId);
				break;
			case 'dataConsumerClosed':
				this.#forget(outlets, event.dataConsumer, event.dataConsumerId);
				break;
			default:
		}
	}

	#listen(outlets: Map<number, Outlet>, number: number, id: string, transportId: string | undefined): void {
		if (transportId !== undefined && this.#transportIds.has(transportId)) {
			outlets.set(number, this.#outletOf(id));
		}
	}

	#forget(outlets: Map<number, Outlet>, number: number, id: string): void {
		outlets.delete(number);
		this.#outlets.delete(id);
	}
}
