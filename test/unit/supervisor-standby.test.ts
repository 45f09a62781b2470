// A second host that waits, and workers that promote it by themselves: what the supervisor makes of what they say.

import type { Test } from 'tap';
import t from 'tap';

import type { HostCrash } from '../../src/crash-report.ts';
import { HostPhase } from '../../src/generated/control.js';
import type { Supervisor } from '../../src/supervisor.ts';
import type { HostRecovery, SupervisorOptions } from '../../src/supervisor-types.ts';
import { inTime, nextEvent } from '../helpers/events.ts';
import { isAlive, stopProcess } from '../helpers/processes.ts';
import type { StandInConfig } from '../helpers/stand-in-host.ts';
import { SupervisedStandIn, delays, makeSupervisor, say } from '../helpers/supervised.ts';
import { until } from '../helpers/until.ts';

type Stage = { readonly supervisor: Supervisor; readonly workers: readonly SupervisedStandIn[]; readonly active: number; readonly standby: number };

/** One host that serves and one that is warm, in each of so many workers. */
async function stage(t: Test, workerCount = 1, config: StandInConfig = {}, options: Partial<SupervisorOptions> = {}): Promise<Stage> {
	const workers = Array.from({ length: workerCount }, (_, index) => new SupervisedStandIn(index + 1));
	const supervisor = makeSupervisor(t, config, { standby: true, ...options });

	await supervisor.start(workers);

	const active = supervisor.host!.pid!;

	workers.forEach((worker) => say(supervisor, worker, active, HostPhase.Serving));

	return { supervisor, workers, active, standby: await warmStandby(supervisor, workers) };
}

/** The next host that comes, as soon as all workers have said that it is warm. */
async function warmStandby(supervisor: Supervisor, workers: readonly SupervisedStandIn[], ...others: readonly number[]): Promise<number> {
	const told = nextEvent<{ pid: number }>(supervisor, 'standby');
	const standby = await until('a standby', () => standbyOf(supervisor, others));

	workers.forEach((worker) => say(supervisor, worker, standby, HostPhase.Warm));
	t.equal((await told).pid, standby);

	return standby;
}

/** Found by what the system knows: the supervisor does not name it before it is warm. */
function standbyOf(supervisor: Supervisor, others: readonly number[]): number | undefined {
	const isOther = (pid: number): boolean => pid === supervisor.host?.pid || others.includes(pid);

	return supervisor.livingPids.find((pid) => !isOther(pid));
}

function record(supervisor: Supervisor): string[] {
	const events: string[] = [];

	for (const event of ['down', 'crash', 'recovered', 'quarantine', 'died'] as const) {
		supervisor.on(event, () => events.push(event));
	}

	return events;
}

t.test('a standby is there when every worker says that it is warm', async (t) => {
	const workers = [new SupervisedStandIn(1), new SupervisedStandIn(2)];
	const supervisor = makeSupervisor(t, {}, { standby: true });

	await supervisor.start(workers);
	workers.forEach((worker) => say(supervisor, worker, supervisor.host!.pid!, HostPhase.Serving));

	const standby = await until('a second process', () => standbyOf(supervisor, []));

	await until('tokens for both', () => workers.every(({ tokens }) => tokens.length === 2));
	say(supervisor, workers[0]!, standby, HostPhase.Warm);
	t.equal(supervisor.standbyHost, undefined);

	const told = nextEvent(supervisor, 'standby');

	say(supervisor, workers[1]!, standby, HostPhase.Warm);
	t.same(await told, { pid: standby });
	t.equal(supervisor.standbyHost!.pid, standby);
	t.equal(supervisor.starts, 2);
});

t.test('without the option there is none', async (t) => {
	const supervisor = makeSupervisor(t);

	await supervisor.start([new SupervisedStandIn(1)]);
	await supervisor.replace('restart()').catch(() => {});
	t.equal(supervisor.standbyHost, undefined);
	t.ok(supervisor.starts <= 2);
});

