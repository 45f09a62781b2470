// Looking at processes, and hosts that misbehave before they have said a word: a line of shell each, run as real processes.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { tempDir } from './temp-dir.ts';
import { until } from './until.ts';

/** False for a zombie, too: it is dead, its parent has just not looked yet. */
export function isAlive(pid: number): boolean {
	try {
		return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
	} catch {
		return false;
	}
}

/** The path of an executable that runs this line of shell. Descriptor 3 is its channel. */
export function hostScript(line: string): string {
	const file = join(tempDir(), 'host');

	writeFileSync(file, `#!/bin/sh\n${line}\n`, { mode: 0o755 });

	return file;
}

/** A host that answers as it should, or as `StandInConfig` in stand-in-host.ts says. */
export const standInHost = hostScript(`exec "${process.execPath}" "${join(import.meta.dirname, 'stand-in-host.ts')}"`);

/** Resolves when none of its threads runs any more: the signal takes effect a moment after it was sent. */
export async function stopProcess(pid: number): Promise<void> {
	process.kill(pid, 'SIGSTOP');
	await until(`process ${pid} stands still`, () =>
		readdirSync(`/proc/${pid}/task`).every((thread) => /^.*\) T /.test(readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8'))),
	);
}
