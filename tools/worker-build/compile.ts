// Runs meson and ninja over a tree, with progress for whoever watches and a log for whoever has to find out what went wrong.

import { spawn } from 'node:child_process';
import { createWriteStream, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { howToInstall } from '../lib/how-to-install.ts';
import { cacheDir } from '../lib/paths.ts';
import { Progress } from './progress.ts';

const logLinesShown = 60;

export type CompileJob = {
	readonly sourceDir: string;
	readonly buildDir: string;
	readonly logFile: string;
	readonly mesonOptions: readonly string[];
	/** As ninja knows them. */
	readonly targets: readonly string[];
	readonly environment?: Readonly<Record<string, string>>;
	readonly title: string;
};

export async function compile(job: CompileJob): Promise<void> {
	const optionsFile = join(job.buildDir, 'mph-meson-options.txt');
	const options = [...job.mesonOptions, ...Object.entries(job.environment ?? {}).map(([name, value]) => `${name}=${value}`)].join('\n');

	// A build directory that was configured otherwise, or not to the end, is worth nothing.
	if (!existsSync(optionsFile) || readFileSync(optionsFile, 'utf8') !== options) {
		rmSync(job.buildDir, { recursive: true, force: true });
		await run(job, 'meson', ['setup', ...job.mesonOptions, job.buildDir, job.sourceDir]);
		writeFileSync(optionsFile, options);
	}

	await run(job, 'ninja', ['-C', job.buildDir, ...job.targets]);
}

async function run(job: CompileJob, command: string, args: readonly string[]): Promise<void> {
	const log = createWriteStream(job.logFile, { flags: command === 'meson' ? 'w' : 'a' });
	const progress = new Progress(job.title);
	const child = spawn(command, args, {
		stdio: ['ignore', 'pipe', 'pipe'],
		env: {
			...process.env,
			NINJA_STATUS: '[%f/%t] ',
			// meson puts ccache in front of the compiler when it finds it. Paths below the base become relative, so the
			// trees of different variants share what is the same in them.
			CCACHE_DIR: join(cacheDir(), 'ccache'),
			CCACHE_BASEDIR: cacheDir(),
			CCACHE_NOHASHDIR: 'true',
			CCACHE_MAXSIZE: '2G',
			...job.environment,
		},
	});
	const lastLines: string[] = [];
	let failed = false;

	for (const stream of [child.stdout, child.stderr]) {
		createInterface({ input: stream }).on('line', (line) => {
			log.write(`${line}\n`);
			// Of a failure, what came before it is of no interest; neither is progress.
			if (line.startsWith('FAILED: ') && !failed) {
				failed = true;
				lastLines.length = 0;
			}
			if (!progress.onLine(line)) {
				lastLines.push(line);
			}
			if (lastLines.length > logLinesShown) {
				lastLines.shift();
			}
		});
	}

	const outcome = await new Promise<string | undefined>((resolve, reject) => {
		child.once('error', (error) => {
			reject(new Error(`cannot run ${command}; ${howToInstall} installs it`, { cause: error }));
		});
		child.once('close', (code, signal) => resolve(code === 0 ? undefined : signal ? `was ended by ${signal}` : `failed with code ${code}`));
	}).finally(() => {
		progress.end();
		log.end();
	});

	if (outcome !== undefined) {
		throw new Error(`${job.title}: ${command} ${outcome}. What it said last follows; the whole log is ${job.logFile}\n${lastLines.join('\n')}`);
	}
}
