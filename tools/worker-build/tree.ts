// The tree that meson builds: a copy of upstream's `worker/` with the hooks applied and our files next to it. It is brought up to date file
// by file, and a file that did not change keeps its modification time, so that ninja compiles what an edit concerns and no more.

import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { listFiles, writeIfChanged } from '../lib/files.ts';
import { flatcCppOptions } from '../lib/flatc.ts';
import { type AppliedHooks, applyHooks } from './hooks.ts';
import type { WorkerInputs } from './inputs.ts';
import { macrosOf } from './options.ts';

/** What of ours goes into upstream's tree, and where to. */
const placements: readonly (readonly [from: string, to: string])[] = [
	['worker-patch/system-deps/', 'subprojects/'],
	['worker-patch/overlay/', 'mph/overlay/'],
	['shm/', 'mph/shm/'],
	['test/overlay/', 'mph/test/'],
	['worker-patch/meson.build', 'mph/meson.build'],
	['worker-patch/fbs.meson.build', 'mph/generated/mph/fbs/meson.build'],
];

/** Makes `dir` exactly the tree to build, build results aside, which are elsewhere. */
export function syncTree(dir: string, inputs: WorkerInputs): AppliedHooks {
	const upstreamWorker = join(inputs.mediasoup.dir, 'worker');
	const hooked = applyHooks(inputs.hooks, (file) => readIfThere(join(upstreamWorker, file)));
	const wanted = new Map<string, string | Uint8Array>();

	for (const file of listFiles(upstreamWorker)) {
		wanted.set(file, hooked.files.get(file) ?? readFileSync(join(upstreamWorker, file)));
	}
	for (const [path, bytes] of inputs.files) {
		const placement = placements.find(([from]) => path.startsWith(from));

		if (placement) {
			wanted.set(placement[1] + path.slice(placement[0].length), bytes);
		}
	}
	if (inputs.options.variant !== 'stock') {
		for (const [file, text] of mesonLists(wanted.keys(), inputs.mediasoup.version)) {
			wanted.set(file, text);
		}
		wanted.set('mph/generated/PluginHost/Macros.hpp', macrosHeader(macrosOf(inputs.options)));
	}

	for (const file of listFiles(dir)) {
		if (!wanted.has(file)) {
			rmSync(join(dir, file));
		}
	}
	for (const [file, content] of wanted) {
		writeIfChanged(join(dir, file), content);
	}

	// Meson refuses an include directory that is not there, and an overlay may have no headers yet.
	if (inputs.options.variant !== 'stock') {
		mkdirSync(join(dir, 'mph/overlay/include'), { recursive: true });
		mkdirSync(join(dir, 'mph/shm/include'), { recursive: true });
	}

	return hooked;
}

/** The lists that `worker-patch/*.build` read: meson itself cannot look for files. */
function mesonLists(paths: Iterable<string>, upstreamVersion: string): [file: string, text: string][] {
	const ours = [...paths].filter((path) => path.startsWith('mph/')).map((path) => path.slice('mph/'.length));
	const sources = ours.filter((path) => /^(overlay|shm)\/src\/.*\.cpp$/.test(path));
	const tests = ours.filter((path) => path.startsWith('test/') && path.endsWith('.cpp'));
	const schemas = ours.filter((path) => path.startsWith('shm/fbs/') && path.endsWith('.fbs'));

	return [
		['mph/sources.txt', sources.join('\n')],
		['mph/tests.txt', tests.map((path) => path.slice('test/'.length)).join('\n')],
		['mph/schemas.txt', schemas.map((path) => path.slice('shm/fbs/'.length)).join('\n')],
		['mph/flatc-options.txt', flatcCppOptions.join('\n')],
		// The worker tells it to the library, which refuses to mix versions: the environment's MEDIASOUP_VERSION is the library's own.
		['mph/mediasoup-version.txt', upstreamVersion],
	];
}

/** For the few sources that look at one: as options of the compiler they would have everything compiled anew. */
function macrosHeader(macros: readonly string[]): string {
	const lines = macros.map((macro) => `#define ${macro.replace('=', ' ')}\n`);

	return ['#pragma once\n', ...lines].join('');
}

function readIfThere(file: string): string | undefined {
	try {
		return readFileSync(file, 'utf8');
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
			return undefined;
		}
		throw error;
	}
}