t.test('when the active one dies the standby has taken over, nothing was down, and another standby comes', async (t) => {
	for (const seenFirst of ['by the worker', 'by the system']) {
		const { supervisor, workers, active, standby } = await stage(t);
		const events = record(supervisor);
		const crash = nextEvent<HostCrash>(supervisor, 'crash');
		const recovered = nextEvent<HostRecovery>(supervisor, 'recovered');
		const told = (): void => {
			say(supervisor, workers[0]!, active, HostPhase.Gone, 'its connection ended', 5);
			say(supervisor, workers[0]!, standby, HostPhase.Serving);
		};

		process.kill(active, 'SIGKILL');
		if (seenFirst === 'by the worker') {
			told();
		}
		await until('the change', () => supervisor.host?.pid === standby);
		t.equal(supervisor.state, 'running', seenFirst);
		if (seenFirst === 'by the system') {
			t.same(events, [], 'until the worker says that it is served nothing has recovered');
			told();
		}

		t.match(await recovered, { pid: standby, downMs: Number, standby: true });
		t.match(await crash, { pid: active, held: 5 });
		t.same(events, ['crash', 'recovered']);

		const next = await warmStandby(supervisor, workers, active);

		t.not(next, standby);
		t.equal(supervisor.starts, 3);
		supervisor.stop();
	}
});

t.test('the crash is reported with its signal though the standby serves long before that is known', async (t) => {
	const { supervisor, workers, active, standby } = await stage(t);
	const crash = nextEvent<HostCrash>(supervisor, 'crash');

	// The worker is faster than the process's end.
	say(supervisor, workers[0]!, standby, HostPhase.Serving);
	say(supervisor, workers[0]!, active, HostPhase.Gone, 'its connection ended', 5);
	process.kill(active, 'SIGSEGV');
	t.match(await crash, { pid: active, signal: 'SIGSEGV', held: 5 });
});

t.test('it has recovered when the last worker has promoted it, or is gone', async (t) => {
	const { supervisor, workers, active, standby } = await stage(t, 3);
	const crash = nextEvent(supervisor, 'crash');
	const recovered = nextEvent<HostRecovery>(supervisor, 'recovered');
	let hasRecovered = false;

	supervisor.once('recovered', () => (hasRecovered = true));
	process.kill(active, 'SIGKILL');

	for (const worker of workers.slice(0, 2)) {
		say(supervisor, worker, active, HostPhase.Gone, 'its connection ended');
		say(supervisor, worker, standby, HostPhase.Serving);
	}
	// As a plugin does when one of its attachments is closed.
	supervisor.served();
	await crash;
	await warmStandby(supervisor, workers, active);
	t.notOk(hasRecovered);
	workers[2]!.closed = true;
	supervisor.removeWorker(workers[2]!);
	t.equal((await recovered).pid, standby);
});

t.test('many kills in a row, each answered by the standby of that time', async (t) => {
	const { supervisor, workers, ...first } = await stage(t);
	let { active, standby } = first;

	for (let kills = 0; kills < 6; kills++) {
		const recovered = nextEvent<HostRecovery>(supervisor, 'recovered');
		const killed = active;

		process.kill(killed, 'SIGKILL');
		say(supervisor, workers[0]!, killed, HostPhase.Gone, 'its connection ended');
		say(supervisor, workers[0]!, standby, HostPhase.Serving);
		t.match(await recovered, { pid: standby, standby: true });
		active = standby;
		standby = await warmStandby(supervisor, workers, killed);
	}
	t.equal(supervisor.state, 'running');
});

