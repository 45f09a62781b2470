// What a process has open, as the system sees it. Two of these, both taken while nothing is going on, tell what was left behind.

import { readFileSync, readdirSync, readlinkSync } from 'node:fs';

export type Census = {
	/** What its descriptors stand for, each as often as there is one: "socket", "pipe", "anon_inode:[eventpoll]", a path. */
	readonly fds: ReadonlyMap<string, number>;
	/** Mappings of segments, and of files, by name. Memory of its own (heap, stacks, arenas) is in `rssAnonKiB`. */
	readonly mappings: ReadonlyMap<string, number>;
	readonly threads: number;
	/** Processes, by what they run. */
	readonly children: ReadonlyMap<string, number>;
	readonly rssAnonKiB: number;
};

export function censusOf(pid: number): Census {
	const status = readFileSync(`/proc/${pid}/status`, 'utf8');
	const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)![1]);

	return {
		fds: tally(readdirSync(`/proc/${pid}/fd`).flatMap((fd) => linkOf(`/proc/${pid}/fd/${fd}`))),
		mappings: tally(mappedFilesOf(pid)),
		threads: field('Threads'),
		children: tally(childrenOf(pid)),
		rssAnonKiB: field('RssAnon'),
	};
}

/** What there is more of than there was, as "3 x socket". */
export function leftBehind(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): { readonly count: number; readonly texts: readonly string[] } {
	const more = [...after].map(([name, count]) => ({ name, count: count - (before.get(name) ?? 0) })).filter(({ count }) => count > 0);

	return { count: more.reduce((sum, { count }) => sum + count, 0), texts: more.map(({ name, count }) => `${count} x ${name}`) };
}

/** The descriptor that was used to look is gone by now, as may be others. */
function linkOf(path: string): string[] {
	try {
		return [readlinkSync(path).replace(/^(socket|pipe):\[\d+\]$/, '$1')];
	} catch {
		return [];
	}
}

function mappedFilesOf(pid: number): string[] {
	const lines = readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n');

	return lines.map((line) => line.split(/\s+/).slice(5).join(' ')).filter((name) => name !== '' && !name.startsWith('['));
}

function childrenOf(pid: number): string[] {
	return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
		readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).flatMap((child) => {
			try {
				return [readFileSync(`/proc/${child}/comm`, 'utf8').trim()];
			} catch {
				return [];
			}
		}),
	);
}

function tally(names: readonly string[]): Map<string, number> {
	const counts = new Map<string, number>();

	for (const name of names) {
		// A copy: a part of a text keeps all of it in memory, for as long as the soak goes on.
		counts.set(Buffer.from(name).toString(), (counts.get(name) ?? 0) + 1);
	}

	return counts;
}
