// A lock between processes that cannot be left behind: the kernel's flock, held by a child that ends as soon as our end of its
// pipe closes, which happens however we end. (Node itself has no call for it; flock is in util-linux, which every Debian has.)

import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';

/** Runs `body` while no other process holds the lock on `file`. `onWait` is called once if somebody does. */
export async function withLock<T>(file: string, onWait: () => void, body: () => Promise<T>): Promise<T> {
	mkdirSync(dirname(file), { recursive: true });

	const release = (await acquire(file, '--nonblock')) ?? (onWait(), await acquire(file, '--exclusive'));

	if (!release) {
		throw new Error(`cannot lock ${file}`);
	}

	try {
		return await body();
	} finally {
		await release();
	}
}

/** Undefined when `flock` ended without having got the lock. */
function acquire(file: string, how: '--nonblock' | '--exclusive'): Promise<(() => Promise<void>) | undefined> {
	return new Promise((resolve, reject) => {
		// `cat` waits on the pipe for us; "held" tells that the lock is ours.
		const holder = spawn('flock', [how, file, 'sh', '-c', 'echo held; exec cat'], { stdio: ['pipe', 'pipe', 'inherit'] });
		const ended = new Promise<void>((done) => holder.once('close', () => done()));

		holder.once('error', (error) => {
			reject(new Error(`cannot run flock(1) for the lock ${file}; it is in Debian's util-linux`, { cause: error }));
		});
		holder.stdout.once('data', () => {
			resolve(() => {
				holder.stdin.end();

				return ended;
			});
		});
		void ended.then(() => resolve(undefined));
	});
}
