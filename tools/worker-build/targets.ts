// What can be built from one tree besides the worker: the program's name, and in what its build differs from the worker's.

import type { Target } from './options.ts';

export type Recipe = {
	/** As ninja knows it: its path in the build folder. */
	readonly program: string;
	/** Next to the tree's sources. Objects that are compiled otherwise need a folder of their own. */
	readonly buildDir: string;
	readonly mesonOptions: readonly string[];
	/** For a compiler that is not meson's own choice. */
	readonly environment: Readonly<Record<string, string>>;
	readonly compiler: string;
	/** Beside those of the worker: what is compiled in besides our sources. */
	readonly packages: readonly string[];
};

const gcc = { environment: {}, compiler: 'g++' } as const;

export const recipes: Readonly<Record<Target, Recipe>> = {
	worker: { ...gcc, program: 'mediasoup-worker', buildDir: 'build', mesonOptions: [], packages: [] },
	'overlay-tests': { ...gcc, program: 'mph/test/mph-overlay-tests', buildDir: 'build', mesonOptions: [], packages: ['libcatch2-dev'] },
	'upstream-tests': {
		...gcc,
		program: 'mediasoup-worker-test',
		buildDir: 'build-tests',
		// Without optimisation it compiles in a third of the time; stock and patched are compared with one another.
		mesonOptions: ['-Dms_build_tests=true', '--buildtype=debug'],
		packages: ['libcatch2-dev'],
	},
	'upstream-fuzzer': {
		program: 'mediasoup-worker-fuzzer',
		buildDir: 'build-fuzzer',
		// As upstream's own tasks.py has it: the program asks for all of its sanitizers itself, what it links with needs the first of them.
		mesonOptions: ['-Dms_build_fuzzer=true', '-Db_sanitize=address', '-Db_lundef=false'],
		environment: { CC: 'clang-16', CXX: 'clang++-16' },
		compiler: 'clang++-16',
		packages: [],
	},
};

/** Of our files that go into the tree, those that only one target is made of. */
export const filesOfOneTarget: readonly (readonly [from: string, target: Target])[] = [
	['worker-patch/system-deps/Catch2-3.14.0/', 'upstream-tests'],
	['test/overlay/', 'overlay-tests'],
];
