// Builds fuzz targets against the sources as they are in this checkout. The overlay, mediasoup's parsers and the plugin host are compiled under
// AddressSanitizer and UndefinedBehaviorSanitizer; the rest of mediasoup is the patched worker's objects, which its build has left in the cache.
//
// Two engines: libFuzzer, by clang, is guided by coverage; `seeded`, by the compiler of everything else, has test/fuzz/support/seeded-main.cpp.

import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

import { listFiles, writeIfChanged } from '../lib/files.ts';
import { withLock } from '../lib/lock.ts';
import { cacheDir, repoRoot } from '../lib/paths.ts';
import { compile } from '../worker-build/compile.ts';
import { type WorkerInputs, readInputs } from '../worker-build/inputs.ts';
import { syncTree } from '../worker-build/tree.ts';
import { buildNative } from '../build-native.ts';
import { type FuzzTarget, nativeTargets } from './targets.ts';

export type FuzzEngine = 'libfuzzer' | 'seeded';

type Toolchain = { readonly compiler: string; readonly flags: readonly string[]; readonly link: readonly string[] };

const sanitizers = ['-fsanitize=address,undefined', '-fno-sanitize-recover=undefined', '-fno-omit-frame-pointer'];
// Upstream casts one RTCP packet to another class (tools/worker-build/ubsan.supp), and its objects here have no type information to check by.
const common = ['-std=c++20', '-O1', '-gline-tables-only', ...sanitizers, '-fno-sanitize=vptr', '-w'];

const toolchains: Readonly<Record<FuzzEngine, Toolchain>> = {
	libfuzzer: { compiler: 'clang++-16', flags: [...common, '-fsanitize=fuzzer-no-link', `-fsanitize-ignorelist=${join(repoRoot, 'tools/fuzz-parsers/ubsan-ignore.txt')}`], link: [...sanitizers, '-fsanitize=fuzzer'] },
	seeded: { compiler: 'g++', flags: common.map((flag) => (flag === '-gline-tables-only' ? '-g1' : flag)), link: sanitizers },
};

/** The patched worker as its build has left it. */
type WorkerBuild = {
	readonly sourceDir: string;
	readonly buildDir: string;
	/** All of it but main(). What a target compiles for itself, the linker does not take from here. */
	readonly library: string;
};

type Libraries = { readonly worker: WorkerBuild; readonly coreLibrary: string };

/** Returns the directory of the binaries, which have their targets' names. */
export async function buildFuzzTargets(engine: FuzzEngine, targets: readonly FuzzTarget[], defines: readonly string[] = []): Promise<string> {
	const dir = join(repoRoot, 'build/fuzz', [engine, ...defines.map((define) => define.toLowerCase())].join('-'));

	mkdirSync(dir, { recursive: true });

	await withLock(
		`${dir}.lock`,
		() => say(`another process is building ${dir}; waiting for it`),
		async () => {
			const coreLibrary = join(repoRoot, 'build/native/plugin-host/core/libmph-host-core.a');
			const libraries = { worker: await workerBuild(), coreLibrary };

			if (targets.some(({ core }) => needsCoreLibrary(engine, core))) {
				await buildNative({ targets: ['plugin-host/core/libmph-host-core.a'] });
			}

			writeIfChanged(join(dir, 'build.ninja'), ninjaFile(engine, nativeTargets, defines, libraries));
			await ninja(dir, targets.map(({ name }) => name));
		},
	);

	return dir;
}

async function workerBuild(): Promise<WorkerBuild> {
	const inputs = readInputs({ variant: 'patched', deps: 'system', defines: [] });
	const dir = join(repoRoot, 'build/fuzz/worker');
	const stamp = join(dir, 'hash');
	const built: WorkerBuild = { sourceDir: join(dir, 'worker'), buildDir: join(dir, 'build'), library: join(dir, 'worker.a') };

	if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== inputs.hash) {
		const treeDir = join(cacheDir(), 'tree/patched');

		await withLock(
			`${treeDir}.lock`,
			() => say('another process is building the patched worker; waiting for it'),
			() => copyWorker(inputs, treeDir, dir, built),
		);
		writeFileSync(stamp, inputs.hash);
	}

	return built;
}

