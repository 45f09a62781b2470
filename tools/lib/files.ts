// Files as the build tools need them: listed in a stable order, and written only when their content changes, since a new
// modification time is what makes ninja compile.

import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** Paths of all files below `dir`, relative to it, sorted. A directory that is not there has none. */
export function listFiles(dir: string): string[] {
	let entries;

	try {
		entries = readdirSync(dir, { recursive: true, withFileTypes: true });
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
			return [];
		}
		throw error;
	}

	return entries
		.filter((entry) => entry.isFile())
		.map((entry) => relative(dir, join(entry.parentPath, entry.name)))
		.sort();
}

/** Returns whether the file had to be written. */
export function writeIfChanged(file: string, content: string | Uint8Array): boolean {
	const bytes = typeof content === 'string' ? Buffer.from(content) : content;

	try {
		if (readFileSync(file).equals(bytes)) {
			return false;
		}
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
			throw error;
		}
		mkdirSync(dirname(file), { recursive: true });
	}

	writeFileSync(file, bytes);

	return true;
}