t.test('a standby that is not ready yet is as good as a restart', async (t) => {
	const worker = new SupervisedStandIn(1);
	const supervisor = makeSupervisor(t, {}, { standby: true });

	await supervisor.start([worker]);

	const active = supervisor.host!.pid!;

	say(supervisor, worker, active, HostPhase.Serving);
	await until('a second process', () => standbyOf(supervisor, []));

	const recovered = nextEvent<HostRecovery>(supervisor, 'recovered');

	process.kill(active, 'SIGKILL');
	await until('the change', () => supervisor.host !== undefined && supervisor.host.pid !== active);
	say(supervisor, worker, supervisor.host!.pid!, HostPhase.Serving);
	t.equal((await recovered).pid, supervisor.host!.pid);
});

t.test('a standby that dies alone is replaced, and only the log tells', async (t) => {
	const { supervisor, workers, active, standby } = await stage(t);
	const events = record(supervisor);
	const lines: string[] = [];

	supervisor.on('log', (level, line) => lines.push(`${level}: ${line}`));
	process.kill(standby, 'SIGKILL');
	await warmStandby(supervisor, workers, standby);
	t.match(lines, [`warn: the standby, host ${standby}, is gone`]);
	t.same(events, []);
	t.equal(supervisor.host!.pid, active);
});

t.test('a standby that serves a worker of its own, where a thread of the other one ended, is missed when it dies', async (t) => {
	const { supervisor, workers, active, standby } = await stage(t, 2);
	const events = record(supervisor);
	const crash = nextEvent<HostCrash>(supervisor, 'crash');
	const recovered = nextEvent<HostRecovery>(supervisor, 'recovered');

	say(supervisor, workers[0]!, active, HostPhase.Warm);
	say(supervisor, workers[0]!, standby, HostPhase.Serving);
	t.equal(supervisor.host!.pid, active, 'it serves the other worker on');
	process.kill(standby, 'SIGKILL');
	say(supervisor, workers[0]!, standby, HostPhase.Gone, 'its connection ended', 7);
	say(supervisor, workers[1]!, standby, HostPhase.Gone, 'its connection ended');
	say(supervisor, workers[0]!, active, HostPhase.Serving);
	t.match(await crash, { pid: standby, signal: 'SIGKILL', held: 7 });
	t.match(await recovered, { pid: active, standby: true });
	t.same(events, ['crash', 'recovered']);
	await warmStandby(supervisor, workers, standby);
	t.equal(supervisor.host!.pid, active);
});

t.test('standbys that die again and again are no longer started, and the active one serves on', async (t) => {
	const supervisor = makeSupervisor(t, {}, { standby: true });
	const lines: string[] = [];

	await supervisor.start([]);
	const active = supervisor.host!.pid!;

	supervisor.on('log', (_, line) => lines.push(line));

	for (let deaths = 1; deaths <= 3; deaths++) {
		const pid = await until('a standby', () => standbyOf(supervisor, []));

		// Not by a signal from outside.
		process.kill(pid, 'SIGABRT');
		await until('its end', () => !supervisor.livingPids.includes(pid));
	}
	await until('a line', () => lines.some((line) => /died 3 times in a row.* serves on without a standby/.test(line)));
	t.equal(supervisor.state, 'running');
	t.equal(supervisor.host!.pid, active);
	t.equal(supervisor.starts, 4);
});

t.test('whom the workers promote is the active one, whatever was meant', async (t) => {
	const { supervisor, workers, active, standby } = await stage(t);

	say(supervisor, workers[0]!, active, HostPhase.Warm);
	say(supervisor, workers[0]!, standby, HostPhase.Serving);
	t.equal(supervisor.host!.pid, standby);
	t.equal(supervisor.standbyHost!.pid, active);
});

t.test('a host that hangs is killed at once and the report says so', async (t) => {
	const { supervisor, workers, active, standby } = await stage(t);
	const crash = nextEvent<HostCrash>(supervisor, 'crash');

	await stopProcess(active);
	say(supervisor, workers[0]!, active, HostPhase.Gone, 'hang: no progress for 1000 ms', 12);
	say(supervisor, workers[0]!, standby, HostPhase.Serving);
	t.match(await crash, { pid: active, signal: 'SIGKILL', hung: true, held: 12, reason: /worker 1: hang: no progress for 1000 ms/ });
	t.notOk(isAlive(active));
});

