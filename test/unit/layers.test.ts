// Imports point downward only (docs/architecture.md): shm ← overlay and core, mph_plugin.h ← plugins and core, core ← native ← addon, src/plugin
// ← runner. src never reaches into C++ or tools.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import t from 'tap';

import { listFiles } from '../../tools/lib/files.ts';
import { repoRoot } from '../../tools/lib/paths.ts';

type Layer = {
	readonly dir: string;
	readonly files: RegExp;
	/** What stands between the quotes or brackets of an include or import. */
	readonly mayNot: RegExp;
	readonly why: string;
};

const cpp = /\.(c|h|cpp|hpp)$/;
const typescript = /\.ts$/;

const layers: readonly Layer[] = [
	{ dir: 'shm', files: cpp, mayNot: /PluginHost|RTC\/|Logger|mph_plugin|node|uv\.h|\.\.\//, why: 'knows neither mediasoup, nor hosts, nor Node' },
	{ dir: 'worker-patch/overlay', files: cpp, mayNot: /mph_plugin|plugin-host|\.\.\//, why: 'knows shm, not the host' },
	{ dir: 'plugin-host/core', files: cpp, mayNot: /PluginHost\/|RTC\/|node|napi|native\/|\.\.\//, why: 'serves the native host and the addon alike' },
	{ dir: 'plugin-host/include', files: cpp, mayNot: /mph\/|core|native/, why: 'is all that a plugin needs' },
	{ dir: 'plugin-host/native', files: cpp, mayNot: /PluginHost\/|RTC\/|napi|addon\/|\.\.\//, why: 'serves as a process, in Node or not' },
	{ dir: 'plugin-host/runner', files: typescript, mayNot: /tools\/|test\/|worker-patch\//, why: 'is what gets published, too' },
	{ dir: 'examples', files: cpp, mayNot: /mph\/|core|native/, why: 'sees the header alone, as any plugin' },
	{ dir: 'src', files: typescript, mayNot: /^\..*(tools|test|plugin-host|worker-patch)\/|\.node$/, why: 'is what gets published' },
];

for (const { dir, files, mayNot, why } of layers) {
	t.test(`${dir} ${why}`, async (t) => {
		const sources = listFiles(join(repoRoot, dir)).filter((file) => files.test(file));
		const wrong = sources.flatMap((file) =>
			targetsOf(readFileSync(join(repoRoot, dir, file), 'utf8'))
				.filter((target) => mayNot.test(target))
				.map((target) => `${dir}/${file}: ${target}`),
		);

		t.not(sources.length, 0, 'there is something to check');
		t.same(wrong, []);
	});
}

function targetsOf(source: string): string[] {
	const includes = source.matchAll(/^\s*#\s*include\s*[<"]([^>"]+)[>"]/gm);
	const imports = source.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g);

	return [...includes, ...imports].map((match) => match[1]!);
}
