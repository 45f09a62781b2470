// An app (app.ts) from outside: its process, its report, its commands.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

import type { AppCommand, AppFigures, AppOptions, AppReport } from './app-options.ts';

type Answer = { readonly id: number; readonly answer?: unknown; readonly error?: string };

export class AppProcess {
	readonly options: AppOptions;
	readonly report: AppReport;
	readonly #child: ChildProcess;
	#lastId = 0;

	static async start(options: AppOptions, env: NodeJS.ProcessEnv = {}): Promise<AppProcess> {
		const child = fork(join(import.meta.dirname, 'app.ts'), [JSON.stringify(options)], {
			env: { ...process.env, NODE_ENV: 'production', ...env },
			stdio: ['ignore', 2, 2, 'ipc'],
		});
		const report = await Promise.race([once(child, 'message').then(([message]) => message as AppReport), failed(child, options)]);

		return new AppProcess(child, options, report);
	}

	private constructor(child: ChildProcess, options: AppOptions, report: AppReport) {
		this.#child = child;
		this.options = options;
		this.report = report;
	}

	async renew(): Promise<void> {
		await this.#ask({ type: 'renew' });
	}

	async chain(count: number): Promise<void> {
		await this.#ask({ type: 'chain', count });
	}

	async figures(): Promise<AppFigures> {
		return (await this.#ask({ type: 'figures' })) as AppFigures;
	}

	/** Resolves when it is gone, and with it its worker and hosts. */
	async close(): Promise<void> {
		if (this.#child.exitCode === null && this.#child.signalCode === null) {
			const exited = once(this.#child, 'exit');

			this.#child.disconnect();
			await exited;
		}
	}

	#ask(command: AppCommand): Promise<unknown> {
		const id = ++this.#lastId;

		return new Promise((resolve, reject) => {
			const settle = (): void => {
				this.#child.off('message', onMessage);
				this.#child.off('exit', onExit);
			};
			const onMessage = (message: unknown): void => {
				const { id: answered, answer, error } = message as Answer;

				if (answered === id) {
					settle();
					error === undefined ? resolve(answer) : reject(new Error(`the app failed at "${command.type}": ${error}`));
				}
			};
			const onExit = (): void => {
				settle();
				reject(new Error(`the app ended before it answered "${command.type}"`));
			};

			this.#child.on('message', onMessage);
			this.#child.on('exit', onExit);
			this.#child.send({ id, command });
		});
	}
}

async function failed(child: ChildProcess, { mode }: AppOptions): Promise<never> {
	const [code, signal] = await once(child, 'exit');

	throw new Error(`the app "${mode}" ended with ${signal ?? `code ${code}`} before it was ready`);
}
