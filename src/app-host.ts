// A host within the app's own process: its plugin is a definition that the app has in hand, and runs on the app's main loop. It has a channel and
// an end as any other, and is never ended by a signal: to kill it is to hang up, upon which it lets go of its workers.

import { Socket } from 'node:net';

import { HostHandle } from './host-handle.ts';
import type { PluginDefinition } from './plugin/define-plugin.ts';

/** plugin-host/runner/in-app.ts, which is loaded by its path (host-command.ts): it is no part of what is compiled here. */
export type AppRunner = {
	/** Returns the descriptor of the app's end of its channel. Throws when there can be no host. */
	openHost(options: AppRunnerOptions): number;
	/** Plugins of hosts within the app get at once what their rings have for them, until nothing is left or it is enough. */
	readOn(isEnough: () => boolean): void;
};

export type AppRunnerOptions = {
	/** The path of the addon. */
	readonly addon: string;
	readonly definition: PluginDefinition;
	readonly onExit: (code: number) => void;
};

export type AppHostOptions = {
	readonly runner: AppRunner;
	readonly addon: string;
	readonly definition: PluginDefinition;
	/** For messages. */
	readonly name: string;
	readonly timeoutMs: number;
};

export class AppHost extends HostHandle {
	constructor({ runner, addon, definition, name, timeoutMs }: AppHostOptions) {
		const { promise: exited, resolve: onExit } = Promise.withResolvers<number>();
		const fd = runner.openHost({ addon, definition, onExit });

		super({ channel: new Socket({ fd }), pid: process.pid, kind: 'script', pluginFile: name, timeoutMs });
		void exited.then((code) => this.ended({ code, signal: null }));
	}

	override kill(): void {
		this.hangUp();
	}
}
