// restart() and upgrade() as the supervisor does them: either the new host serves in the end, or the old one as before.

import type { Test } from 'tap';
import t from 'tap';

import { HostPhase } from '../../src/generated/control.js';
import { HostProcess } from '../../src/host-process.ts';
import type { Supervisor } from '../../src/supervisor.ts';
import type { HostRestart, SupervisorOptions } from '../../src/supervisor-types.ts';
import { inTime, nextEvent } from '../helpers/events.ts';
import { isAlive, standInHost } from '../helpers/processes.ts';
import type { StandInConfig } from '../helpers/stand-in-host.ts';
import { SupervisedStandIn, codesOf, delays, makeSupervisor, say } from '../helpers/supervised.ts';
import { until } from '../helpers/until.ts';

type Stage = { readonly supervisor: Supervisor; readonly workers: readonly SupervisedStandIn[]; readonly old: number };

/** One host that serves so many workers, which say of further ones that they are warm, and promote as they are told. */
async function stage(t: Test, workerCount = 1, options: Partial<SupervisorOptions> = {}, config: StandInConfig = { packets: 1 }): Promise<Stage> {
	const workers = Array.from({ length: workerCount }, (_, index) => new SupervisedStandIn(index + 1));
	const supervisor = makeSupervisor(t, config, options);

	await supervisor.start(workers);

	const old = supervisor.host!.pid!;

	for (const worker of workers) {
		let serving = old;

		say(supervisor, worker, old, HostPhase.Serving);
		worker.onPromote = (hostPid) => {
			say(supervisor, worker, serving, HostPhase.Warm);
			say(supervisor, worker, hostPid, HostPhase.Serving);
			serving = hostPid;
		};
	}

	return { supervisor, workers, old };
}

/** The host that is about to take over. */
async function successorOf({ supervisor, old }: Stage, ...others: readonly number[]): Promise<number> {
	return until('a successor', () => supervisor.livingPids.find((pid) => pid !== old && !others.includes(pid)));
}

async function warmSuccessor(stage: Stage, ...others: readonly number[]): Promise<number> {
	const pid = await successorOf(stage, ...others);

	stage.workers.forEach((worker) => say(stage.supervisor, worker, pid, HostPhase.Warm));

	return pid;
}

const codeOf = (config: StandInConfig, file = '/plugins/other.so') => codesOf(config, file);

t.test('the successor takes over in every worker, and the old one ends in good order', async (t) => {
	const staged = await stage(t, 2);
	const { supervisor, workers, old } = staged;
	const restarted = nextEvent<HostRestart>(supervisor, 'restarted');
	const oldHost = supervisor.host!;
	const events: string[] = [];

	for (const event of ['down', 'crash', 'recovered'] as const) {
		supervisor.on(event, () => events.push(event));
	}

	const restarting = supervisor.replace('restart()');
	const pid = await successorOf(staged);

	say(supervisor, workers[0]!, pid, HostPhase.Warm);
	await until('both have its token', () => workers.every(({ tokens }) => tokens.length === 2));
	t.same(workers.map(({ promotions }) => promotions), [[], []], 'nobody promotes one that is not warm everywhere');
	say(supervisor, workers[1]!, pid, HostPhase.Warm);
	await restarting;

	t.same(workers.map(({ promotions }) => promotions), [[pid], [pid]]);
	t.equal(supervisor.host!.pid, pid);
	t.match(await restarted, { pid, previousPid: old, tookMs: Number });
	t.same(await inTime('its end', oldHost.exited), { code: 0, signal: null });
	workers.forEach((worker) => say(supervisor, worker, old, HostPhase.Gone, 'its connection ended'));
	t.same(events, []);
	t.equal(supervisor.deaths, 0);
	t.equal(supervisor.state, 'running');
});

