// Builds what an installed package needs in C++ besides the worker: the native host, the addon for scripts, the program behind `replay`. The
// package's folder is only read; what comes of it lies in the cache under the hash of all that went into it, as the worker does.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { findPackageJSON } from 'node:module';
import { basename, dirname, join } from 'node:path';

import { listFiles } from '../lib/files.ts';
import { howToInstall } from '../lib/how-to-install.ts';
import { withLock } from '../lib/lock.ts';
import { cacheDir, repoRoot } from '../lib/paths.ts';
import { compile } from '../worker-build/compile.ts';

const targets = [
	'plugin-host/mediasoup-plugin-host-native',
	'plugin-host/addon/mph_host.node',
	'tools/replay/mediasoup-plugin-host-replay',
] as const;

/** The folder in the cache that has them once they are built. */
export function nativeInCache(): string {
	return join(cacheDir(), 'native', hashOfInputs());
}

/** Builds them unless they are there, and returns their folder. */
export async function buildInstalledNative(): Promise<string> {
	const result = nativeInCache();

	if (!existsSync(result)) {
		await withLock(
			`${result}.lock`,
			() => say('another process is building the plugin host; waiting for it'),
			async () => {
				if (!existsSync(result)) {
					await build(join(cacheDir(), 'tree/native', basename(result)), result);
				}
			},
		);
	}

	return result;
}

async function build(treeDir: string, result: string): Promise<void> {
	const startedAt = Date.now();
	const buildDir = join(treeDir, 'build');

	say('building the plugin host (a minute or so)');
	mkdirSync(treeDir, { recursive: true });
	await compile({
		...{ sourceDir: repoRoot, buildDir, targets },
		logFile: join(treeDir, 'build.log'),
		mesonOptions: mesonOptions(),
		title: 'plugin host',
	});

	const unfinished = `${result}.${process.pid}`;

	mkdirSync(unfinished, { recursive: true });
	for (const target of targets) {
		copyFileSync(join(buildDir, target), join(unfinished, basename(target)));
	}
	renameSync(unfinished, result);
	rmSync(treeDir, { recursive: true });
	say(`built the plugin host in ${Math.round((Date.now() - startedAt) / 1000)} s: ${result}`);
}

/** npm decides where they lie. */
export function mesonOptions(): string[] {
	return [`-Dnode=${process.execPath}`, `-Dnode_addon_api=${addonApiDir()}`];
}

function addonApiDir(): string {
	return dirname(findPackageJSON('node-addon-api', import.meta.url)!);
}

function hashOfInputs(): string {
	const addonApi = addonApiDir();
	const hash = createHash('sha256');
	const sources = ['meson.build', 'meson_options.txt', ...['shm', 'plugin-host', 'tools/replay'].flatMap(sourcesIn)];

	for (const file of [...sources.map((source) => join(repoRoot, source)), ...listFiles(addonApi).filter((file) => file.endsWith('.h')).map((file) => join(addonApi, file))]) {
		hash.update(createHash('sha256').update(readFileSync(file)).digest());
	}
	hash.update(sources.join()).update(process.execPath).update(process.version).update(versionOf('c++')).update(versionOf('flatc'));

	return hash.digest('hex').slice(0, 20);
}

function sourcesIn(folder: string): string[] {
	return listFiles(join(repoRoot, folder))
		.filter((file) => /\.(hpp|cpp|h|fbs|build)$/.test(file))
		.map((file) => `${folder}/${file}`);
}

function versionOf(command: string): string {
	try {
		return execFileSync(command, ['--version'], { encoding: 'utf8' });
	} catch (error) {
		throw new Error(`"${command} --version" failed; ${howToInstall} installs what the plugin host is built with`, { cause: error });
	}
}

function say(text: string): void {
	process.stderr.write(`${text}\n`);
}
