// The demo as people run it, and that it does not pass when it must not.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import t from 'tap';

import { buildWorker } from '../../tools/build-worker.ts';
import type { Receipt } from '../../tools/demo/receipt.ts';
import { repoRoot } from '../../tools/lib/paths.ts';

// A worker that is not built yet takes minutes, where the set-up has not been run for tests.
t.setTimeout(900_000);

async function runDemo(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
	const demo = spawn(process.execPath, [join(repoRoot, 'tools/demo/main.ts'), ...args], {
		env: { ...process.env, ...env },
		stdio: ['ignore', 'pipe', 'pipe'],
	});
	const [stdout, stderr, [code]] = await Promise.all([text(demo.stdout), text(demo.stderr), once(demo, 'close')]);

	return { stdout, stderr, code: code as number | null };
}

t.test('the demo kills hosts that hold packets, and loses nothing', async (t) => {
	const { stdout, stderr, code } = await runDemo(['--seconds', '8', '--kills', '2', '--json']);

	t.comment(stderr);
	t.equal(code, 0);

	const receipt = JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as Receipt;

	t.match(receipt, { lost: 0, kills: 2 });
	t.equal(receipt.received, receipt.sent - receipt.dropped);
	t.equal(receipt.heldAtKill.length, 2);
	t.ok(receipt.heldAtKill.every((held) => held >= 1));
});

t.test('with the tap compiled out of the worker the demo fails, and says why', async (t) => {
	const workerBin = await buildWorker({ variant: 'no-tap', deps: 'system', defines: [] });
	const { stderr, code } = await runDemo(['--seconds', '4', '--kills', '0', '--json'], { MPH_WORKER_BIN: workerBin });

	t.equal(code, 1);
	t.match(stderr, /tap/);
});

t.test('a command line that makes no sense is refused at once', async (t) => {
	const { stderr, code } = await runDemo(['--seconds', 'soon']);

	t.equal(code, 2);
	t.match(stderr, /--seconds "soon"[^]*usage:/);
});
