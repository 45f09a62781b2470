// A directory for a test's files, gone when its process ends.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export function tempDir(): string {
	const dir = mkdtempSync(join(tmpdir(), 'mph-test-'));

	process.once('exit', () => rmSync(dir, { recursive: true, force: true }));

	return dir;
}
