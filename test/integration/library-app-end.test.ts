// However an app ends, nothing of it stays: no process, no socket, no directory, no shared memory.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import type { Test } from 'tap';
import t from 'tap';

import type { AppEnd, AppReport } from '../helpers/app.ts';
import { inTime, nextEvent } from '../helpers/events.ts';
import { isAlive } from '../helpers/processes.ts';
import { until } from '../helpers/until.ts';

const app = join(import.meta.dirname, '../helpers/app.ts');

async function run(how: AppEnd): Promise<AppReport & { readonly pid: number; readonly kill: (signal: NodeJS.Signals) => void; readonly ended: Promise<unknown[]> }> {
	const child = spawn(process.execPath, [app, how], { stdio: ['ignore', 'pipe', 'ignore'] });
	const ended = once(child, 'exit');
	const line = await nextEvent<string>(createInterface({ input: child.stdout }), 'line');

	return { ...(JSON.parse(line) as AppReport), pid: child.pid!, kill: (signal) => child.kill(signal), ended: inTime('the end of the app', ended) };
}

async function nothingIsLeft(t: Test, { dir, workerPids, hostPid }: AppReport): Promise<void> {
	await until('the end of the host', () => !isAlive(hostPid));
	await until('the end of the workers', () => !workerPids.some(isAlive));
	await until('the end of the directory', () => !existsSync(dir));
	// The segments are memfds: they go with the last process that maps them.
	t.pass('no process, no directory');
}

t.test('an app that is killed', async (t) => {
	const running = await run('stay');

	t.equal(running.workerPids.length, 2);
	t.ok([...running.workerPids, running.hostPid].every(isAlive));
	running.kill('SIGKILL');
	t.same(await running.ended, [null, 'SIGKILL']);
	await nothingIsLeft(t, running);
});

t.test('an app that is killed together with its workers leaves a directory, which the next one removes', async (t) => {
	const running = await run('stay');

	running.kill('SIGSTOP');
	for (const pid of running.workerPids) {
		process.kill(pid, 'SIGKILL');
	}
	running.kill('SIGKILL');
	await running.ended;
	await until('the end of the host', () => !isAlive(running.hostPid));
	t.ok(existsSync(running.dir));

	const next = await run('exit');

	t.notOk(existsSync(running.dir));
	await nothingIsLeft(t, next);
});

t.test('an app that is asked to end by SIGTERM, as mediasoup takes it', async (t) => {
	const running = await run('stay');

	running.kill('SIGTERM');
	await running.ended;
	await nothingIsLeft(t, running);
});

t.test('an app that calls process.exit()', async (t) => {
	const running = await run('exit');

	t.same(await running.ended, [0, null]);
	await nothingIsLeft(t, running);
});

t.test('an app that dies of an exception', async (t) => {
	const running = await run('throw');

	t.same(await running.ended, [1, null]);
	await nothingIsLeft(t, running);
});

t.test('an app that has nothing more to do, although its plugin host is open', async (t) => {
	const running = await run('end');

	t.same(await running.ended, [0, null]);
	await nothingIsLeft(t, running);
});
