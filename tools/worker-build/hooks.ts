// Hooks are the edits to upstream's worker sources (worker-patch/hooks/*.hook; the format is described in that folder's README).
// Parsing and applying happen in memory: nothing here touches a file, and every failure names the hook that caused it.

export type HookCondition = 'always' | 'patched' | 'system-deps';
export type EditPlace = 'before' | 'after' | 'replace';

export type Edit = {
	readonly file: string;
	readonly anchor: string;
	readonly place: EditPlace;
	readonly text: string;
};

export type Hook = {
	readonly name: string;
	readonly when: HookCondition;
	readonly edits: readonly Edit[];
};

export type AppliedHooks = {
	/** New content of each edited file, by its path relative to `worker/`. */
	readonly files: ReadonlyMap<string, string>;
	/** Lines that upstream's files did not have before. */
	readonly lineCount: number;
};

/** A hook that cannot be read or does not fit upstream's sources. It stops the build. */
export class HookError extends Error {
	constructor(hookName: string, message: string) {
		super(`hook ${hookName}: ${message}`);
		this.name = 'HookError';
	}
}

const conditions: readonly string[] = ['always', 'patched', 'system-deps'] satisfies HookCondition[];
const places: readonly string[] = ['before', 'after', 'replace'] satisfies EditPlace[];

export function parseHook(name: string, source: string): Hook {
	const lines = source.split('\n');
	const edits: Edit[] = [];
	let when: HookCondition | undefined;
	let file: string | undefined;
	let hasReason = false;
	let at = 0;

	const readBlock = (): string => {
		const start = at;

		while (at < lines.length && !lines[at]!.startsWith('--- ')) {
			++at;
		}

		if (at === lines.length) {
			throw new HookError(name, `the block that starts at line ${start + 1} has no end; a "--- end" line is missing`);
		}

		return lines.slice(start, at).map((line) => `${line}\n`).join('');
	};

	while (at < lines.length) {
		const line = lines[at++]!;
		const lineNumber = at;

		if (line.startsWith('#')) {
			hasReason = true;
		} else if (line.startsWith('when:')) {
			const value = line.slice('when:'.length).trim();

			if (!conditions.includes(value)) {
				throw new HookError(name, `line ${lineNumber}: "when: ${value}" is none of ${conditions.join(', ')}`);
			}
			when = value as HookCondition;
		} else if (line.startsWith('file:')) {
			file = line.slice('file:'.length).trim();
		} else if (line === '--- anchor') {
			if (!file) {
				throw new HookError(name, `line ${lineNumber}: an anchor before any "file:" line`);
			}

			const anchor = readBlock();
			const place = lines[at++]!.slice('--- '.length);

			if (!places.includes(place)) {
				throw new HookError(name, `line ${at}: "--- ${place}" is none of ${places.map((p) => `"--- ${p}"`).join(', ')}`);
			}

			const text = readBlock();

			if (lines[at] !== '--- end') {
				throw new HookError(name, `line ${at + 1}: expected "--- end", found "${lines[at]}"`);
			}
			++at;

			if (anchor.trim() === '') {
				throw new HookError(name, `line ${lineNumber}: the anchor is empty`);
			}
			edits.push({ file, anchor, place: place as EditPlace, text });
		} else if (line.trim() !== '') {
			throw new HookError(name, `line ${lineNumber} is neither comment, "when:", "file:" nor "--- anchor": ${line}`);
		}
	}

	if (!hasReason) {
		throw new HookError(name, 'says nowhere why it exists; begin it with "# …" lines');
	}
	if (!when) {
		throw new HookError(name, `has no "when:" line; it is one of ${conditions.join(', ')}`);
	}
	if (edits.length === 0) {
		throw new HookError(name, 'has no edit; add a "file:" line and an anchor');
	}

	return { name, when, edits };
}

/** `readUpstream` returns the content of a file of upstream's `worker/`, or undefined when there is no such file. */
export function applyHooks(hooks: readonly Hook[], readUpstream: (file: string) => string | undefined): AppliedHooks {
	const editsByFile = Map.groupBy(
		hooks.toSorted(byName).flatMap((hook) => hook.edits.map((edit) => ({ hook, edit }))),
		({ edit }) => edit.file,
	);
	const files = new Map<string, string>();
	let lineCount = 0;

	for (const [file, edits] of editsByFile) {
		const upstream = readUpstream(file);

		if (upstream === undefined) {
			throw new HookError(edits[0]!.hook.name, `upstream's worker has no file ${file}`);
		}

		files.set(file, applyToFile(upstream, edits));
		lineCount += edits.reduce((sum, { edit }) => sum + countNewLines(edit), 0);
	}

	return { files, lineCount };
}

type HookEdit = { readonly hook: Hook; readonly edit: Edit };

/** A stretch of upstream's text and what takes its place; an insertion is a stretch of no length. */
type Splice = { readonly start: number; readonly end: number; readonly text: string; readonly hook: Hook };

function applyToFile(upstream: string, edits: readonly HookEdit[]): string {
	// The sort is stable: insertions at the same place stay in the order of their hooks' names.
	const splices = edits.map((hookEdit) => toSplice(upstream, hookEdit)).sort((a, b) => a.start - b.start || a.end - b.end);
	let result = '';
	let position = 0;
	let previous: Splice | undefined;

	for (const splice of splices) {
		if (splice.start < position) {
			throw new HookError(
				splice.hook.name,
				`edits lines of ${edits[0]!.edit.file} that hook ${previous!.hook.name} replaces; merge the two`,
			);
		}

		result += upstream.slice(position, splice.start) + splice.text;
		position = splice.end;
		previous = splice;
	}

	return result + upstream.slice(position);
}

function toSplice(upstream: string, { hook, edit }: HookEdit): Splice {
	const found = findWholeLines(upstream, edit.anchor);

	if (found.length !== 1) {
		const occurs = found.length === 0 ? 'does not occur' : `occurs ${found.length} times`;

		throw new HookError(
			hook.name,
			`the anchor ${occurs} in ${edit.file}; it must occur exactly once. The anchor is:\n${edit.anchor}`,
		);
	}

	const anchorStart = found[0]!;
	const anchorEnd = anchorStart + edit.anchor.length;

	switch (edit.place) {
		case 'before':
			return { start: anchorStart, end: anchorStart, text: edit.text, hook };
		case 'after':
			return { start: anchorEnd, end: anchorEnd, text: edit.text, hook };
		case 'replace':
			return { start: anchorStart, end: anchorEnd, text: edit.text, hook };
	}
}

/** The offsets at which `lines` (which end in a newline) occurs in `text` as whole lines. */
function findWholeLines(text: string, lines: string): number[] {
	const offsets: number[] = [];

	for (let at = text.indexOf(lines); at !== -1; at = text.indexOf(lines, at + 1)) {
		if (at === 0 || text[at - 1] === '\n') {
			offsets.push(at);
		}
	}

	return offsets;
}

/** Lines that are new; of a replacement, those that the anchor did not have already. */
function countNewLines(edit: Edit): number {
	const lines = edit.text.split('\n').slice(0, -1);
	const kept = new Set(edit.place === 'replace' ? edit.anchor.split('\n') : []);

	return lines.filter((line) => !kept.has(line)).length;
}

function byName(a: Hook, b: Hook): number {
	return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}
