// The app's own directory: workers put their control sockets into it, and the secret that makes a connection the controller stands in it.
// Its name says which process owns it, so that what a killed app left behind is recognised and removed by the next one.

import { randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync, rmSync } from 'node:fs';
import { chmod, lstat, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { DirectoryError } from './errors.ts';
import type { Logger } from './logger.ts';

/** Workers find the directory by it: it is in their environment, which they inherit from the app. */
export const directoryVariable = 'MEDIASOUP_PLUGIN_HOST_DIR';
/** Beside it, if hosts run under a user of their own: its number. A worker lets that user in. */
export const hostUserVariable = 'MEDIASOUP_PLUGIN_HOST_UID';

const namePrefix = 'mph-';
/** `<prefix><pid namespace>-<pid>-<start time>-<random>`, the numbers in base 36. */
const namePattern = /^mph-([0-9a-z]+)-([0-9a-z]+)-([0-9a-z]+)-[0-9A-Za-z]{6}$/;

/** sockaddr_un.sun_path, without its terminating zero. */
const maxSocketPathBytes = 107;
/** The kernel's largest pid is 4194304. */
const longestSocketName = '4194304.sock';

export class AppDirectory {
	readonly path: string;
	readonly token: string;

	private constructor(path: string, token: string) {
		this.path = path;
		this.token = token;
	}

	/**
	 * Makes it in `parent`, after removing what dead apps left there. If it is `passable`, other users get to what is in it by its name; whom
	 * they may talk to there is for the workers to decide.
	 */
	static async create(parent: string, logger: Logger, passable = false): Promise<AppDirectory> {
		const prefix = join(parent, `${namePrefix}${ownerName()}-`);
		const longest = join(`${prefix}XXXXXX`, longestSocketName);

		if (Buffer.byteLength(longest) > maxSocketPathBytes) {
			throw new DirectoryError(
				'MPH_ERR_DIR',
				`sockets in "${parent}" would have paths of up to ${Buffer.byteLength(longest)} bytes, and the system allows ${maxSocketPathBytes}; pass a shorter \`dir\` to createPluginHost()`,
			);
		}

		await removeLeftovers(parent, logger);

		const token = randomBytes(32).toString('hex');
		let path: string | undefined;

		try {
			// mkdtemp() makes it with mode 0700.
			path = await mkdtemp(prefix);
			await writeFile(join(path, 'token'), token, { mode: 0o600, flag: 'wx' });

			if (passable) {
				await chmod(path, 0o711);
			}
		} catch (error) {
			if (path) {
				rmSync(path, { recursive: true, force: true });
			}
			throw new DirectoryError(
				'MPH_ERR_DIR',
				`cannot make a directory for sockets in "${parent}" (${(error as Error).message}); pass a writable \`dir\` to createPluginHost()`,
				{ cause: error },
			);
		}

		return new AppDirectory(path, token);
	}

	socketPathOf(workerPid: number): string {
		return join(this.path, `${workerPid}.sock`);
	}

	/** Synchronous: it also runs while the process exits. Workers may be removing their files at the same time. */
	remove(): void {
		rmSync(this.path, { recursive: true, force: true });
	}
}

async function removeLeftovers(parent: string, logger: Logger): Promise<void> {
	let names: string[];

	try {
		names = await readdir(parent);
	} catch (error) {
		// Making our own directory there says what is wrong, if it is.
		logger.debug(`cannot look for leftovers in ${parent}: ${(error as Error).message}`);

		return;
	}

	for (const name of names) {
		const path = join(parent, name);

		try {
			if (namePattern.test(name) && isOwnerDead(name) && (await isOurDirectory(path))) {
				await rm(path, { recursive: true, force: true });
				logger.info(`removed ${path}, left behind by an app that died`);
			}
		} catch (error) {
			logger.warn(`cannot remove ${path}, left behind by an app that died: ${(error as Error).message}`);
		}
	}
}

/** Anybody can make a directory of that name in /tmp. */
async function isOurDirectory(path: string): Promise<boolean> {
	const stats = await lstat(path);

	return stats.isDirectory() && stats.uid === process.getuid?.();
}

function ownerName(): string {
	return [pidNamespace(), process.pid, startTimeOf(process.pid) ?? 0].map((number) => number.toString(36)).join('-');
}

/** Only for names of our own pid namespace: in another one (a container that shares the directory) the pid means somebody else. */
function isOwnerDead(name: string): boolean {
	const [namespace, pid, startTime] = namePattern
		.exec(name)!
		.slice(1)
		.map((number) => parseInt(number, 36)) as [number, number, number];

	// The start time tells a process from a later one with the same pid.
	return namespace === pidNamespace() && startTimeOf(pid) !== startTime;
}

function pidNamespace(): number {
	// "pid:[4026531836]"
	return Number(/\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? 0);
}

/** In clock ticks since boot; undefined when there is no such process. */
function startTimeOf(pid: number): number | undefined {
	try {
		const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');

		// The second field is the command's name in parentheses and may hold anything; the 22nd is the start time.
		return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
	} catch (error) {
		if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) {
			return undefined;
		}
		throw error;
	}
}
