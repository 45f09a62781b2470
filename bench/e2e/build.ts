// Compiles what the parts of the benchmark run besides the product itself, into build/bench, when a source is newer: the probe that sends and
// receives, and the plugin that accepts.

import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';

import { repoRoot } from '../../tools/lib/paths.ts';

const outputDir = join(repoRoot, 'build/bench');
const rtpTools = join(repoRoot, 'tools/rtp');
const pluginHeaders = join(repoRoot, 'plugin-host/include');
const flags = ['-std=c11', '-D_GNU_SOURCE', '-O2', '-Wall', '-Wextra', '-Werror'];

export function buildProbe(): string {
	return compile(join(import.meta.dirname, 'probe.c'), 'probe', ['-pthread', '-I', rtpTools], [join(rtpTools, 'clock.h'), join(rtpTools, 'payload.h')]);
}

/** Accepts every packet; config `{"micros": N}` makes it burn so much CPU time on each, `{"pendingMs": N}` has it answer video so much later. */
export function buildAcceptPlugin(): string {
	const header = join(pluginHeaders, 'mph_plugin.h');

	return compile(join(import.meta.dirname, 'plugins/accept.c'), 'accept.so', ['-fPIC', '-shared', '-I', pluginHeaders], [header]);
}

function compile(source: string, name: string, options: readonly string[], headers: readonly string[]): string {
	const binary = join(outputDir, name);

	if (modifiedAt(binary) < Math.max(...[source, ...headers].map(modifiedAt))) {
		// Renaming makes it appear whole, whoever else builds it at the same time.
		const unfinished = join(outputDir, `.${process.pid}-${basename(name)}`);

		mkdirSync(outputDir, { recursive: true });
		execFileSync('cc', [...flags, ...options, '-o', unfinished, source], { stdio: ['ignore', 2, 2] });
		renameSync(unfinished, binary);
	}

	return binary;
}

/** 0 for a file that is not there. */
function modifiedAt(file: string): number {
	return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
