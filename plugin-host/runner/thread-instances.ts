// The instances of one thread, by the addon's numbers: made one after another as the addon asks for them, and called for what it has for them.

import type { InstanceInfo, ThreadCallbacks } from '../addon/addon.d.ts';
import type { Addon } from './addon.ts';
import { logLevels } from './instance/addon.ts';
import { RecordMemories } from './instance/record-memories.ts';
import { describeThrow, loadPlugin } from './load-plugin.ts';
import { PluginInstance } from './plugin-instance.ts';

/** Its plugin is being imported, or its setup() has not returned. */
type Loading = { readonly info: InstanceInfo; isOver: boolean };

export class ThreadInstances {
	readonly callbacks: ThreadCallbacks;
	readonly #addon: Addon;
	readonly #isStrict: boolean;
	readonly #load: typeof loadPlugin;
	readonly #memories = new RecordMemories();
	readonly #instances = new Map<number, PluginInstance>();
	readonly #files = new Map<number, string>();
	readonly #loading = new Map<number, Loading>();

	/** `load`: from a plugin's file and its configuration as JSON to what is to be run. */
	constructor(addon: Addon, isStrict: boolean, load = loadPlugin) {
		this.#addon = addon;
		this.#isStrict = isStrict;
		this.#load = load;

		const of = (instance: number): PluginInstance | undefined => this.#instances.get(instance);

		this.callbacks = {
			arrays: (arrays) => this.#memories.useArrays(arrays),
			memory: (router, buffer) => this.#memories.use(router, buffer),
			create: (instance, info) => void this.#create(instance, info),
			destroy: (instance) => this.#destroy(instance),
			packets: (instance, router, count) => of(instance)?.packets(router, count),
			data: (instance, router, count) => of(instance)?.data(router, count),
			event: (instance, event) => of(instance)?.event(event),
			message: (instance, method, body, request) => of(instance)?.message(method, body, request),
			answer: (instance, _router, call, result, json) => of(instance)?.answer(call, result, json),
			tick: (instance) => of(instance)?.tick(),
			restore: (instance, bytes) => of(instance)?.restore(bytes),
		};
	}

	/** A rejection that nobody handles: an error of the plugin's whose it is, and its budget decides. */
	report(where: string, error: unknown): void {
		const [instance] = this.#atFault(error);

		if (instance !== undefined && this.#instances.has(instance)) {
			this.#instances.get(instance)!.report(where, error);
		} else {
			this.#failLoading(describeThrow(where, error));
		}
	}

	/** The thread is in a state that nobody knows. */
	end(where: string, error: unknown): void {
		const [instance, file] = this.#atFault(error);
		const reason = `${file === undefined ? '' : `${file}: `}${describeThrow(where, error)}`;

		if (instance !== undefined && error instanceof Error) {
			this.#addon.log(instance, logLevels.error, `${where} ended the thread: ${error.stack}`);
		}
		this.endWith(reason, instance);
	}

	endWith(reason: string, instance = [...this.#instances.keys()][0]): void {
		this.#failLoading(reason);

		if (instance !== undefined && this.#instances.has(instance)) {
			this.#addon.endThread(instance, reason);
		}
	}

	async #create(instance: number, info: InstanceInfo): Promise<void> {
		const loading: Loading = { info, isOver: false };

		this.#loading.set(instance, loading);

		try {
			const { definition, config } = await this.#load(info.file, info.config);

			if (loading.isOver) {
				return;
			}

			const plugin = new PluginInstance({ addon: this.#addon, instance, info, memories: this.#memories, definition, isStrict: this.#isStrict });
			const created = await plugin.setUp(config).catch((error: unknown) => {
				throw new Error(`${plugin.name}: ${describeThrow('setup()', error)}`, { cause: error });
			});

			if (loading.isOver) {
				plugin.close();

				return;
			}
			this.#loading.delete(instance);
			this.#instances.set(instance, plugin);
			this.#files.set(instance, info.file);
			this.#addon.created(instance, created);
		} catch (error) {
			this.#fail(instance, loading, (error as Error).message);
		}
	}

	#destroy(instance: number): void {
		const loading = this.#loading.get(instance);

		if (loading) {
			loading.isOver = true;
			this.#loading.delete(instance);
		}
		this.#instances.get(instance)?.close();
		this.#instances.delete(instance);
		this.#files.delete(instance);
	}

	#failLoading(reason: string): void {
		for (const [instance, loading] of [...this.#loading]) {
			this.#fail(instance, loading, reason);
		}
	}

	#fail(instance: number, loading: Loading, reason: string): void {
		if (!loading.isOver) {
			loading.isOver = true;
			this.#loading.delete(instance);
			this.#addon.createFailed(instance, reason);
		}
	}

	/** The instance whose file stands in the error's stack, else the only one or the first one. */
	#atFault(error: unknown): readonly [instance: number | undefined, file: string | undefined] {
		const stack = error instanceof Error ? String(error.stack) : '';
		const found = [...this.#files].find(([, file]) => stack.includes(file)) ?? (this.#files.size === 1 ? [...this.#files][0] : undefined);

		return found ?? [[...this.#instances.keys()][0], undefined];
	}
}
