// Builds what is ours in C and C++ besides the worker: the native plugin host, the example plugins, the plugins of the tests. Says nothing when
// nothing is to be done.
//
//   node tools/build-native.ts                       build/native, what everything else uses
//   node tools/build-native.ts --flavour asan        build/native-asan: AddressSanitizer and UndefinedBehaviorSanitizer
//   node tools/build-native.ts --flavour tsan        build/native-tsan: ThreadSanitizer
//   node tools/build-native.ts --define MPH_SABOTAGE_…  build/native-mph_sabotage_…: with that macro, for negative controls (may be repeated)
//   node tools/build-native.ts host-tests …            these targets only, which need not be built by default

import { spawn } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';

import { withLock } from './lib/lock.ts';
import { repoRoot } from './lib/paths.ts';

type Flavour = { readonly dir: string; readonly mesonOptions: readonly string[]; readonly cppArgs: readonly string[] };

// A sanitizer's runtime is found when the program starts, which meson's default of -Wl,--no-undefined does not know.
const sanitized = ['-Dbuildtype=debugoptimized', '-Db_lundef=false'];
const sanitizedArgs = ['-fno-sanitize-recover=undefined'];

const flavours = {
	/** As shipped: the defaults of the root meson.build. */
	release: { dir: 'build/native', mesonOptions: [], cppArgs: [] },
	asan: { dir: 'build/native-asan', mesonOptions: [...sanitized, '-Db_sanitize=address,undefined'], cppArgs: sanitizedArgs },
	tsan: { dir: 'build/native-tsan', mesonOptions: [...sanitized, '-Db_sanitize=thread'], cppArgs: sanitizedArgs },
} as const satisfies Record<string, Flavour>;

export type NativeFlavour = keyof typeof flavours;

export type NativeBuildOptions = {
	readonly flavour?: NativeFlavour;
	/** Macros for the C++ of this build, which gets a directory of its own: MPH_SABOTAGE_… makes a named test fail. */
	readonly defines?: readonly string[];
	/** Names of targets as ninja knows them; none: all that is built by default. */
	readonly targets?: readonly string[];
};

/** A build that takes longer than this is announced. */
const silentMs = 1000;
const usage = `usage: node tools/build-native.ts [--flavour ${Object.keys(flavours).join('|')}] [--define MACRO]… [target…]`;

/** Brings the build up to date and returns its directory. Throws with what the tools printed when they fail. */
export async function buildNative({ flavour = 'release', defines = [], targets = [] }: NativeBuildOptions = {}): Promise<string> {
	const macros = [...new Set(defines)].sort();
	const dir = [flavours[flavour].dir, ...macros.map((macro) => macro.toLowerCase())].join('-');
	const cppArgs = [...flavours[flavour].cppArgs, ...macros.map((macro) => `-D${macro}`)];
	const mesonOptions = [...flavours[flavour].mesonOptions, ...(cppArgs.length > 0 ? [`-Dcpp_args=[${cppArgs.map((arg) => `'${arg}'`).join(',')}]`] : [])];
	const buildDir = join(repoRoot, dir);

	await withLock(
		`${buildDir}.lock`,
		() => say(`another process is building ${dir}; waiting for it`),
		() => announceIfSlow(dir, () => build(buildDir, mesonOptions, targets)),
	);

	return buildDir;
}

async function build(buildDir: string, mesonOptions: readonly string[], targets: readonly string[]): Promise<void> {
	// Meson writes it last, so it is there only after a set-up that worked.
	if (!existsSync(join(buildDir, 'build.ninja'))) {
		// What an interrupted set-up has left, meson would take for a finished one.
		rmSync(buildDir, { recursive: true, force: true });
		await run('meson', ['setup', ...mesonOptions, buildDir, repoRoot], buildDir);
	}
	await run('ninja', ['-C', buildDir, ...targets], buildDir);
}

async function announceIfSlow(dir: string, body: () => Promise<void>): Promise<void> {
	const startedAt = Date.now();
	const timer = setTimeout(() => say(`building ${dir}`), silentMs);

	try {
		await body();
	} finally {
		clearTimeout(timer);
	}

	const took = Date.now() - startedAt;

	if (took > silentMs) {
		say(`built ${dir} in ${Math.round(took / 1000)} s`);
	}
}

function run(command: string, args: readonly string[], buildDir: string): Promise<void> {
	return new Promise((resolve, reject) => {
		const child = spawn(command, args, { cwd: repoRoot, stdio: ['ignore', 'pipe', 'pipe'] });
		const output: Buffer[] = [];

		child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
		child.stderr.on('data', (chunk: Buffer) => output.push(chunk));
		child.once('error', (error) => {
			reject(new Error(`cannot run ${command}; "npm run setup" installs it`, { cause: error }));
		});
		child.once('close', (code, signal) => {
			if (code === 0) {
				resolve();

				return;
			}

			const how = signal ? `was ended by ${signal}` : `ended with code ${code}`;
			const dir = relative(repoRoot, buildDir);

			reject(
				new Error(
					`${Buffer.concat(output).toString()}\n${command} ${how} while building ${dir}. If a library or header is missing, "npm run setup" installs it; if ${dir} itself seems to be broken, delete it and try again.`,
				),
			);
		});
	});
}

function say(text: string): void {
	process.stderr.write(`${text}\n`);
}

function isFlavour(text: string): text is NativeFlavour {
	return Object.hasOwn(flavours, text);
}

function parseCommandLine(args: readonly string[]): NativeBuildOptions {
	const { values, positionals } = parseArgs({
		args: [...args],
		options: { flavour: { type: 'string' }, define: { type: 'string', multiple: true } },
		allowPositionals: true,
	});
	const flavour = values.flavour ?? 'release';
	const defines = values.define ?? [];

	if (!isFlavour(flavour)) {
		throw new TypeError(`--flavour ${flavour}: there are ${Object.keys(flavours).join(', ')}`);
	}

	for (const macro of defines) {
		if (!/^[A-Z][A-Z0-9_]*$/.test(macro)) {
			throw new TypeError(`--define ${macro}: a macro's name has capitals, digits and underscores`);
		}
	}

	return { flavour, defines, targets: positionals };
}

async function main(): Promise<void> {
	let options: NativeBuildOptions;

	try {
		options = parseCommandLine(process.argv.slice(2));
	} catch (error) {
		say(`${(error as Error).message}\n${usage}`);
		process.exit(2);
	}

	try {
		await buildNative(options);
	} catch (error) {
		say((error as Error).message);
		process.exit(1);
	}
}

if (import.meta.main) {
	await main();
}