t.test('an upgrade is what every host runs from then on', async (t) => {
	const staged = await stage(t);
	const { supervisor } = staged;
	const adopted: unknown[] = [];

	supervisor.on('adopted', (pluginId, code, identity) => adopted.push({ pluginId, ...code, ...identity }));

	const upgrading = supervisor.replace('upgrade()', codeOf({ packets: 1, version: '2.0.0' }));

	await warmSuccessor(staged);
	await upgrading;
	t.match(adopted, [{ pluginId: 'plugin-1', file: '/plugins/other.so', version: '2.0.0' }]);

	const recovered = nextEvent<{ pid: number }>(supervisor, 'recovered');

	process.kill(supervisor.host!.pid!, 'SIGKILL');
	t.equal(supervisor.runOf((await recovered).pid)!.codes.get('plugin-1')!.file, '/plugins/other.so');
});

t.test('a standby is replaced along with it, afterwards', async (t) => {
	const staged = await stage(t, 1, { standby: true });
	const { supervisor, workers, old } = staged;
	const standby = await warmSuccessor(staged);
	const upgrading = supervisor.replace('upgrade()', codeOf({ packets: 1 }));
	const pid = await warmSuccessor(staged, standby);

	await upgrading;
	await until('the end of both', () => !isAlive(old) && !isAlive(standby));

	const next = await until('a new standby', () => supervisor.livingPids.find((other) => ![pid, old, standby].includes(other)));

	say(supervisor, workers[0]!, next, HostPhase.Warm);
	t.equal(supervisor.runOf(next)!.codes.get('plugin-1')!.file, '/plugins/other.so');
	await until('it waits', () => supervisor.standbyHost?.pid === next);
});

t.test('a file that cannot be loaded leaves all as it was', async (t) => {
	const { supervisor, workers, old } = await stage(t);

	await t.rejects(supervisor.replace('upgrade()', codeOf({ failAtLoad: 'it is torn' })), { code: 'MPH_ERR_PLUGIN_FILE', message: 'it is torn' });
	t.equal(supervisor.host!.pid, old);
	t.same(workers[0]!.promotions, []);
	await until('the end of the other', () => supervisor.livingPids.length === 1);

	// And what is restarted is the old file.
	const recovered = nextEvent<{ pid: number }>(supervisor, 'recovered');

	process.kill(old, 'SIGKILL');
	t.equal(supervisor.runOf((await recovered).pid)!.codes.get('plugin-1')!.file, '/plugins/some.so');
});

t.test('one that ends while it loads is the reason, and no crash', async (t) => {
	const { supervisor, old } = await stage(t);

	supervisor.on('crash', () => t.fail('it served nobody'));
	await t.rejects(supervisor.replace('upgrade()', codeOf({ exitAtLoad: 7 })), { code: 'MPH_ERR_HOST_DIED', message: /exited with code 7/ });
	t.equal(supervisor.host!.pid, old);
});

t.test('one that a worker does not let in is not tried again', async (t) => {
	const { supervisor, workers, old } = await stage(t, 2);

	await t.rejects(supervisor.replace('upgrade()', codeOf({ refuse: [2] })), { code: 'MPH_ERR_WORKER_REFUSED', message: /worker 2 is out of reach/ });
	t.equal(supervisor.host!.pid, old);
	t.same(workers.map(({ tokens }) => tokens.length), [2, 2]);
});

t.test('one that does not become warm in time is given up', async (t) => {
	const { supervisor, workers, old } = await stage(t, 1, { timeoutMs: 300 });

	await t.rejects(supervisor.replace('restart()'), { code: 'MPH_ERR_TIMEOUT', message: /longer than 300 ms until it was ready to take over/ });
	t.equal(supervisor.host!.pid, old);
	t.same(workers[0]!.promotions, []);
});

t.test('one that dies soon after it took over is the reason, and the old one goes on', async (t) => {
	const staged = await stage(t, 1, { delays: { ...delays, probationMs: 60_000 } }, {});
	const { supervisor, workers, old } = staged;
	const restarting = supervisor.replace('restart()');
	const pid = await warmSuccessor(staged);

	supervisor.on('crash', () => t.fail('the plugin did not crash as far as calls are concerned'));
	await until('it serves', () => workers[0]!.promotions.length === 1);
	process.kill(pid, 'SIGSEGV');
	await t.rejects(restarting, { name: 'HostDiedError', code: 'MPH_ERR_HOST_DIED', message: /was ended by SIGSEGV before it had proved itself/ });
	say(supervisor, workers[0]!, old, HostPhase.Serving);
	t.equal(supervisor.host!.pid, old);
	t.equal(supervisor.state, 'running');
	t.ok(isAlive(old));
});