/** What is compiled for a target needs the rest of the core only if there is a rest. */
function needsCoreLibrary(engine: FuzzEngine, core: FuzzTarget['core']): boolean {
	return engine === 'seeded' && core !== undefined && core.guided.source !== core.seeded.source;
}

/** The tree is everybody's: as soon as its lock is let go it may be that of another checkout. So what is needed of it is copied. */
async function copyWorker(inputs: WorkerInputs, treeDir: string, dir: string, built: WorkerBuild): Promise<void> {
	const tree = { sourceDir: join(treeDir, 'worker'), buildDir: join(treeDir, 'build') };

	syncTree(tree.sourceDir, inputs);
	await compile({ ...tree, logFile: join(treeDir, 'build.log'), mesonOptions: inputs.mesonOptions, targets: [inputs.recipe.program], title: 'patched worker' });

	rmSync(dir, { recursive: true, force: true });
	mkdirSync(built.buildDir, { recursive: true });
	// Times are kept, so that what has not changed is not compiled anew.
	execFileSync('cp', ['-a', tree.sourceDir, dir]);
	for (const part of ['fbs', 'mph', 'deps', 'build.ninja', 'compile_commands.json']) {
		execFileSync('cp', ['-a', join(tree.buildDir, part), built.buildDir]);
	}

	const objectDir = join(tree.buildDir, 'mediasoup-worker.p');
	const objects = listFiles(objectDir).filter((file) => file.endsWith('.o') && file !== 'src_main.cpp.o');

	execFileSync('ar', ['crs', built.library, ...objects.map((object) => join(objectDir, object))]);
}

function ninjaFile(engine: FuzzEngine, targets: readonly FuzzTarget[], defines: readonly string[], { worker, coreLibrary }: Libraries): string {
	const { compiler, flags, link } = toolchains[engine];
	const workerFlags = workerCompileFlags(worker);
	const sharedIncludes = [join(repoRoot, 'shm/include'), join(worker.buildDir, 'mph/generated')].map((path) => `-I${path}`);
	const hostFlags = [...sharedIncludes, ...['plugin-host/core', 'plugin-host/include'].map((path) => `-I${join(repoRoot, path)}`)];
	const macros = defines.map((define) => `-D${define}`);
	const lines = [
		'ninja_required_version = 1.8',
		`flags = ${[...flags, ...macros].join(' ')}`,
		`rule cc\n  command = ccache ${compiler} $flags $more -MMD -MF $out.d -c $in -o $out\n  depfile = $out.d\n  deps = gcc\n  description = $out`,
		`rule link\n  command = ${compiler} ${link.join(' ')} $in $libs -o $out\n  description = $out`,
	];
	const declared = new Set<string>();
	const object = (source: string, more: readonly string[]): string => {
		const name = `${(source.startsWith(worker.sourceDir) ? source.slice(worker.sourceDir.length + 1) : source.slice(repoRoot.length + 1)).replaceAll('/', '_')}.o`;

		if (!declared.has(name)) {
			declared.add(name);
			lines.push(`build ${name}: cc ${source}\n  more = ${more.join(' ')}`);
		}

		return name;
	};
	const chosen = (folder: string, pattern: RegExp | undefined): string[] =>
		listFiles(folder)
			.filter((file) => file.endsWith('.cpp') && pattern?.test(basename(file, '.cpp')))
			.map((file) => join(folder, file));
	const kind = engine === 'libfuzzer' ? 'guided' : 'seeded';

	for (const { name, sources, overlay, core, upstream } of targets) {
		const more = [...(overlay ? workerFlags : []), ...hostFlags, ...['test/fuzz/support', 'tools/replay'].map((path) => `-I${join(repoRoot, path)}`)];
		const own = [`test/fuzz/${name}.cpp`, ...sources, ...(engine === 'seeded' ? ['test/fuzz/support/seeded-main.cpp'] : [])];
		const objects = [
			...own.map((source) => object(join(repoRoot, source), source.endsWith('seeded-main.cpp') ? [] : more)),
			...chosen(join(repoRoot, 'worker-patch/overlay/src'), overlay?.[kind]).map((source) => object(source, workerFlags)),
			...chosen(join(repoRoot, 'plugin-host/core'), core?.[kind]).map((source) => object(source, hostFlags)),
			...listFiles(worker.sourceDir)
				.filter((file) => kind === 'guided' && upstream?.test(file))
				.map((file) => object(join(worker.sourceDir, file), workerFlags)),
		];
		const libraries = [...(needsCoreLibrary(engine, core) ? [coreLibrary] : []), ...(overlay ? [worker.library] : [])];
		// WorkerStage.cpp has a loop of its own.
		const wrap = sources.some((source) => source.endsWith('/WorkerStage.cpp')) ? ['-Wl,--wrap=uv_run'] : [];
		const libs = [...libraries, ...(overlay ? workerLibraries(worker) : []), ...wrap, '-lpthread', '-ldl'];

		lines.push(`build ${name}: link ${objects.join(' ')} | ${libraries.join(' ')}\n  libs = ${libs.join(' ')}`);
	}

	return `${lines.join('\n')}\n`;
}

