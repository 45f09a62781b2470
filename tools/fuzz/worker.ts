// The worker that is fuzzed: a real one, started by mediasoup. Of its sanitizers (if it has them) AddressSanitizer writes into files that are read
// afterwards, UndefinedBehaviorSanitizer on stderr, whatever log_path says (GCC 12).

import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import * as mediasoup from 'mediasoup';
import type { types } from 'mediasoup';

import { AppDirectory, directoryVariable } from '../../src/app-dir.ts';
import { completeLogger } from '../../src/logger.ts';
import { repoRoot } from '../lib/paths.ts';

export type Outcome = { readonly findings: readonly string[]; readonly crashes: number; readonly leakedBytes: number };

export class FuzzedWorker {
	readonly worker: types.Worker;
	readonly directory: AppDirectory;
	/** Journals of lanes, reports of sanitizers. Kept when something was found. */
	readonly findingsDir: string;
	/** Resolves with nothing when the worker has died. */
	readonly died: Promise<undefined>;
	readonly #stderr: readonly string[];
	#death: string | undefined;
	#ended = false;
	#closedInTime = true;

	static async start(workerBin: string): Promise<FuzzedWorker> {
		const directory = await AppDirectory.create(tmpdir(), completeLogger({}));
		const findingsDir = mkdtempSync(join(tmpdir(), 'mph-fuzz-'));
		const log = `log_path=${join(findingsDir, 'sanitizer')}`;

		// A quarantine as small as this is turned over many times in a run, and does not look like a leak.
		process.env['ASAN_OPTIONS'] = `${log}:detect_leaks=1:quarantine_size_mb=8:thread_local_quarantine_size_kb=64:allocator_release_to_os_interval_ms=100`;
		process.env['UBSAN_OPTIONS'] = `print_stacktrace=1:suppressions=${join(repoRoot, 'tools/worker-build/ubsan.supp')}`;
		process.env['LSAN_OPTIONS'] = 'report_objects=1';
		process.env[directoryVariable] = directory.path;

		const stderr: string[] = [];

		mediasoup.setLogEventListeners({
			onerror(_namespace, log) {
				if (log.startsWith('(stderr) ')) {
					stderr.push(log.slice('(stderr) '.length));
				}
			},
		});

		return new FuzzedWorker(await mediasoup.createWorker({ workerBin, logLevel: 'warn', logTags: ['info'] }), directory, findingsDir, stderr);
	}

	private constructor(worker: types.Worker, directory: AppDirectory, findingsDir: string, stderr: readonly string[]) {
		this.worker = worker;
		this.directory = directory;
		this.findingsDir = findingsDir;
		this.#stderr = stderr;
		this.died = new Promise((resolve) => {
			worker.on('died', (error) => {
				this.#death = error.message;
				resolve(undefined);
			});
		});
		worker.on('subprocessclose', () => (this.#ended = true));
	}

	get pid(): number {
		return this.worker.pid;
	}

	get hasDied(): boolean {
		return this.#death !== undefined;
	}

	get socketPath(): string {
		return this.directory.socketPathOf(this.pid);
	}

	/** It ends by itself, so that its leaks are looked for. */
	async close(withinMs: number): Promise<void> {
		const giveUpAt = performance.now() + withinMs;

		this.worker.close();
		while (!this.#ended && performance.now() < giveUpAt) {
			await delay(20);
		}
		this.#closedInTime = this.#ended;
		if (!this.#ended) {
			process.kill(this.pid, 'SIGKILL');
		}
		this.directory.remove();
	}

	/** After close(). */
	outcome(): Outcome {
		const files = readdirSync(this.findingsDir).map((file) => join(this.findingsDir, file));
		const reports = files.filter((file) => file.includes('sanitizer')).map((file) => ({ file, text: readFileSync(file, 'utf8') }));
		const leaks = reports.filter(({ text }) => text.includes('LeakSanitizer'));
		const errors = reports.filter(({ text }) => !text.includes('LeakSanitizer'));
		const runtimeErrors = [...new Set(this.#stderr.filter((line) => line.includes('runtime error: ')))];
		const crashes = Math.max(errors.length + runtimeErrors.length, this.hasDied || !this.#closedInTime ? 1 : 0);
		const leakedBytes = leaks.reduce((sum, { text }) => sum + Number(/SUMMARY: AddressSanitizer: (\d+) byte/.exec(text)?.[1] ?? 1), 0);
		const findings = [
			...runtimeErrors,
			...(this.hasDied ? [`the worker died: ${this.#death}`] : []),
			...(this.#closedInTime ? [] : ['the worker did not end when it was closed']),
			...reports.map(({ file, text }) => `${/^.*(ERROR|runtime error|SUMMARY).*$/m.exec(text)?.[0] ?? 'a sanitizer reports'}, see ${file}`),
		];

		if (findings.length === 0) {
			rmSync(this.findingsDir, { recursive: true, force: true });
		} else {
			writeFileSync(join(this.findingsDir, 'stderr'), this.#stderr.join('\n'));
			findings.push(`what the hosts did last: ${this.findingsDir}`);
		}

		return { findings, crashes, leakedBytes };
	}
}
