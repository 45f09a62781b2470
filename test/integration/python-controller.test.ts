// The control protocol as docs/control-protocol.md tells it, spoken by somebody else: a worker and a host without our library.

import { execFileSync, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import * as mediasoup from 'mediasoup';
import t from 'tap';

import { findWorkerBin } from '../../src/worker-bin.ts';
import { repoRoot } from '../../tools/lib/paths.ts';
import { fixturePlugin, nativeHostBin } from '../helpers/binaries.ts';
import { mediaCodecs, openCall } from '../helpers/call.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { until } from '../helpers/until.ts';

t.test('a controller in Python starts a host, attaches its plugin, and reads what became of the packets', async (t) => {
	const directory = tempDir();

	execFileSync('flatc', ['--python', '-o', directory, '-I', 'shm/fbs', 'shm/fbs/layout.fbs', 'shm/fbs/control.fbs'], { cwd: repoRoot });
	writeFileSync(join(directory, 'token'), `${'0123456789abcdef'.repeat(4)}`, { mode: 0o600 });
	process.env['MEDIASOUP_PLUGIN_HOST_DIR'] = directory;

	const worker = await mediasoup.createWorker({ workerBin: findWorkerBin(undefined) });

	delete process.env['MEDIASOUP_PLUGIN_HOST_DIR'];
	t.teardown(() => worker.close());

	const router = await worker.createRouter({ mediaCodecs });
	const call = await openCall(router);

	t.teardown(() => call.close());

	const controller = spawn(
		'/usr/bin/python3',
		[
			join(repoRoot, 'examples/python-controller/controller.py'),
			...[join(directory, `${worker.pid}.sock`), join(directory, 'token'), nativeHostBin, fixturePlugin('drop-every-nth'), router.id],
		],
		{ env: { ...process.env, PYTHONPATH: directory }, stdio: ['ignore', 'pipe', 'inherit'] },
	);
	const lines: string[] = [];

	t.teardown(() => controller.kill());
	createInterface({ input: controller.stdout }).on('line', (line) => lines.push(line));
	await until('the first statistics', () => lines.length > 0);
	// The attachment may not be active yet: until then packets pass without it.
	await until('a dropped packet', async () => {
		await call.send(call.received.length + 1);

		return lines.some((line) => !line.endsWith('dropped 0'));
	});
	t.match(lines.at(-1), /^accepted \d+, dropped \d+$/);
});

t.end();
