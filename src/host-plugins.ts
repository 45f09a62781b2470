// What the hosts of one unit run: the plugins that the next host loads, and who joins or leaves while hosts run.

import { basename } from 'node:path';

import type { PluginIdentity } from './host-handle.ts';
import type { HostRun, PluginCode, PluginCodes } from './host-run.ts';

export class HostPlugins {
	#codes: PluginCodes;

	constructor(codes: PluginCodes) {
		this.#codes = codes;
	}

	get codes(): PluginCodes {
		return this.#codes;
	}

	/** For messages. */
	get name(): string {
		const files = [...this.#codes.values()].map(({ file }) => file);

		return files.length === 1 ? files[0]! : files.map((file) => basename(file)).join(' and ');
	}

	/** As they are, but for what is given. What has left does not come back by it. */
	with(changed: PluginCodes): PluginCodes {
		return new Map([...this.#codes].map(([pluginId, code]) => [pluginId, changed.get(pluginId) ?? code]));
	}

	/** From now on every host runs what this one does, but for what has left since it was started. */
	adopt(run: HostRun): void {
		this.#codes = this.with(run.codes);
	}

	/** Rejects when that host cannot load it; then all is as it was. */
	async join(pluginId: string, code: PluginCode, serving: HostRun): Promise<PluginIdentity> {
		const identity = await serving.load(pluginId, code);

		this.#codes = new Map([...this.#codes, [pluginId, code]]);

		return identity;
	}

	/** For a host that was started before the plugin joined. */
	async complete(run: HostRun): Promise<void> {
		const missing = [...this.#codes].filter(([pluginId]) => !run.codes.has(pluginId));

		await Promise.all(missing.map(([pluginId, code]) => run.load(pluginId, code)));
	}

	leave(pluginId: string): void {
		this.#codes = new Map([...this.#codes].filter(([id]) => id !== pluginId));
	}
}