t.test('one that hangs soon after it took over is killed, and that is the reason', async (t) => {
	const staged = await stage(t, 1, { delays: { ...delays, probationMs: 60_000 } }, {});
	const { supervisor, workers, old } = staged;
	const restarting = supervisor.replace('restart()');
	const pid = await warmSuccessor(staged);

	await until('it serves', () => workers[0]!.promotions.length === 1);
	say(supervisor, workers[0]!, pid, HostPhase.Gone, 'hang: no progress for 1000 ms');
	await t.rejects(restarting, { code: 'MPH_ERR_HOST_DIED', message: /was ended by SIGKILL .*worker 1: hang: no progress/ });
	t.equal(supervisor.host!.pid, old);
	await until('its end', () => !isAlive(pid));
});

t.test('without packets it is trusted after a while, but not while something waits for it', async (t) => {
	const staged = await stage(t, 1, {}, {});
	const { supervisor, workers } = staged;
	const before = supervisor.host!.pid;
	let asked = 0;

	workers[0]!.waitsFor = async () => {
		// Not at the first look that is late enough.
		return ++asked < 3;
	};

	const restarting = supervisor.replace('restart()');

	await warmSuccessor(staged);
	await restarting;
	t.equal(asked, 3);
	t.not(supervisor.host!.pid, before);
});

t.test('that its plugin was given a first batch proves nothing, a second one does', async (t) => {
	for (const [packets, asks] of [
		[1, 1],
		[2, 0],
	] as const) {
		const staged = await stage(t, 1, {}, { packets, verdicts: 0 });
		let asked = 0;

		staged.workers[0]!.waitsFor = async () => (asked++, false);

		const restarting = staged.supervisor.replace('restart()');

		await warmSuccessor(staged);
		await restarting;
		t.equal(asked, asks);
		staged.supervisor.stop();
	}
});

t.test('a packet that it has dealt with in each worker is proof enough', async (t) => {
	const staged = await stage(t, 2, { delays: { ...delays, probationMs: 60_000 } });
	const restarting = staged.supervisor.replace('restart()');

	await warmSuccessor(staged);
	await restarting;
	t.pass('long before the probation was over');
});

t.test('when one worker does not promote it, the others get the old one back', async (t) => {
	const staged = await stage(t, 2);
	const { supervisor, workers, old } = staged;

	workers[1]!.onPromote = () => {
		throw new Error('the old one did not stop');
	};

	const restarting = supervisor.replace('restart()');
	const pid = await warmSuccessor(staged);

	await t.rejects(restarting, { message: 'the old one did not stop' });
	t.same(workers.map(({ promotions }) => promotions), [[pid, old], [pid]]);
	t.equal(supervisor.host!.pid, old);
	t.ok(supervisor.runOf(old)!.servesIn(workers[0]!));
	await until('the end of the other', () => !isAlive(pid));
});

t.test('a worker that promotes it by itself need not be told', async (t) => {
	const staged = await stage(t);
	const { supervisor, workers, old } = staged;
	const restarting = supervisor.replace('restart()');
	const recovered = nextEvent<{ pid: number }>(supervisor, 'recovered');
	const pid = await successorOf(staged);

	// The old one dies before the new one is ready: the worker starts whoever comes next.
	process.kill(old, 'SIGKILL');
	await until('the death is seen', () => supervisor.host?.pid !== old);
	say(supervisor, workers[0]!, old, HostPhase.Gone, 'its connection ended');
	say(supervisor, workers[0]!, pid, HostPhase.Serving);
	await restarting;
	t.same(workers[0]!.promotions, []);
	t.equal(supervisor.host!.pid, pid);
	t.equal((await recovered).pid, pid);
	t.equal(supervisor.starts, 2, 'no third one was needed');
});

