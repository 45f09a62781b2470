// One instance of a plugin, on its thread: what the addon calls for it goes to the plugin's handlers, what the plugin asks goes to the addon.
// Nothing of the plugin's throws past it.

import { basename, extname } from 'node:path';

import type { PluginDefinition } from '../../src/plugin/define-plugin.ts';
import type { PluginHandlers } from '../../src/plugin/handlers.ts';
import type { KnownRouter } from '../../src/plugin/known-objects.ts';
import { MessageView } from '../../src/plugin/message-view.ts';
import { PacketView } from '../../src/plugin/packet-view.ts';
import type { Log, PluginContext } from '../../src/plugin/plugin-context.ts';
import type { RecordView } from '../../src/plugin/record-view.ts';
import type { CallResult } from '../../src/plugin/results.ts';
import type { Created } from '../addon/addon.d.ts';
import type { Addon, InstanceInfo, PluginEvent } from './instance/addon.ts';
import { Result, logLevels } from './instance/addon.ts';
import { AsyncRecords, Hands } from './instance/async-records.ts';
import type { Body } from './instance/bodies.ts';
import { EventReader } from './instance/event-reader.ts';
import { checkHandlers } from './instance/handler-check.ts';
import type { BatchHandler } from './instance/record-handler.ts';
import { RecordHandler } from './instance/record-handler.ts';
import type { RecordMemories } from './instance/record-memories.ts';
import { RecordServices } from './instance/record-services.ts';
import { Requests, refusalOf } from './instance/requests.ts';
import { Drain, Retries } from './instance/retries.ts';
import { ScriptCounters } from './instance/script-counters.ts';
import { ScriptErrors } from './instance/script-errors.ts';
import { WorkerCalls } from './instance/worker-calls.ts';

export type PluginInstanceOptions = {
	readonly addon: Addon;
	/** The addon's number of it. */
	readonly instance: number;
	readonly info: InstanceInfo;
	/** Of the thread: one for all its instances. */
	readonly memories: RecordMemories;
	readonly definition: PluginDefinition;
	/** Development mode: views expire, bytes are detached. */
	readonly isStrict: boolean;
};

type Bypassing = RecordView & { bypass(): CallResult };

export class PluginInstance {
	/** As the plugin calls itself, or its file. */
	readonly name: string;
	readonly #options: PluginInstanceOptions;
	readonly #counters: ScriptCounters;
	readonly #errors: ScriptErrors;
	readonly #drain = new Drain();
	/** Apart, so that what finds no room does not hold up what would. */
	readonly #retries = { verdicts: new Retries(), replies: new Retries(), queries: new Retries() };
	readonly #calls: WorkerCalls;
	readonly #services: RecordServices;
	readonly #hands: Hands;
	readonly #events = new EventReader();
	#handlers: PluginHandlers = {};
	#packets: BatchHandler | undefined;
	#data: BatchHandler | undefined;
	#requests: Requests | undefined;
	#closed = false;

