// Real host processes that really die; the workers are what a supervisor sees of them.

import t from 'tap';

import type { HostCrash } from '../../src/crash-report.ts';
import { HostPhase, Placement } from '../../src/generated/control.js';
import { HostProcess } from '../../src/host-process.ts';
import type { PluginCode } from '../../src/host-run.ts';
import type { HostQuarantine } from '../../src/supervisor-types.ts';
import { fixturePlugin, nativeHostBin } from '../helpers/binaries.ts';
import { inTime, nextEvent } from '../helpers/events.ts';
import { isAlive, standInHost } from '../helpers/processes.ts';
import { SupervisedStandIn, codesOf, delays, makeSupervisor } from '../helpers/supervised.ts';
import { until } from '../helpers/until.ts';

t.test('start() resolves when the host has loaded the plugin and is connected to every worker', async (t) => {
	const workers = [new SupervisedStandIn(1), new SupervisedStandIn(2)];
	const supervisor = makeSupervisor(t);
	const adopted: PluginCode[] = [];

	supervisor.on('adopted', (_, code) => adopted.push(code));

	await supervisor.start(workers);
	t.match(adopted, [{ file: '/plugins/some.so' }]);
	t.equal(supervisor.state, 'running');
	t.match(workers.map(({ tokens }) => tokens), [[/^[0-9a-f]{64}$/], [/^[0-9a-f]{64}$/]]);
	t.not(workers[0]!.tokens[0], workers[1]!.tokens[0], 'each worker has a token of its own');
});

t.test('a first start that fails rejects, is not tried again and leaves no process', async (t) => {
	let host: HostProcess | undefined;
	const supervisor = makeSupervisor(t, { exitAtLoad: 5 }, {
		startHost: () => (host = new HostProcess({ bin: standInHost, pluginFile: 'some.so', timeoutMs: 10_000 })),
	});

	await t.rejects(supervisor.start([]), { code: 'MPH_ERR_HOST_DIED', message: /exited with code 5/ });
	t.equal(supervisor.state, 'stopped');
	t.equal(supervisor.starts, 1);
	t.notOk(isAlive(host!.pid!));
});

t.test('a first start is refused as a whole when one worker is out of reach', async (t) => {
	const supervisor = makeSupervisor(t, { refuse: [2] });

	await t.rejects(supervisor.start([new SupervisedStandIn(1), new SupervisedStandIn(2)]), { code: 'MPH_ERR_WORKER_REFUSED', message: /worker 2 is out of reach/ });
	t.equal(supervisor.state, 'stopped');
});

t.test('a host that is killed is replaced, with new tokens, and both are told', async (t) => {
	const worker = new SupervisedStandIn(1);
	const supervisor = makeSupervisor(t);
	const events: string[] = [];

	await supervisor.start([worker]);
	supervisor.on('down', () => events.push('down'));
	supervisor.on('crash', () => events.push('crash'));
	supervisor.on('recovered', () => events.push('recovered'));

	const { pid } = supervisor.host!;
	const crash = nextEvent<HostCrash>(supervisor, 'crash');
	const recovered = nextEvent(supervisor, 'recovered');

	process.kill(pid!, 'SIGKILL');
	t.match(await recovered, { pid: Number, downMs: Number });
	t.match(await crash, { pid, signal: 'SIGKILL', code: null, reason: 'was ended by SIGKILL' });
	t.same(events, ['down', 'crash', 'recovered']);
	t.not(supervisor.host!.pid, pid);
	t.equal(worker.tokens.length, 2);
	t.not(worker.tokens[0], worker.tokens[1]);
});

