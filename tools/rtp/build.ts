// Compiles rtp-send and rtp-receive into build/rtp when a source is newer than they are: two small programs, one compiler call each.

import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { listFiles } from '../lib/files.ts';
import { repoRoot } from '../lib/paths.ts';

export type RtpTools = { readonly send: string; readonly receive: string };

const sourceDir = join(repoRoot, 'tools/rtp');
const outputDir = join(repoRoot, 'build/rtp');
const flags = ['-std=c11', '-D_GNU_SOURCE', '-O2', '-Wall', '-Wextra', '-Werror'];

export function buildRtpTools(): RtpTools {
	return {
		send: build('rtp-send', ['rtp-send.c', 'stop.c']),
		receive: build('rtp-receive', ['rtp-receive.c', 'histogram.c', 'sequence.c', 'stop.c']),
	};
}

function build(name: string, sources: readonly string[]): string {
	const binary = join(outputDir, name);

	if (modifiedAt(binary) < newestSource()) {
		const unfinished = `${binary}.${process.pid}`;

		mkdirSync(outputDir, { recursive: true });
		execFileSync('cc', [...flags, '-o', unfinished, ...sources.map((source) => join(sourceDir, source))], { stdio: ['ignore', 2, 2] });
		// Renaming makes it appear whole, whoever else builds it at the same time.
		renameSync(unfinished, binary);
	}

	return binary;
}

function newestSource(): number {
	return Math.max(...listFiles(sourceDir).map((file) => modifiedAt(join(sourceDir, file))));
}

/** 0 for a file that is not there. */
function modifiedAt(file: string): number {
	return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

if (import.meta.main) {
	process.stdout.write(`${Object.values(buildRtpTools()).join('\n')}\n`);
}
