// A host that is a process of its own: the child, its control channel on descriptor 3, and what it prints.

import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

import { directoryVariable, hostUserVariable } from './app-dir.ts';
import { HostHandle } from './host-handle.ts';
import { LineSplitter } from './line-splitter.ts';
import type { LogLevel } from './logger.ts';
import type { HostUser } from './options.ts';
import type { PluginKind } from './plugin-file.ts';

export type HostProcessOptions = {
	readonly bin: string;
	/** Of its command line. Default: none. */
	readonly args?: readonly string[];
	/** One for scripts survives the end of a thread that serves one worker. Default: native. */
	readonly kind?: PluginKind;
	/** Names what it runs in messages: a path, or file names. */
	readonly pluginFile: string;
	readonly timeoutMs: number;
	/** Default: the app's. */
	readonly user?: HostUser | undefined;
};

export class HostProcess extends HostHandle {
	readonly #child: ChildProcess;

	constructor({ bin, args = [], kind = 'native', pluginFile, timeoutMs, user }: HostProcessOptions) {
		// A host gets its secrets by its channel and has no business in the directory.
		const { [directoryVariable]: _, [hostUserVariable]: __, ...env } = process.env;
		const child = spawn(bin, args, { ...user, env, stdio: ['ignore', 'pipe', 'pipe', 'pipe'] });
		// Without descriptors for the pipes there are no streams; then there is no process either, and 'exit' says so.
		const [, stdout, stderr, channel] = (child.stdio ?? []) as readonly (Socket | null | undefined)[];

		super({ channel: channel ?? new Socket().destroy(), pid: child.pid, kind, pluginFile, timeoutMs });
		this.#child = child;
		this.#watch();
		this.#forward(stdout, 'info');
		this.#forward(stderr, 'warn');

		// A host is no reason for the app to stay alive, except while the app waits for it.
		child.unref();
	}

	override kill(): void {
		this.#child.kill('SIGKILL');
	}

	protected override hold(): void {
		this.#child.ref();
	}

	protected override letGo(): void {
		this.#child.unref();
	}

	/** What it printed last arrives after its exit, unless somebody else has the other end of the pipe, too. */
	protected override async said(): Promise<void> {
		const ends = [this.#child.stdout, this.#child.stderr].map((stream) => stream && !stream.readableEnded && once(stream, 'close'));

		await Promise.race([Promise.all(ends), delay(100)]);
	}

	#watch(): void {
		this.#child.once('exit', (code, signal) => this.ended({ code, signal }));
		this.#child.on('error', (error) => {
			// It also reports a kill() that failed, which says nothing about the process.
			if (this.#child.pid === undefined) {
				this.ended({ code: null, signal: null, error });
			}
		});
	}

	#forward(stream: Socket | null | undefined, level: LogLevel): void {
		const lines = new LineSplitter((line) => this.heard(level, line));

		if (!stream) {
			return;
		}
		stream.unref();
		stream.on('data', (chunk: Buffer) => lines.push(chunk));
		stream.once('end', () => lines.end());
		stream.on('error', (error) => this.heard('debug', `cannot read what ${this.describe()} prints: ${error.message}`));
	}
}
