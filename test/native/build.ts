// Builds C++ test binaries, and says where they are. A flavour is a build directory of its own under build/.

import { execFile } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { withLock } from '../../tools/lib/lock.ts';
import { repoRoot } from '../../tools/lib/paths.ts';

// A sanitizer's runtime is found when the program starts, which meson's default of -Wl,--no-undefined does not know.
const sanitized = ['-Dbuildtype=debugoptimized', '-Db_lundef=false', '-Dcpp_args=-fno-sanitize-recover=undefined'];

const flavours = {
	/** As shipped. */
	native: [],
	/** AddressSanitizer and UndefinedBehaviorSanitizer. */
	'native-asan': [...sanitized, '-Db_sanitize=address,undefined'],
	/** ThreadSanitizer. */
	'native-tsan': [...sanitized, '-Db_sanitize=thread'],
} as const;

export type Flavour = keyof typeof flavours;

/** Brings executables of test/native/meson.build up to date; resolves to a function from a name to its path. */
export async function buildNative(flavour: Flavour, names: readonly string[]): Promise<(name: string) => string> {
	const dir = join(repoRoot, 'build', flavour);

	await withLock(`${dir}.lock`, () => {}, async () => {
		if (!existsSync(join(dir, 'build.ninja'))) {
			// What an interrupted set-up has left, meson would take for a finished one.
			rmSync(dir, { recursive: true, force: true });
			await run('meson', ['setup', dir, ...flavours[flavour]]);
		}
		await run('ninja', ['-C', dir, ...names.map((name) => `test/native/${name}`)]);
	});

	return (name) => join(dir, 'test/native', name);
}

async function run(command: string, args: readonly string[]): Promise<void> {
	try {
		await promisify(execFile)(command, args, { cwd: repoRoot, maxBuffer: 64 * 1024 * 1024 });
	} catch (error) {
		const { stdout, stderr } = error as { stdout?: string; stderr?: string };

		throw new Error(`"${command} ${args.join(' ')}" failed\n${stdout ?? ''}${stderr ?? ''}`, { cause: error });
	}
}
