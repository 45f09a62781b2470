// Builds mediasoup's worker from the sources in node_modules/mediasoup, with our patch or without it. The finished binary lies in the
// cache under the hash of all that went into it, so a second call, or a second checkout, finds it there at once.
//
//   node tools/build-worker.ts                        the patched worker
//   node tools/build-worker.ts --variant stock        upstream's, to compare with
//   node tools/build-worker.ts --print-path           only its path goes to stdout (progress goes to stderr)
//   node tools/build-worker.ts --target upstream-tests    not the worker, but what tests it (tools/upstream-cpp-tests.ts)
//   node tools/build-worker.ts --deps wrap            on the libraries that upstream downloads: wants internet access, and meson 1.1
//                                                     or newer, which bookworm has not

import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

import { withLock } from './lib/lock.ts';
import { cacheDir, isCheckout, repoRoot } from './lib/paths.ts';
import { compile } from './worker-build/compile.ts';
import { type WorkerInputs, readInputs } from './worker-build/inputs.ts';
import { type CommandLine, type Variant, type WorkerBuildOptions, parseCommandLine, usage } from './worker-build/options.ts';
import { syncTree } from './worker-build/tree.ts';

/** The path of a worker that is built already and up to date. Throws, with the command to run, when it is not. */
export function workerBinPath(variant: Variant = 'patched'): string {
	const binary = binaryOf(readInputs({ variant, deps: 'system', defines: [] }));

	if (!existsSync(binary)) {
		throw new Error(
			`the ${variant} worker is not built from the sources as they are now (${binary} is missing); run "npm run build:worker -- --variant ${variant}"`,
		);
	}

	return binary;
}

/** Builds the worker unless it is there, and returns its path. */
export async function buildWorker(options: WorkerBuildOptions): Promise<string> {
	const inputs = readInputs(options);
	const binary = binaryOf(inputs);

	if (!existsSync(binary)) {
		const treeDir = join(cacheDir(), 'tree', treeName({ ...options, defines: [] }));

		await withLock(
			`${treeDir}.lock`,
			() => say(`another process is building the ${options.variant} worker or a test of it; waiting for it`),
			async () => {
				// Whoever held the lock may have built just this.
				if (!existsSync(binary)) {
					await build(inputs, treeDir, binary);
				}
			},
		);
	}

	if (isCheckout) {
		linkFromCheckout(options, binary);
	}

	return binary;
}

async function build(inputs: WorkerInputs, treeDir: string, binary: string): Promise<void> {
	const startedAt = Date.now();
	const { recipe } = inputs;
	const title = titleOf(inputs.options);
	const sourceDir = join(treeDir, 'worker');

	say(`building the ${title} (minutes at first, seconds after an edit)`);

	const hooked = syncTree(sourceDir, inputs);

	say(`hooks: ${hooked.lineCount} lines in ${hooked.files.size} upstream files`);

	const buildDir = join(treeDir, recipe.buildDir);

	await compile({
		...{ sourceDir, buildDir, title },
		logFile: join(treeDir, `${recipe.buildDir}.log`),
		mesonOptions: inputs.mesonOptions,
		environment: recipe.environment,
		targets: [recipe.program],
	});

	// Renaming makes it appear whole or not at all, whatever happens to us while copying.
	mkdirSync(dirname(binary), { recursive: true });
	copyFileSync(join(buildDir, recipe.program), `${binary}.${process.pid}`);
	renameSync(`${binary}.${process.pid}`, binary);
	say(`built the ${title} in ${Math.round((Date.now() - startedAt) / 1000)} s: ${binary}`);
}

function binaryOf(inputs: WorkerInputs): string {
	return join(cacheDir(), 'worker', inputs.hash, basename(inputs.recipe.program));
}

function titleOf({ variant, target = 'worker' }: WorkerBuildOptions): string {
	return target === 'worker' ? `${variant} worker` : `${target} of the ${variant} worker`;
}

/** Builds that differ in these would undo each other's work in one tree. */
function treeName({ variant, deps, defines }: WorkerBuildOptions): string {
	return [variant, ...(deps === 'system' ? [] : [deps]), ...defines.map((define) => define.replace(/\W+/g, '-'))].join('_');
}

/** `build/worker/<variant>` always leads to the last build: for the library in development, for people, for debuggers. */
function linkFromCheckout(options: WorkerBuildOptions, binary: string): void {
	const { target = 'worker' } = options;
	const link = join(repoRoot, 'build/worker', [treeName(options), ...(target === 'worker' ? [] : [target])].join('_'));

	mkdirSync(dirname(link), { recursive: true });
	rmSync(link, { force: true });
	symlinkSync(binary, link);
}

function say(text: string): void {
	process.stderr.write(`${text}\n`);
}

async function main(): Promise<void> {
	let commandLine: CommandLine;

	try {
		commandLine = parseCommandLine(process.argv.slice(2));
	} catch (error) {
		say(`${(error as Error).message}\n${usage}`);
		process.exit(2);
	}

	const binary = await buildWorker(commandLine);

	if (commandLine.printPath) {
		process.stdout.write(`${binary}\n`);
	}
}

if (import.meta.main) {
	try {
		await main();
	} catch (error) {
		say((error as Error).message);
		process.exit(1);
	}
}