t.test('every host is told where to run its thread, those that replace one included', async (t) => {
	for (const [placement, code] of [
		['auto', Placement.Auto],
		['shared', Placement.Shared],
		['isolated', Placement.Isolated],
	] as const) {
		const supervisor = makeSupervisor(t, {}, { placement });

		await supervisor.start([]);
		t.match(await supervisor.host!.getStats(), [{ placement: code }]);

		const recovered = nextEvent(supervisor, 'recovered');

		process.kill(supervisor.host!.pid!, 'SIGKILL');
		await recovered;
		t.match(await supervisor.host!.getStats(), [{ placement: code }], `${placement} after a restart`);
	}
});

t.test('the real native host is replaced, too', async (t) => {
	const file = fixturePlugin('accept-all');
	const supervisor = makeSupervisor(t, {}, { startHost: () => new HostProcess({ bin: nativeHostBin, pluginFile: file, timeoutMs: 10_000 }), codes: codesOf({}, file) });

	await supervisor.start([]);

	const { pid } = supervisor.host!;
	const recovered = nextEvent<{ pid: number }>(supervisor, 'recovered');

	process.kill(pid!, 'SIGKILL');
	t.not((await recovered).pid, pid);
	t.ok(isAlive(supervisor.host!.pid!));
});

t.test('how much was held comes from the workers, and the report waits for it', async (t) => {
	const workers = [new SupervisedStandIn(1), new SupervisedStandIn(2)];
	const supervisor = makeSupervisor(t);

	await supervisor.start(workers);
	supervisor.removeAllListeners('up');

	const { pid } = supervisor.host!;
	const crash = nextEvent<HostCrash>(supervisor, 'crash');
	const up = nextEvent(supervisor, 'up');

	process.kill(pid!, 'SIGKILL');
	await up;
	for (const [held, worker] of workers.entries()) {
		supervisor.onHostState(worker, { pluginId: 'plugin-1', hostPid: pid!, phase: HostPhase.Gone, reason: 'the peer closed the connection', held: held + 3 });
	}
	t.match(await crash, { held: 7, heldByWorker: [{ workerPid: 1, held: 3 }, { workerPid: 2, held: 4 }] });
});

t.test('a host that a worker cut off is replaced although it lives', async (t) => {
	const worker = new SupervisedStandIn(1);
	const supervisor = makeSupervisor(t);

	await supervisor.start([worker]);

	const { pid } = supervisor.host!;
	const crash = nextEvent<HostCrash>(supervisor, 'crash');
	const recovered = nextEvent(supervisor, 'recovered');

	supervisor.onHostState(worker, { pluginId: 'plugin-1', hostPid: pid!, phase: HostPhase.Gone, reason: 'too many strikes', held: 0 });
	await recovered;
	t.match(await crash, { pid, reason: /worker 1: too many strikes/ });
	t.not(supervisor.host!.pid, pid);
	supervisor.stop();
	await until('the end of the one that was cut off', () => !isAlive(pid!));
});

t.test('that a host went from a worker that closes is no death', async (t) => {
	const worker = new SupervisedStandIn(1);
	const supervisor = makeSupervisor(t);

	await supervisor.start([worker]);

	const { pid } = supervisor.host!;

	worker.closed = true;
	supervisor.onHostState(worker, { pluginId: 'plugin-1', hostPid: pid!, phase: HostPhase.Gone, reason: 'the worker closes', held: 0 });
	supervisor.removeWorker(worker);
	t.equal(supervisor.host!.pid, pid);
	t.equal(supervisor.deaths, 0);
});

t.test('a plugin whose hosts die again and again without doing any work is quarantined', async (t) => {
	const supervisor = makeSupervisor(t, { exitAtConnect: 9 });
	const crashes: HostCrash[] = [];

	supervisor.on('crash', (crash) => crashes.push(crash));

	// Without a worker it is not asked to connect, and lives.
	await supervisor.start([]);
	const quarantine = nextEvent<HostQuarantine>(supervisor, 'quarantine');

	supervisor.addWorker(new SupervisedStandIn(1));
	t.match(await quarantine, {
		deathsInRow: 3,
		error: { name: 'HostDiedError', code: 'MPH_ERR_QUARANTINED', message: /died 3 times in a row without doing any work \(last: exited with code 9\)/ },
	});
	t.equal(supervisor.state, 'quarantined');
	t.equal(supervisor.starts, 3);
	t.equal(supervisor.host, undefined);
	await until('a report of each', () => crashes.length === 3);
});

