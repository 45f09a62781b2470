import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';

import { findNativeHostBin } from '../../src/native-host-bin.ts';
import { findWorkerBin } from '../../src/worker-bin.ts';

t.beforeEach(() => {
	delete process.env['MPH_WORKER_BIN'];
	delete process.env['MPH_NATIVE_HOST'];
});

t.test('an option goes before the environment', async (t) => {
	const dir = t.testdir({ one: '', two: '' });

	for (const name of ['one', 'two']) {
		writeFileSync(join(dir, `${name}-executable`), '', { mode: 0o755 });
	}
	process.env['MPH_WORKER_BIN'] = join(dir, 'one');
	process.env['MPH_NATIVE_HOST'] = join(dir, 'one-executable');
	t.equal(findWorkerBin(undefined), join(dir, 'one'));
	t.equal(findWorkerBin(join(dir, 'two')), join(dir, 'two'));
	t.equal(findNativeHostBin(undefined), join(dir, 'one-executable'));
	t.equal(findNativeHostBin(join(dir, 'two-executable')), join(dir, 'two-executable'));
});

t.test('what was named and is not there is an error that says who named it', async (t) => {
	process.env['MPH_WORKER_BIN'] = '/nowhere/worker';
	process.env['MPH_NATIVE_HOST'] = '/nowhere/host';
	t.throws(() => findWorkerBin(undefined), { code: 'MPH_ERR_WORKER_BIN', message: /"\/nowhere\/worker" is not there \(environment variable MPH_WORKER_BIN\)/ });
	t.throws(() => findWorkerBin('/no/worker'), { code: 'MPH_ERR_WORKER_BIN', message: /"\/no\/worker" is not there \(option "workerBin"\)/ });
	t.throws(() => findNativeHostBin(undefined), { code: 'MPH_ERR_HOST_BIN', message: /"\/nowhere\/host" .*environment variable MPH_NATIVE_HOST/ });
	t.throws(() => findNativeHostBin('/no/host'), { code: 'MPH_ERR_HOST_BIN', message: /"\/no\/host" .*option "hostBin"/ });
});

t.test('a native host that is not executable is none', async (t) => {
	t.throws(() => findNativeHostBin(join(t.testdir({ host: '' }), 'host')), { code: 'MPH_ERR_HOST_BIN' });
});
