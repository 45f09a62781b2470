// Hosts for scripts as a supervisor sees them: real processes, whose threads end when the test tells them to.

import type { Test } from 'tap';
import t from 'tap';

import type { HostCrash } from '../../src/crash-report.ts';
import { HostPhase } from '../../src/generated/control.js';
import type { HostHandle } from '../../src/host-handle.ts';
import { HostProcess } from '../../src/host-process.ts';
import type { HostQuarantine, HostRecovery, SupervisorOptions } from '../../src/supervisor-types.ts';
import type { Supervisor } from '../../src/supervisor.ts';
import { nextEvent } from '../helpers/events.ts';
import { isAlive, standInHost } from '../helpers/processes.ts';
import { SupervisedStandIn, makeSupervisor, say } from '../helpers/supervised.ts';
import { until } from '../helpers/until.ts';

type Stage = { readonly supervisor: Supervisor; readonly workers: readonly SupervisedStandIn[]; readonly host: HostHandle };

async function stage(t: Test, workerCount: number, options: Partial<SupervisorOptions> = {}): Promise<Stage> {
	const workers = Array.from({ length: workerCount }, (_, index) => new SupervisedStandIn(index + 1));
	const supervisor = makeSupervisor(t, {}, {
		startHost: () => new HostProcess({ bin: standInHost, kind: 'script', pluginFile: 'some.ts', timeoutMs: 10_000 }),
		...options,
	});

	await supervisor.start(workers);

	const host = supervisor.host!;

	workers.forEach((worker) => say(supervisor, worker, host.pid!, HostPhase.Serving));

	return { supervisor, workers, host };
}

/** What the host does when the thread for that worker ends. */
function loseWorker(host: HostHandle, { pid: workerPid }: SupervisedStandIn, reason: string): Promise<void> {
	return host.notify({ pluginId: 'plugin-1', workerPid, shard: 0, method: 'lose worker', body: Buffer.from(reason), binary: false });
}

function gone({ supervisor, host }: Stage, worker: SupervisedStandIn, held = 0, reason = 'it hung up'): void {
	say(supervisor, worker, host.pid!, HostPhase.Gone, reason, held);
}

/** As a worker that has the host again tells it. */
async function servesAgain({ supervisor, host }: Pick<Stage, 'supervisor' | 'host'>, worker: SupervisedStandIn, tokens: number): Promise<void> {
	await until('another connection', () => worker.tokens.length >= tokens);
	say(supervisor, worker, host.pid!, HostPhase.Serving);
}

for (const first of ['the worker', 'the host']) {
	t.test(`a thread that ends is made anew in the same process, whether ${first} says so first or not`, async (t) => {
		const staged = await stage(t, 2);
		const { supervisor, workers, host } = staged;
		const [worker, other] = workers as [SupervisedStandIn, SupervisedStandIn];
		const crash = nextEvent<HostCrash>(supervisor, 'crash');
		const recovered = nextEvent<HostRecovery>(supervisor, 'recovered');
		const lines: string[] = [];

		supervisor.on('log', (_, line) => lines.push(line));
		supervisor.on('down', () => t.fail('the host is there'));

		if (first === 'the worker') {
			gone(staged, worker, 7);
			await loseWorker(host, worker, 'its heap is full');
		} else {
			await loseWorker(host, worker, 'its heap is full');
			await until('its word', () => lines.some((line) => line.includes('its heap is full')));
			gone(staged, worker, 7);
		}

		t.match(await crash, {
			...{ pid: host.pid, code: null, signal: null, held: 7, heldByWorker: [{ workerPid: 1, held: 7 }], hung: false, workerPid: 1 },
			reason: 'the thread for worker 1 ended: its heap is full',
		});
		await servesAgain(staged, worker, 2);
		t.match(await recovered, { pid: host.pid, downMs: Number, standby: false, workerPid: 1 });
		t.equal(supervisor.host, host);
		t.match(supervisor, { starts: 1, deaths: 0, threadDeaths: 1 });
		t.equal(other.tokens.length, 1, 'the other worker has not noticed');
	});
}

t.test('when the process dies, that one worker noticed first makes no difference', async (t) => {
	const staged = await stage(t, 1);
	const { supervisor, workers, host } = staged;
	const crash = nextEvent<HostCrash>(supervisor, 'crash');

	gone(staged, workers[0]!, 3);
	process.kill(host.pid!, 'SIGKILL');
	t.match(await crash, { pid: host.pid, signal: 'SIGKILL', held: 3, workerPid: undefined });
	await until('the next host', () => supervisor.host && supervisor.host !== host);
	t.match(supervisor, { deaths: 1, threadDeaths: 0 });
});

t.test('a host that does not say that it lost the worker is of no use any more', async (t) => {
	const staged = await stage(t, 1);
	const { supervisor, workers, host } = staged;
	const crash = nextEvent<HostCrash>(supervisor, 'crash');

	gone(staged, workers[0]!, 2, 'too many strikes');
	t.match(await crash, { pid: host.pid, held: 2, workerPid: undefined, reason: /too many strikes/ });
	await until('its end', () => !isAlive(host.pid!));
	t.match(supervisor, { deaths: 1, threadDeaths: 0 });
});