t.test('that we killed it for a hang does not make it a kill from outside', async (t) => {
	const worker = new SupervisedStandIn(1);
	const supervisor = makeSupervisor(t);
	const quarantined = nextEvent(supervisor, 'quarantine');

	await supervisor.start([worker]);

	for (let hangs = 0; hangs < 3; hangs++) {
		const pid = await until('a host that is up', () => supervisor.state === 'running' && supervisor.host!.pid!);

		say(supervisor, worker, pid, HostPhase.Gone, 'hang: no progress for 1000 ms');
	}
	t.match(await quarantined, { deathsInRow: 3 });
});

t.test('stop() ends the standby, too', async (t) => {
	const { supervisor, active, standby } = await stage(t);

	supervisor.stop();
	await inTime('the end of both', until('it', () => !isAlive(active) && !isAlive(standby)));
});

t.test('the state of the active one is given to the standby as it comes, and to every host before it connects', async (t) => {
	const { supervisor, workers, active, standby } = await stage(t, 1, {}, { delays });
	const lines: string[] = [];

	supervisor.on('log', (_, line) => lines.push(line));
	supervisor.runOf(active)!.host.emit('snapshot', { pluginId: 'plugin-1', workerPid: 1, shard: 0, bytes: Buffer.from('one') });
	await until('the standby has it', () => lines.includes('was given "one" of worker 1, shard 0'));

	// One that only waits has nothing to say, and a worker that nobody knows has no state.
	supervisor.runOf(standby)!.host.emit('snapshot', { pluginId: 'plugin-1', workerPid: 1, shard: 0, bytes: Buffer.from('of the standby') });
	supervisor.runOf(active)!.host.emit('snapshot', { pluginId: 'plugin-1', workerPid: 9, shard: 0, bytes: Buffer.from('of nowhere') });

	process.kill(active, 'SIGKILL');
	say(supervisor, workers[0]!, active, HostPhase.Gone, 'its connection ended');
	say(supervisor, workers[0]!, standby, HostPhase.Serving);
	// What the dead one had still said counts, until its successor says something.
	supervisor.runOf(active)!.host.emit('snapshot', { pluginId: 'plugin-1', workerPid: 1, shard: 0, bytes: Buffer.from('last words') });
	await warmStandby(supervisor, workers, active);
	await until('it has them', () => lines.includes('was given "last words" of worker 1, shard 0'));

	supervisor.runOf(standby)!.host.emit('snapshot', { pluginId: 'plugin-1', workerPid: 1, shard: 0, bytes: Buffer.from('two') });
	supervisor.runOf(active)!.host.emit('snapshot', { pluginId: 'plugin-1', workerPid: 1, shard: 0, bytes: Buffer.from('too late') });
	await until('the new standby has that', () => lines.includes('was given "two" of worker 1, shard 0'));
	t.notOk(lines.some((line) => /of the standby|of nowhere|too late/.test(line)));
});

t.test('the state goes with its worker', async (t) => {
	const worker = new SupervisedStandIn(1);
	const supervisor = makeSupervisor(t, { snapshot: 'mine' });
	const lines: string[] = [];

	supervisor.on('log', (_, line) => lines.push(line));
	await supervisor.start([worker]);
	await until('a host that got it', async () => {
		const recovered = nextEvent(supervisor, 'recovered');

		process.kill(supervisor.host!.pid!, 'SIGKILL');
		await recovered;

		return lines.includes('was given "mine" of worker 1, shard 0');
	});

	supervisor.removeWorker(worker);
	lines.length = 0;

	// A later one that has the same number is another one.
	const other = new SupervisedStandIn(1);

	supervisor.addWorker(other);
	await supervisor.introduced(other);
	await supervisor.host!.getStats();
	t.same(lines, []);
});