	constructor(options: PluginInstanceOptions) {
		const { addon, instance, info, definition, memories, isStrict } = options;

		this.#options = options;
		this.name = definition.name ?? basename(info.file, extname(info.file));
		this.#counters = new ScriptCounters((name, add) => addon.count(instance, name, add));
		this.#errors = new ScriptErrors({
			plugin: this.name,
			errorBudget: definition.errorBudget,
			throws: this.#counters.get('script.throws'),
			log: (message) => this.#write('error', message),
			end: (reason) => this.#end(reason),
		});

		const common = { addon, instance, drain: this.#drain, report: this.report };

		this.#calls = new WorkerCalls({ ...common, retries: this.#retries.queries });
		this.#services = new RecordServices({ ...common, memories, isStrict, counters: this.#counters });
		this.#hands = new Hands(definition.maxPending, this.#counters.get('script.overPending'));
	}

	/** Calls setup() with what the schema made of the configuration. Rejects with what it throws, and for handlers that make no sense. */
	async setUp(config: unknown): Promise<Created> {
		const { definition } = this.#options;
		const handlers = checkHandlers(await definition.setup(this.#contextFor(config) as PluginContext<never, never>));

		this.#handlers = handlers;
		this.#packets = this.#handlerOf('onPacket', (router) => new PacketView(this.#services, router));
		this.#data = this.#handlerOf('onData', (router) => new MessageView(this.#services, router));
		this.#requests = new Requests({ handlers, reply: (request, failed, body) => this.#reply(request, failed, body), report: this.report });

		return {
			name: this.name,
			version: definition.version,
			wantsPackets: this.#packets !== undefined,
			wantsData: this.#data !== undefined,
			tickIntervalMs: handlers.onTick ? definition.tickMs : 0,
		};
	}

	packets(router: number, count: number): void {
		this.#packets?.run(this.#events.router(router), count);
	}

	data(router: number, count: number): void {
		this.#data?.run(this.#events.router(router), count);
	}

	event(event: PluginEvent): void {
		const told = this.#events.read(event);

		if (told) {
			this.#call('onEvent', () => this.#handlers.onEvent?.(told));
			this.#events.forget(told);
		}
	}

	message(method: string, body: Body, request: number): void {
		void this.#requests?.take(method, body, request);
	}

	answer(call: number, result: number, json: string | undefined): void {
		this.#calls.answer(call, result, json);
	}

	tick(): void {
		this.#call('onTick', () => this.#handlers.onTick?.());
	}

	restore(bytes: Uint8Array): void {
		this.#call('onRestore', () => this.#handlers.onRestore?.(bytes));
	}

	/** ThreadCallbacks.destroy */
	close(): void {
		if (this.#closed) {
			return;
		}
		this.#call('close', () => this.#handlers.close?.());
		this.#packets?.close();
		this.#data?.close();
		this.#services.close();
		this.#calls.close();
		this.#drain.close();
		this.#closed = true;

		for (const retries of Object.values(this.#retries)) {
			retries.close();
		}
		this.#counters.close();
	}

	/** What the plugin threw, or a rejection that nobody handled: counted, logged, and taken from its error budget. */
	readonly report = (where: string, error: unknown): void => {
		this.#errors.report(where, error);
	};

	#contextFor(config: unknown): PluginContext {
		const { pluginId, file, shard, workerPid } = this.#options.info;
		const { inject, injectData, receiveRtp, requestKeyFrame, subscribe, query, post, snapshot } = this.#calls;
		const log: Log = {
			debug: (message) => this.#write('debug', message),
			info: (message) => this.#write('info', message),
			warn: (message) => this.#write('warn', message),
			error: (message) => this.#write('error', message),
		};

		return {
			config,
			info: { pluginId, file, shard, workerPid },
			log,
			counter: (name) => this.#counters.get(name),
			...{ inject, injectData, receiveRtp, requestKeyFrame, subscribe, query, post, snapshot },
			drain: () => this.#drain.wait(),
		};
	}

	/** The plugin's `onPacket` or `onPacketAsync`, or those of data messages. */
	#handlerOf<View extends Bypassing>(name: 'onPacket' | 'onData', makeView: (router: KnownRouter) => View): BatchHandler | undefined {
		const { memories, isStrict } = this.#options;
		const handlers = this.#handlers as Readonly<Record<string, ((view: View) => unknown) | undefined>>;
		const services = this.#services;
		const common = { memories, isStrict, makeView, report: this.report };

		if (handlers[name]) {
			return new RecordHandler({ ...common, name, handle: (view) => handlers[name]!(view), replace: (view) => services.sendStaged(view) });
		}

		const asyncName = `${name}Async`;

		if (!handlers[asyncName]) {
			return undefined;
		}

		const { verdicts: retries } = this.#retries;
		const handle = (view: View): unknown => handlers[asyncName]!(view);

		return new AsyncRecords({ ...common, name: asyncName, handle, bypass: (view) => void view.bypass(), sink: services, retries, hands: this.#hands }, this.#events.nowhere);
	}

	#reply(request: number, failed: boolean, body: Body): void {
		const { addon, instance } = this.#options;

		this.#retries.replies.run(() => {
			const result = this.#closed ? Result.unknown : addon.reply(instance, request, failed, body);
			const refusal = failed ? undefined : refusalOf(result, body);

			return refusal === undefined ? result : addon.reply(instance, request, true, refusal);
		});
	}

	#call(where: string, handle: () => unknown): void {
		try {
			const returned = handle();

			if (returned instanceof Promise) {
				returned.catch((error: unknown) => this.report(where, error));
			}
		} catch (error) {
			this.report(where, error);
		}
	}

	#write(level: keyof typeof logLevels, message: string): void {
		if (!this.#closed) {
			this.#options.addon.log(this.#options.instance, logLevels[level], String(message));
		}
	}

	#end(reason: string): void {
		if (!this.#closed) {
			this.#counters.flush();
			this.#options.addon.endThread(this.#options.instance, reason);
		}
	}
}