t.test('a thread that hangs is the death of its process', async (t) => {
	const staged = await stage(t, 1);
	const { supervisor, workers, host } = staged;
	const crash = nextEvent<HostCrash>(supervisor, 'crash');

	gone(staged, workers[0]!, 0, 'hang: no progress for 1000 ms');
	t.match(await crash, { pid: host.pid, signal: 'SIGKILL', hung: true, workerPid: undefined });
});

t.test('a worker that is gone needs no thread', async (t) => {
	const staged = await stage(t, 2);
	const { supervisor, workers, host } = staged;
	const [worker, other] = workers as [SupervisedStandIn, SupervisedStandIn];

	supervisor.on('crash', ({ workerPid }) => t.equal(workerPid, other.pid));
	await loseWorker(host, worker, '');
	worker.closed = true;
	supervisor.removeWorker(worker);

	// What comes after it on the same way has been dealt with after it.
	gone(staged, other);
	await loseWorker(host, other, 'its heap is full');
	await servesAgain(staged, other, 2);
	t.equal(worker.tokens.length, 1);
	t.equal(supervisor.threadDeaths, 1);
});

t.test('a standby serves that worker at once, and the thread that is made anew waits', async (t) => {
	const staged = await stage(t, 1, { standby: true });
	const { supervisor, workers, host } = staged;
	const worker = workers[0]!;
	const standbyPid = await until('a standby', () => supervisor.livingPids.find((pid) => pid !== host.pid));

	await until('its connection', () => worker.tokens.length === 2);
	await until('its word', () => supervisor.runOf(standbyPid)?.connected.has(worker));
	say(supervisor, worker, standbyPid, HostPhase.Warm);
	t.equal(supervisor.standbyHost?.pid, standbyPid);

	const crash = nextEvent<HostCrash>(supervisor, 'crash');
	const recovered = nextEvent<HostRecovery>(supervisor, 'recovered');

	gone(staged, worker, 1);
	say(supervisor, worker, standbyPid, HostPhase.Serving);
	await loseWorker(host, worker, 'its heap is full');
	t.match(await crash, { pid: host.pid, workerPid: 1 });
	t.match(await recovered, { pid: standbyPid, standby: true, workerPid: 1 });
	t.equal(supervisor.host?.pid, standbyPid);

	await until('another connection', () => supervisor.runOf(host.pid!)?.connected.has(worker));
	say(supervisor, worker, host.pid!, HostPhase.Warm);
	t.equal(supervisor.standbyHost, host, 'they have changed places');
	t.match(supervisor, { starts: 2, deaths: 0, threadDeaths: 1 });
});

t.test('threads that end again and again without any work done are the death of their process, and in the end the quarantine', async (t) => {
	const { supervisor, workers } = await stage(t, 1, { crashBudget: 2 });
	const worker = workers[0]!;
	const quarantine = nextEvent<HostQuarantine>(supervisor, 'quarantine');
	let crashes = 0;
	let isOver = false;

	supervisor.on('crash', ({ workerPid }) => (crashes += workerPid === undefined ? 0 : 1));
	void quarantine.then(() => (isOver = true));

	for (;;) {
		const run = await until('a host that is connected, or the end', () => {
			const next = supervisor.host && supervisor.runOf(supervisor.host.pid!);

			return isOver ? 'over' : next?.connected.has(worker) && !next.isOver && next;
		});

		if (run === 'over') {
			break;
		}

		const deaths = supervisor.threadDeaths;

		say(supervisor, worker, run.host.pid!, HostPhase.Serving);
		say(supervisor, worker, run.host.pid!, HostPhase.Gone, 'it hung up');
		await loseWorker(run.host, worker, 'it threw');
		await until('the end of a thread', () => supervisor.threadDeaths > deaths);
	}

	t.match((await quarantine).error, { code: 'MPH_ERR_QUARANTINED', message: /the thread for worker 1 ended: it threw, as 2 in a row did/ });
	t.equal(crashes, 4);
	t.equal(supervisor.state, 'quarantined');
});

t.test('but not where the threads of other workers are sound', async (t) => {
	const staged = await stage(t, 2, { crashBudget: 1 });
	const { supervisor, workers, host } = staged;
	const worker = workers[0]!;

	for (const tokens of [2, 3, 4]) {
		gone(staged, worker);
		await loseWorker(host, worker, 'it threw');
		await servesAgain(staged, worker, tokens);
		await until('its connection', () => supervisor.runOf(host.pid!)?.connected.has(worker));
	}

	t.equal(supervisor.host, host);
	t.match(supervisor, { starts: 1, deaths: 0, threadDeaths: 3 });
});

t.test('threads that gave verdicts are made anew at once, however many there were', async (t) => {
	const staged = await stage(t, 1, { crashBudget: 1 });
	const { supervisor, workers, host } = staged;
	const worker = workers[0]!;

	for (const tokens of [2, 3, 4]) {
		worker.verdicts += 1;
		gone(staged, worker);
		await loseWorker(host, worker, 'it threw');
		await servesAgain(staged, worker, tokens);
		await until('its connection', () => supervisor.runOf(host.pid!)?.connected.has(worker));
	}

	t.equal(supervisor.host, host);
	t.match(supervisor, { starts: 1, deaths: 0, threadDeaths: 3 });
});
