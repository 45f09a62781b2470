// What a process holds: resident memory, open descriptors, and segments shared with hosts that it has mapped.

import { readFileSync, readdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

export type Growth = {
	readonly residentBytes: number;
	readonly descriptors: number;
	/** Of segments shared with hosts. */
	readonly mappedBytes: number;
};

/** The sanitizer's allocator gives memory back to the system a moment late. */
const settleMs = 500;

export async function measure(pid: number): Promise<Growth> {
	await delay(settleMs);

	const mapped = readFileSync(`/proc/${pid}/maps`, 'utf8')
		.split('\n')
		.filter((line) => line.includes('/memfd:mph-'))
		.map((line) => /^([0-9a-f]+)-([0-9a-f]+)/.exec(line)!)
		.reduce((sum, [, from, to]) => sum + Number.parseInt(to!, 16) - Number.parseInt(from!, 16), 0);
	const anonymousKiB = Number(/^RssAnon:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]);

	return { residentBytes: anonymousKiB * 1024, descriptors: readdirSync(`/proc/${pid}/fd`).length, mappedBytes: mapped };
}

export function growthOf(before: Growth, after: Growth): Growth {
	return {
		residentBytes: after.residentBytes - before.residentBytes,
		descriptors: after.descriptors - before.descriptors,
		mappedBytes: after.mappedBytes - before.mappedBytes,
	};
}
