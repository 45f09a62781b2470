// Everything that decides what the finished worker is, and a hash over it: two builds with the same hash are the same build.
// Files are read once, here, and the build uses these very bytes, so an edit during a build cannot end up under the wrong hash.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { listFiles } from '../lib/files.ts';
import { flatcCppOptions } from '../lib/flatc.ts';
import { howToInstall } from '../lib/how-to-install.ts';
import { type Mediasoup, findMediasoup, integrityOf } from '../lib/mediasoup.ts';
import { repoRoot } from '../lib/paths.ts';
import { type Hook, parseHook } from './hooks.ts';
import type { WorkerBuildOptions } from './options.ts';
import { macrosOf } from './options.ts';
import { filesOfOneTarget, type Recipe, recipes } from './targets.ts';

/** Debian packages whose headers are compiled into the worker. `dpkg-query` knows their versions. */
const systemDevPackages = [
	'flatbuffers-compiler',
	'libabsl-dev',
	'libboost-dev',
	'libflatbuffers-dev',
	'libsrtp2-dev',
	'libssl-dev',
	'libuv1-dev',
];

export type WorkerInputs = {
	readonly options: WorkerBuildOptions;
	readonly mediasoup: Mediasoup;
	readonly recipe: Recipe;
	/** What of ours the tree is made of, by its path in the repository, e.g. `worker-patch/overlay/src/PacketTap.cpp`. */
	readonly files: ReadonlyMap<string, Buffer>;
	/** Those that apply to this build. */
	readonly hooks: readonly Hook[];
	readonly mesonOptions: readonly string[];
	readonly hash: string;
};

export function readInputs(options: WorkerBuildOptions): WorkerInputs {
	const mediasoup = findMediasoup();
	const target = options.target ?? 'worker';
	const recipe = recipes[target];
	const files = readOurFiles(options);
	const hooks = readHooks(options);
	const mesonOptions = [...mesonOptionsOf(options), ...recipe.mesonOptions];
	const hash = createHash('sha256');
	const add = (label: string, value: string | Buffer): void => {
		// The length keeps two neighbouring values from being read as one another.
		hash.update(`${label}:${value.length}:`);
		hash.update(value);
	};

	add('mediasoup', identityOf(mediasoup));
	add('variant', options.variant);
	add('deps', options.deps);
	add('meson', mesonOptions.join(' '));
	add('macros', macrosOf(options).join(' '));
	add('flatc', flatcCppOptions.join(' '));
	add('compiler', firstLine(recipe.compiler, ['--version']));
	if (options.deps === 'system') {
		add('packages', firstLines('dpkg-query', ['-W', ...systemDevPackages, ...recipe.packages]));
	}
	if (target !== 'worker') {
		add('target', target);
	}
	for (const hook of hooks) {
		add(hook.name, JSON.stringify(hook.edits));
	}
	for (const [path, bytes] of files) {
		// The tree is the same for all targets, or each would have the others configured anew.
		if (filesOfOneTarget.every(([from, ofTarget]) => ofTarget === target || !path.startsWith(from))) {
			add(path, bytes);
		}
	}

	return { options, mediasoup, recipe, files, hooks, mesonOptions, hash: hash.digest('hex').slice(0, 20) };
}

/** The lockfile's integrity value stands for every byte of mediasoup's tarball, so its 1,600 files need not be read where there is one. */
function identityOf(mediasoup: Mediasoup): string {
	return `${mediasoup.version} ${integrityOf(mediasoup) ?? hashOfFiles(join(mediasoup.dir, 'worker'))}`;
}

function hashOfFiles(dir: string): string {
	const hash = createHash('sha256');

	for (const file of listFiles(dir)) {
		hash.update(`${file}\0`).update(createHash('sha256').update(readFileSync(join(dir, file))).digest());
	}

	return hash.digest('hex');
}

function readOurFiles({ variant, deps }: WorkerBuildOptions): Map<string, Buffer> {
	const folders = [
		...(deps === 'system' ? ['worker-patch/system-deps'] : []),
		...(variant === 'stock' ? [] : ['worker-patch/overlay', 'shm/include', 'shm/src', 'shm/fbs', 'test/overlay']),
	];
	const paths = folders.flatMap((folder) => listFiles(join(repoRoot, folder)).map((file) => `${folder}/${file}`));

	if (variant !== 'stock') {
		paths.push('worker-patch/meson.build', 'worker-patch/fbs.meson.build');
	}

	return new Map(paths.filter((path) => !/\.(md|ts)$/.test(path)).map((path) => [path, readFileSync(join(repoRoot, path))]));
}

function readHooks(options: WorkerBuildOptions): Hook[] {
	const folder = join(repoRoot, 'worker-patch/hooks');

	return listFiles(folder)
		.filter((file) => file.endsWith('.hook'))
		.map((file) => parseHook(file, readFileSync(join(folder, file), 'utf8')))
		.filter((hook) => applies(hook, options));
}

function applies(hook: Hook, options: WorkerBuildOptions): boolean {
	switch (hook.when) {
		case 'always':
			return true;
		case 'patched':
			return options.variant !== 'stock';
		case 'system-deps':
			return options.deps === 'system';
	}
}

function mesonOptionsOf(options: WorkerBuildOptions): string[] {
	const mesonOptions = ['-Db_ndebug=true'];
	const cppArgs: string[] = [];

	if (options.variant === 'asan') {
		// Meson's default of -Wl,--no-undefined does not go together with the sanitizers' runtime.
		mesonOptions.push('--buildtype=debugoptimized', '-Db_sanitize=address,undefined', '-Db_lundef=false');
		cppArgs.push('-fno-omit-frame-pointer', '-fno-sanitize-recover=undefined', '-fsanitize-recover=signed-integer-overflow');
	} else {
		// Line tables, no more: they let callgrind and a backtrace name a line, and change no instruction.
		mesonOptions.push('--buildtype=release');
		cppArgs.push('-g1');
	}

	// Without downloads a missing library is an error that names it, and not a surprising visit to the internet.
	if (options.deps === 'system') {
		mesonOptions.push('--wrap-mode=nodownload');
	}

	return [...mesonOptions, `-Dcpp_args=${cppArgs.join(' ')}`];
}

function firstLine(command: string, args: string[]): string {
	return firstLines(command, args).split('\n')[0]!;
}

function firstLines(command: string, args: string[]): string {
	try {
		return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
	} catch (error) {
		throw new Error(`"${command} ${args.join(' ')}" failed; ${howToInstall} installs what the worker is built with, "bash tools/setup.sh upstream-cpp" what its tests and fuzzers are`, { cause: error });
	}
}