/** Include folders and macros of the overlay, whose headers are taken from the checkout. */
function workerCompileFlags({ buildDir }: WorkerBuild): string[] {
	const commands = JSON.parse(readFileSync(join(buildDir, 'compile_commands.json'), 'utf8')) as { file: string; output: string; command: string }[];
	const overlay = commands.find(({ output }) => output.startsWith('mediasoup-worker.p/mph_overlay_'));

	if (!overlay) {
		throw new Error(`${buildDir}/compile_commands.json has no source of the overlay; delete ${buildDir} and try again`);
	}

	const ours = new Map([
		['../worker/mph/overlay/include', 'worker-patch/overlay/include'],
		['../worker/mph/shm/include', 'shm/include'],
	]);

	return overlay.command
		.split(' ')
		.map((word) => word.replace(/^'(.*)'$/, '$1').replaceAll('"', '\\"'))
		.filter((word) => (word.startsWith('-I') || word.startsWith('-D')) && word !== '-DMS_EXECUTABLE' && word !== '-Imediasoup-worker.p')
		.map((word) => {
			if (!word.startsWith('-I')) {
				return word;
			}

			const path = word.slice(2);

			return `-I${ours.has(path) ? join(repoRoot, ours.get(path)!) : join(buildDir, path)}`;
		});
}

/** As the worker itself is linked. */
function workerLibraries({ buildDir }: WorkerBuild): string[] {
	const text = readFileSync(join(buildDir, 'build.ninja'), 'utf8');
	const at = text.search(/^build mediasoup-worker: /m);
	const args = /^ LINK_ARGS = (.*)$/m.exec(text.slice(at))?.[1];

	if (at < 0 || args === undefined) {
		throw new Error(`${buildDir}/build.ninja does not say how the worker is linked; delete ${buildDir} and try again`);
	}

	return args.split(' ').map((word) => (word.endsWith('.a') && !word.startsWith('/') ? join(buildDir, word) : word));
}

async function ninja(dir: string, names: readonly string[]): Promise<void> {
	const child = spawn('ninja', ['-C', dir, '-k', '0', ...names], {
		stdio: ['ignore', 'pipe', 'pipe'],
		env: { ...process.env, CCACHE_DIR: join(cacheDir(), 'ccache'), CCACHE_MAXSIZE: '2G' },
	});
	const output: Buffer[] = [];

	child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
	child.stderr.on('data', (chunk: Buffer) => output.push(chunk));

	const code = await new Promise<number | null>((resolve, reject) => {
		child.once('error', (error) => reject(new Error('cannot run ninja; "npm run setup" installs it', { cause: error })));
		child.once('close', resolve);
	});

	writeFileSync(join(dir, 'build.log'), Buffer.concat(output));
	if (code !== 0) {
		throw new Error(`building ${basename(dir)} in build/fuzz failed with code ${code}; what was said last follows, the rest is in ${dir}/build.log\n${Buffer.concat(output).toString().split('\n').slice(-40).join('\n')}`);
	}
}

function say(text: string): void {
	process.stderr.write(`${text}\n`);
}