t.test('deaths of hosts that gave verdicts do not count', async (t) => {
	const worker = new SupervisedStandIn(1);
	const supervisor = makeSupervisor(t);

	await supervisor.start([worker]);
	// Never served: only the verdicts speak for them.
	supervisor.removeAllListeners('up');

	for (let kills = 0; kills < 6; kills++) {
		const up = nextEvent(supervisor, 'up');

		worker.verdicts++;
		process.kill(supervisor.host!.pid!, 'SIGSEGV');
		await up;
	}
	t.equal(supervisor.state, 'running');
	t.equal(supervisor.deaths, 6);
});

t.test('kills from outside do not count once a host has served', async (t) => {
	const supervisor = makeSupervisor(t);

	await supervisor.start([]);

	for (let kills = 0; kills < 6; kills++) {
		const recovered = nextEvent(supervisor, 'recovered');

		process.kill(supervisor.host!.pid!, 'SIGKILL');
		await recovered;
	}
	t.equal(supervisor.state, 'running');
});

t.test('a crash that comes after long service does not count either', async (t) => {
	const supervisor = makeSupervisor(t, {}, { delays: { ...delays, progressAfterMs: 0 } });

	await supervisor.start([]);

	for (let kills = 0; kills < 6; kills++) {
		const recovered = nextEvent(supervisor, 'recovered');

		process.kill(supervisor.host!.pid!, 'SIGABRT');
		await recovered;
	}
	t.equal(supervisor.state, 'running');
});

t.test('a worker that comes later gets the same host', async (t) => {
	const worker = new SupervisedStandIn(1);
	const supervisor = makeSupervisor(t);

	await supervisor.start([]);
	supervisor.addWorker(worker);
	supervisor.addWorker(worker);
	await supervisor.introduced(worker);
	t.equal(worker.tokens.length, 1);
});

t.test('a worker that is out of reach after a restart is tried again, and the others are served meanwhile', async (t) => {
	const lines: string[] = [];
	const supervisor = makeSupervisor(t, { refuse: [2] });

	await supervisor.start([new SupervisedStandIn(1)]);
	supervisor.on('log', (level, line) => lines.push(`${level}: ${line}`));

	const unreachable = new SupervisedStandIn(2);

	supervisor.addWorker(unreachable);
	await t.rejects(supervisor.introduced(unreachable), { code: 'MPH_ERR_WORKER_REFUSED' });
	await until('three tokens', () => unreachable.tokens.length >= 3);
	t.match(lines[0], /^error: .*worker 2 is out of reach; trying again in 1 ms/);
	t.equal(supervisor.state, 'running');
});

t.test('stop() ends the host in good order and nothing is restarted', async (t) => {
	const supervisor = makeSupervisor(t);

	await supervisor.start([]);

	const { host } = supervisor;
	let crashed = false;

	supervisor.on('crash', () => (crashed = true));
	supervisor.stop();
	t.same(await inTime('its end', host!.exited), { code: 0, signal: null });
	t.equal(supervisor.state, 'stopped');
	t.equal(supervisor.starts, 1);
	t.notOk(crashed);
});

t.test('stop() tells the host only when the workers have let go of it', async (t) => {
	const supervisor = makeSupervisor(t);
	const released = Promise.withResolvers<void>();

	await supervisor.start([]);

	const { host } = supervisor;

	supervisor.stop(released.promise);
	// It still answers.
	t.match(await host!.getStats(), [{ workerPid: 0 }]);
	released.resolve();
	t.same(await inTime('its end', host!.exited), { code: 0, signal: null });
});
