// The fenced blocks of a page. A comment `<!-- given … -->` before a block, which no reader of the rendered page sees, stands before it when it is
// compiled or run: what the text around it says is there.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { repoRoot } from '../../tools/lib/paths.ts';

export type DocBlock = {
	/** "README.md:34" */
	readonly where: string;
	/** Behind the fence; '' where nothing is said. */
	readonly language: string;
	readonly text: string;
	readonly given: string;
	/** As its first line names it: `// my-plugin/gate.ts`. */
	readonly file: string | undefined;
};

export const pages = ['README.md', 'docs/writing-a-plugin.md'] as const;

export function docBlocks(page: string): DocBlock[] {
	const source = readFileSync(join(repoRoot, page), 'utf8');

	return [...source.matchAll(/(?:^<!-- given\n([^]*?)^-->\n+)?^```(.*)\n([^]*?)^```$/gm)].map(({ 0: whole, 1: given = '', 2: language, 3: text, index }) => ({
		where: `${page}:${source.slice(0, index + whole.indexOf('```')).split('\n').length}`,
		...{ language: language!, text: text!, given },
		file: /^(?:\/\/|\/\*) (\S+\.\w+)(?: \*\/)?\n/.exec(text!)?.[1],
	}));
}

export function allDocBlocks(language: string): DocBlock[] {
	return pages.flatMap(docBlocks).filter((block) => block.language === language);
}
