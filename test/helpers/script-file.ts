// Plugins in TypeScript that a test writes itself, so that what they do stands where it is looked at.

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { repoRoot } from '../../tools/lib/paths.ts';
import { tempDir } from './temp-dir.ts';

/** The first line of such a file. */
export const pluginPreamble = `import { definePlugin } from ${JSON.stringify(join(repoRoot, 'src/plugin/index.ts'))};\n`;

/** `setup`: what stands in setup(). `settings`: what stands beside it, with a comma behind. */
export function pluginText(setup: string, settings = ''): string {
	return `${pluginPreamble}export default definePlugin({ ${settings} setup() {\n${setup}\n} });`;
}

/** Path of the first of these files, by name, in a folder of their own. */
export function writeFiles(files: Readonly<Record<string, string>>): string {
	const dir = tempDir();

	for (const [name, text] of Object.entries(files)) {
		mkdirSync(dirname(join(dir, name)), { recursive: true });
		writeFileSync(join(dir, name), text);
	}

	return join(dir, Object.keys(files)[0]!);
}