t.test('one at a time; the next may come when it is over', async (t) => {
	const staged = await stage(t);
	const { supervisor } = staged;
	const upgrading = supervisor.replace('upgrade()', codeOf({ packets: 1 }));

	await t.rejects(supervisor.replace('restart()'), { name: 'InvalidStateError', code: 'MPH_ERR_BUSY', message: /^restart\(\): upgrade\(\) of the plugin/ });

	const pid = await warmSuccessor(staged);

	await upgrading;

	const again = supervisor.replace('restart()');

	await warmSuccessor(staged, pid);
	await again;
	t.equal(supervisor.starts, 3);
});

t.test('a plugin that is closed meanwhile says so, and nothing stays', async (t) => {
	const staged = await stage(t);
	const { supervisor, old } = staged;
	const restarting = supervisor.replace('restart()');
	const pid = await warmSuccessor(staged);

	supervisor.stop();
	await t.rejects(restarting, { code: 'MPH_ERR_CLOSED', message: /^restart\(\): the plugin was closed/ });
	await until('the end of both', () => !isAlive(old) && !isAlive(pid));
	t.equal(supervisor.state, 'stopped');
});

t.test('quarantine is lifted by a host that starts, with a fresh budget', async (t) => {
	const { supervisor, worker } = await quarantined(t);
	const recovered = nextEvent(supervisor, 'recovered');

	await supervisor.replace('release()');
	await recovered;
	t.equal(supervisor.state, 'running');
	await supervisor.introduced(worker);

	// One death is no quarantine.
	const again = nextEvent(supervisor, 'recovered');

	process.kill(supervisor.host!.pid!, 'SIGABRT');
	await again;
	t.equal(supervisor.state, 'running');
});

t.test('a host that does not start leaves the plugin quarantined', async (t) => {
	const { supervisor } = await quarantined(t);
	const { starts } = supervisor;

	await t.rejects(supervisor.replace('upgrade()', codeOf({ exitAtLoad: 4 })), { code: 'MPH_ERR_HOST_DIED', message: /code 4/ });
	t.equal(supervisor.state, 'quarantined');
	t.equal(supervisor.starts, starts + 1);
	t.same(supervisor.livingPids, []);

	// An upgrade that helps lifts it.
	await supervisor.replace('upgrade()', codeOf({}));
	t.equal(supervisor.state, 'running');
});

t.test('when not even a process can be started any more the plugin is given up', async (t) => {
	let starts = 0;
	const died = Promise.withResolvers<Error>();
	const supervisor = makeSupervisor(t, {}, {
		startHost: () => new HostProcess({ bin: ++starts === 1 ? standInHost : '/nowhere/host', pluginFile: 'some.so', timeoutMs: 10_000 }),
	});

	supervisor.on('died', died.resolve);
	supervisor.on('quarantine', () => t.fail('there is nothing to release'));
	await supervisor.start([]);
	process.kill(supervisor.host!.pid!, 'SIGKILL');
	t.match(await inTime('the end', died.promise), { code: 'MPH_ERR_HOST_DIED', message: /could not be started .*the plugin is given up/ });
	t.equal(supervisor.state, 'died');
});

/** Its hosts die without doing anything. */
async function quarantined(t: Test): Promise<{ supervisor: Supervisor; worker: SupervisedStandIn }> {
	const worker = new SupervisedStandIn(1);
	const supervisor = makeSupervisor(t, {});
	const quarantine = nextEvent(supervisor, 'quarantine');

	await supervisor.start([worker]);

	for (let deaths = 0; deaths < 3; deaths++) {
		const pid = await until('a host that is up', () => supervisor.state === 'running' && supervisor.host!.pid!);

		process.kill(pid, 'SIGABRT');
		await until('its death', () => supervisor.host?.pid !== pid);
	}
	await quarantine;
	t.equal(supervisor.state, 'quarantined');

	return { supervisor, worker };
}
