// Which host runs what: real hosts of both kinds, without a worker.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Test } from 'tap';
import t from 'tap';

import { createPluginHost } from '../../src/index.ts';
import { checkPluginFile, hostKindOf, pluginKindOf } from '../../src/plugin-file.ts';
import type { PluginHost } from '../../src/types.ts';
import { repoRoot } from '../../tools/lib/paths.ts';
import { fixturePlugin } from '../helpers/binaries.ts';
import { standInMediasoup } from '../helpers/stand-in-worker.ts';

const native = fixturePlugin('accept-all');

async function open(t: Test): Promise<PluginHost> {
	const pluginHost = await createPluginHost({ mediasoup: standInMediasoup() });

	t.teardown(() => pluginHost.close());

	return pluginHost;
}

function script(t: Test, name: string): string {
	const text = `import { definePlugin } from ${JSON.stringify(join(repoRoot, 'src/plugin/index.ts'))};\nexport default definePlugin({ name: '${name}', setup: () => ({}) });`;

	return join(t.testdir({ 'plugin.ts': text }), 'plugin.ts');
}

function runsScripts(pid: number | undefined): boolean {
	return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('runner/main');
}

t.test('a file tells its kind by its name', async (t) => {
	t.same(['a.so', 'a.so.1.2', 'a.ts', 'a.mts', 'a.cts', 'a.js', 'a.mjs', 'a.cjs', 'a.json', 'so'].map(pluginKindOf), [
		...['native', 'native', 'script', 'script', 'script', 'script', 'script', 'script', undefined, undefined],
	]);
	t.same([hostKindOf(['a.so', 'b.so']), hostKindOf(['a.so', 'b.ts']), hostKindOf(['b.ts'])], ['native', 'script', 'script']);
	await t.rejects(checkPluginFile('/etc/passwd'), { code: 'MPH_ERR_PLUGIN_FILE', message: /must end in \.so or in one of \.js, .*\.ts/ });
	await t.rejects(checkPluginFile('/nowhere/a.ts'), { code: 'MPH_ERR_PLUGIN_FILE', message: /a\.ts" is not there/ });
});

t.test('a plugin goes from a shared object to a script and back, each in a process of its kind', async (t) => {
	const pluginHost = await open(t);
	const plugin = await pluginHost.createPlugin({ file: native });
	const { name } = plugin;

	t.notOk(runsScripts(plugin.hostPid));
	await plugin.upgrade({ file: script(t, 'in-typescript') });
	t.equal(plugin.name, 'in-typescript');
	t.ok(runsScripts(plugin.hostPid));
	await plugin.upgrade({ file: native });
	t.equal(plugin.name, name);
	t.notOk(runsScripts(plugin.hostPid));
});

t.test('a group that begins with a script takes both', async (t) => {
	const pluginHost = await open(t);
	const first = await pluginHost.createPlugin({ file: script(t, 'first'), group: 'both' });
	const second = await pluginHost.createPlugin({ file: native, group: 'both' });

	t.ok(runsScripts(first.hostPid));
	t.equal(second.hostPid, first.hostPid);
	await first.restart();
	t.ok(runsScripts(second.hostPid));
});

t.test('a limit of memory keeps a plugin from becoming a script', async (t) => {
	const pluginHost = await open(t);
	const plugin = await pluginHost.createPlugin({ file: native, memoryLimit: 2 ** 30 });

	await t.rejects(plugin.upgrade({ file: script(t, 'x') }), { name: 'InvalidOptionError', code: 'MPH_ERR_OPTION_VALUE', message: /^upgrade\(\): .*threadLimits/ });
});
