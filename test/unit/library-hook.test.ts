import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import t from 'tap';

import { provideLibrary } from '../../plugin-host/runner/library-hook.ts';
import * as library from '../../src/plugin/index.ts';

t.test('a plugin gets the library of its host wherever its file lies, and nothing else that way', async (t) => {
	// Outside of the checkout, where there is no node_modules.
	const dir = mkdtempSync(join(tmpdir(), 'mph-library-hook-'));
	const importing = (name: string, specifier: string): Promise<Record<string, unknown>> => {
		const file = join(dir, `${name}.mts`);

		writeFileSync(file, `export * from '${specifier}';\n`);

		return import(pathToFileURL(file).href) as Promise<Record<string, unknown>>;
	};

	t.teardown(() => rmSync(dir, { recursive: true }));
	await t.rejects(importing('before', 'mediasoup-plugin-host/plugin'), { code: 'ERR_MODULE_NOT_FOUND' });
	provideLibrary();
	t.equal((await importing('plugin', 'mediasoup-plugin-host/plugin'))['definePlugin'], library.definePlugin);
	await t.rejects(importing('app', 'mediasoup-plugin-host'), { code: 'ERR_MODULE_NOT_FOUND' });
});

t.end();
