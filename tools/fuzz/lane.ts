// A lane (host/Lane.hpp): a process that the worker takes for a host, and the tokens that let it in again and again.

import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { repoRoot } from '../lib/paths.ts';
import type { Stage } from './stage.ts';
import { hostilePlugin } from './stage.ts';
import type { FuzzedWorker } from './worker.ts';

export type Tally = {
	/** That the worker has read. */
	readonly records: number;
	readonly sessions: number;
	readonly connections: number;
};

const binary = join(repoRoot, 'build/native/tools/fuzz/host/fuzz-lane');
/** The worker tells a lane that hangs from one that works within so long. */
const hangMs = 300;

export class Lane {
	#tally: Tally = { records: 0, sessions: 0, connections: 0 };
	#hasEnded = false;
	readonly #child: ChildProcess;
	readonly #exited: Promise<void>;

	/** Without a plan each session has another one. */
	constructor(stage: Stage, worker: FuzzedWorker, seed: number, plan?: string) {
		const args = [worker.socketPath, String(seed), join(worker.findingsDir, `lane-${seed}`), ...(plan === undefined ? [] : [plan])];
		const child = spawn(binary, args, { stdio: ['pipe', 'pipe', 'inherit'] });

		this.#child = child;
		this.#exited = new Promise((resolve) => {
			child.once('close', () => {
				this.#hasEnded = true;
				resolve();
			});
		});
		// A lane whose worker is gone reads no more.
		child.stdin.on('error', () => {});
		createInterface({ input: child.stdout }).on('line', (line) => {
			if (line === 'token') {
				void this.#issueToken(stage);
			} else {
				this.#tally = JSON.parse(line) as Tally;
			}
		});
	}

	get tally(): Tally {
		return this.#tally;
	}

	get hasEnded(): boolean {
		return this.#hasEnded;
	}

	/** Ends what it does and resolves when it is gone. Rejects when it went wrong by itself. */
	async stop(): Promise<void> {
		this.#child.stdin!.write('\n');
		await this.#exited;

		const { exitCode, signalCode } = this.#child;

		// 3: nobody listens any more.
		if (exitCode !== 0 && exitCode !== 3) {
			throw new Error(`a lane of the fuzzer ended by ${signalCode ?? `code ${exitCode}`}: this is no finding, but a mistake in tools/fuzz/host`);
		}
	}

	async #issueToken(stage: Stage): Promise<void> {
		const token = randomBytes(32).toString('hex');

		try {
			await stage.controller.issueHostToken(hostilePlugin, token, hangMs);
			this.#child.stdin!.write(`${token}\n`);
		} catch {
			// The worker is gone, and its death is noticed elsewhere.
			this.#child.stdin!.write('\n');
		}
	}
}
