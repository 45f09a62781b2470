// mediasoup-plugin-host replay: gives the packets of a crash capture to a plugin in a process of its own (tools/replay), and ends as that one
// ends.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

import { recordsOf } from '../../src/crash-records.ts';
import { type ReadCrashCapture, readCrashCapture } from '../../src/pcapng.ts';
import { replayProgram } from './replay-program.ts';
import { UsageError, json, readOptions } from './usage.ts';

export type ReplayOptions = {
	readonly crash: string;
	readonly plugin: string;
	/** Undefined: the one of the capture. */
	readonly config: unknown;
	readonly batch: boolean;
	readonly gdb: boolean;
	readonly json: boolean;
};

/** The keys are promised; scripts read them. */
export type ReplayResult = { readonly packets: number; readonly crashed: boolean; readonly signal: NodeJS.Signals | null };

export function parseReplayOptions(args: readonly string[]): ReplayOptions {
	const values = readOptions(args, {
		crash: { type: 'string' },
		plugin: { type: 'string' },
		config: { type: 'string' },
		batch: { type: 'boolean', default: false },
		gdb: { type: 'boolean', default: false },
		json: { type: 'boolean', default: false },
	});

	if (values.crash === undefined || values.plugin === undefined) {
		throw new UsageError(`${values.crash === undefined ? '--crash' : '--plugin'} is missing`);
	}
	if (values.gdb && values.json) {
		throw new UsageError('--gdb has a terminal to itself and goes without --json');
	}

	return {
		crash: values.crash,
		plugin: resolve(values.plugin),
		config: values.config === undefined ? undefined : json('--config', values.config),
		...{ batch: values.batch, gdb: values.gdb, json: values.json },
	};
}

export async function replay(args: readonly string[]): Promise<number> {
	const options = parseReplayOptions(args);
	const capture = await readCrashCapture(options.crash);
	const program = await replayProgram();
	const dir = mkdtempSync(join(tmpdir(), 'mph-replay-'));

	describe(options, capture);

	let end: End;

	try {
		const command = [program, ...writeInput(dir, options, capture)];

		end = options.gdb ? await debug(command) : await run(command, options);
	} finally {
		rmSync(dir, { recursive: true });
	}
	if (end.signal !== null) {
		await dieBy(end.signal);
	}

	return end.code ?? 1;
}

type End = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

function describe({ crash, config }: ReplayOptions, capture: ReadCrashCapture): void {
	const { pluginName, pluginVersion, pluginFile, hostPid, signal, packets } = capture;
	const how = signal === null ? 'ended' : `was ended by ${signal}`;

	process.stderr.write(
		[
			`${crash}: ${packets.length} packets; host ${hostPid} of ${pluginName} ${pluginVersion} (${pluginFile}) ${how}, with the last of them in hand`,
			`config${config === undefined ? ' of the capture' : ''}: ${JSON.stringify(config ?? capture.config ?? {}).slice(0, 1000)}`,
			'',
		].join('\n'),
	);
}

function writeInput(dir: string, { plugin, config, batch }: ReplayOptions, capture: ReadCrashCapture): string[] {
	const [records, configFile] = [join(dir, 'records'), join(dir, 'config.json')];

	writeFileSync(records, recordsOf(capture.packets));
	writeFileSync(configFile, JSON.stringify(config ?? capture.config ?? {}));

	return [`--plugin=${plugin}`, `--records=${records}`, `--config=${configFile}`, `--router=${capture.routerId}`, ...(batch ? ['--batch'] : [])];
}

async function debug(command: readonly string[]): Promise<End> {
	const gdb = spawn('gdb', ['--args', ...command], { stdio: 'inherit' });

	// Ctrl-C is for what it debugs.
	process.on('SIGINT', () => {});

	return endOf(gdb, 'gdb cannot be run; Debian has it: apt-get install gdb');
}

const progressFd = 3;
/** What the native program says of a command line or file that makes no sense. */
const setUpFailed = 2;

async function run([command, ...args]: readonly string[], options: ReplayOptions): Promise<End> {
	const child = spawn(command!, [...args, `--progress-fd=${progressFd}`], { stdio: ['ignore', 'inherit', 'inherit', 'pipe'] });
	const progress = text(child.stdio[progressFd] as Readable);
	const { code, signal } = await endOf(child, `${command} cannot be run`);
	const steps = await progress;

	// Before the plugin was there, an error has been printed; a signal is the plugin's all the same.
	if (!steps.includes('l') && code === setUpFailed) {
		return { code, signal };
	}

	const result: ReplayResult = { packets: steps.split('p').length - 1, crashed: !steps.includes('d'), signal };

	process.stderr.write(`${result.crashed && !options.batch ? '\n' : ''}${sentenceOf(result, code)}\n`);
	if (options.json) {
		process.stdout.write(`${JSON.stringify(result)}\n`);
	}

	// exit(0) in the midst of packets is no success.
	return { code: result.crashed ? code || 1 : 0, signal };
}

function sentenceOf({ packets, crashed, signal }: ReplayResult, code: number | null): string {
	if (!crashed) {
		return `nothing crashed: the plugin has survived all ${packets} packets`;
	}

	return `the plugin ${signal === null ? `ended the process with code ${code}` : `died by ${signal}`} with packet ${packets} in hand`;
}

/** Whoever called us sees the plugin's own end. Only the plugin's core may be left behind. */
async function dieBy(signal: NodeJS.Signals): Promise<void> {
	spawnSync('prlimit', ['--core=0:0', '--pid', String(process.pid)]);
	await new Promise<void>((resolve) => process.stdout.write('', () => resolve()));
	process.kill(process.pid, signal);
	// The signal may reach us a moment later.
	await sleep(1000);
}

function endOf(child: ChildProcess, failure: string): Promise<End> {
	return new Promise((resolve, reject) => {
		child.once('error', (error) => reject(new Error(failure, { cause: error })));
		child.once('close', (code, signal) => resolve({ code, signal }));
	});
}

async function text(stream: Readable): Promise<string> {
	let all = '';

	for await (const chunk of stream) {
		all += String(chunk);
	}

	return all;
}
