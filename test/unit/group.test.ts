// Plugins that share a host, with hosts and workers that stand in.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import t from 'tap';

import { Body, HostPhase } from '../../src/generated/control.js';
import { createPluginHost } from '../../src/index.ts';
import type { Plugin, PluginHost, PluginMessage, PluginOptions, PoisonReport } from '../../src/types.ts';
import { fixturePlugin } from '../helpers/binaries.ts';
import { nextEvent } from '../helpers/events.ts';
import { isAlive, standInHost, stopProcess } from '../helpers/processes.ts';
import { packetRecord } from '../helpers/records.ts';
import type { StandInConfig } from '../helpers/stand-in-host.ts';
import type { StandInOptions, StandInRouter } from '../helpers/stand-in-worker.ts';
import { StandInWorker, standInMediasoup } from '../helpers/stand-in-worker.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { until } from '../helpers/until.ts';
import { hostStateChanged, ok, poisonFound, readAttach, readIssueHostToken, readPromoteHost, readRemovePlugin, readSetLimits } from '../helpers/worker-messages.ts';

const file = fixturePlugin('accept-all');

type Grouped = Plugin<StandInConfig>;

type Stage = {
	readonly pluginHost: PluginHost;
	readonly worker: StandInWorker;
	readonly router: StandInRouter;
	readonly log: readonly string[];
	readonly crashDir: string;
	/** Creates one of group "g", which calls itself so. */
	readonly create: (name: string, options?: Partial<PluginOptions<StandInConfig>>) => Promise<Grouped>;
};

/** The worker promotes as it is told. */
async function stage(t: Test, answers: StandInOptions['answers'] = {}): Promise<Stage> {
	const mediasoup = standInMediasoup();
	const log: string[] = [];
	const crashDir = tempDir();
	const logger = { info: (line: string) => log.push(line), warn: (line: string) => log.push(line) };
	const pluginHost = await createPluginHost({ mediasoup, hostBin: standInHost, logger, crashDir });
	const worker = await StandInWorker.create(mediasoup, (await pluginHost.dump()).dir, {
		answers: {
			...answers,
			[Body.PromoteHost]: (request) => {
				const promote = readPromoteHost(request);

				return [hostStateChanged(promote.pluginId()!, promote.hostPid(), HostPhase.Serving), ok(request.id)];
			},
		},
	});

	t.teardown(() => (pluginHost.close(), worker.close()));

	return {
		...{ pluginHost, worker, log, crashDir, router: worker.createRouter('router-1') },
		create: (name, { config, ...options } = {}) =>
			pluginHost.createPlugin<StandInConfig>({ file, group: 'g', config: { name, packets: 1, ...config }, ...options }),
	};
}

/** What its host runs, by name. */
const pluginsOf = async (plugin: Grouped): Promise<string> => ((await plugin.request('plugins')) as string[]).join(' ');
const hostOf = async (plugin: Grouped): Promise<number> => ((await plugin.request('who')) as { host: number }).host;

/** Says that the next host to come is warm; resolves with it. */
async function nextWarm({ worker }: Stage, plugin: Grouped, unitId = plugin.id): Promise<number> {
	const { hostPid } = plugin;
	const pid = await until('one more host', async () => (await plugin.dump()).hostPids.find((other) => other !== hostPid));

	worker.say(hostStateChanged(unitId, pid, HostPhase.Warm));

	return pid;
}

t.test('plugins of a group share one process, without a restart when one joins; others have their own', async (t) => {
	const { create, pluginHost, worker } = await stage(t);
	const a = await create('a');
	const { hostPid } = a;
	const b = await create('b');
	const alone = await pluginHost.createPlugin({ file });
	const other = await create('c', { group: 'h' });

	t.same([a.hostPid, b.hostPid], [hostPid, hostPid]);
	t.same([a.group, b.group, alone.group, other.group], ['g', 'g', undefined, 'h']);
	t.equal(new Set([hostPid, alone.hostPid, other.hostPid]).size, 3);
	t.same([a.name, b.name], ['a', 'b']);
	t.equal(await hostOf(b), hostPid);
	t.equal((await a.getStats()).host.starts, 1);
	t.equal(worker.requestsOf(Body.IssueHostToken).filter((request) => readIssueHostToken(request).pluginId() === a.id).length, 1);
});

t.test('two that are created at once share it as well', async (t) => {
	const { create } = await stage(t);
	const [a, b] = await Promise.all([create('a'), create('b')]);

	t.equal(a.hostPid, b.hostPid);
	t.same([a.name, b.name], ['a', 'b']);
});

t.test('workers know the group by one id, and each plugin as a member of it', async (t) => {
	const { create, worker, router } = await stage(t);
	const [a, b] = [await create('a'), await create('b')];

	await b.attach({ router });
	await a.attach({ router });
	t.same(
		worker.requestsOf(Body.Attach).map((request) => [readAttach(request).pluginId(), readAttach(request).member()]),
		[[a.id, b.id], [a.id, a.id]],
	);
});

t.test('options of the host are those of the first, or left out', async (t) => {
	const { create } = await stage(t);
	const first = await create('a', { standby: false, hangMs: 300, placement: 'shared', memoryLimit: 2 ** 30, crashBudget: 7, limits: { packetsPerSecond: 9 } });

	for (const [options, message] of [
		[{ standby: true }, /^createPlugin\(\): option "standby" is true; the first plugin of group "g" has false/],
		[{ hangMs: 301 }, /"hangMs" is 301; the first plugin of group "g" has 300/],
		[{ placement: 'auto' }, /"placement" is 'auto'; .* has 'shared'/],
		[{ memoryLimit: 2 ** 31 }, /"memoryLimit" is 2147483648; .* has 1073741824/],
		[{ crashBudget: 5 }, /"crashBudget" is 5; .* has 7/],
		[{ limits: { packetsPerSecond: 10 } }, /"limits" is \{ packetsPerSecond: 10 \}; .* has \{ packetsPerSecond: 9 \}/],
	] as const) {
		await t.rejects(create('b', options), { name: 'InvalidOptionError', code: 'MPH_ERR_OPTION_VALUE', message });
	}

	const second = await create('b', { hangMs: 300, limits: { packetsPerSecond: 9 } });

	t.equal(second.hostPid, first.hostPid);
	t.equal(second.placement, 'shared');
	await t.rejects(create('b', { group: '' }), { code: 'MPH_ERR_OPTION_VALUE' });
});

t.test('one that cannot be loaded is refused, and the others do not notice', async (t) => {
	const { create, pluginHost, router } = await stage(t);
	const a = await create('a');
	const { hostPid } = a;
	const attachment = await a.attach({ router });

	a.on('crash', () => t.fail('nothing died'));
	attachment.on('absent', () => t.fail('it never was absent'));
	await t.rejects(create('b', { config: { failAtLoad: 'it is torn' } }), { code: 'MPH_ERR_PLUGIN_FILE', message: 'it is torn' });
	t.same((await pluginHost.dump()).pluginIds, [a.id]);
	t.equal(await hostOf(a), hostPid);
	t.ok(attachment.active);

	// Nor is it in the next host.
	const recovered = nextEvent(a, 'recovered');

	a.removeAllListeners('crash');
	attachment.removeAllListeners('absent');
	process.kill(hostPid!, 'SIGKILL');
	await until('the next host', () => a.hostPid !== undefined && a.hostPid !== hostPid);
	attachment.close();
	await recovered;
	t.equal((await create('c')).hostPid, a.hostPid);
	t.equal(await pluginsOf(a), 'a c');
});

t.test('one that makes the host die is refused, and the next host is without it', async (t) => {
	const { create, router } = await stage(t);
	const a = await create('a');
	const { hostPid } = a;
	const attachment = await a.attach({ router });
	const crash = nextEvent(a, 'crash');

	await t.rejects(create('b', { config: { exitAtLoad: 4 } }), { code: 'MPH_ERR_HOST_DIED', message: /exited with code 4/ });
	await until('the next host', () => a.hostPid !== undefined && a.hostPid !== hostPid);
	attachment.close();
	t.match(await crash, { pid: hostPid, code: 4 });
	t.equal(await pluginsOf(a), 'a');
});

t.test('a first one that fails takes nobody with it', async (t) => {
	const { create } = await stage(t);
	const [first, second] = await Promise.allSettled([create('a', { config: { exitAtLoad: 4 } }), create('b')]);

	t.match(first, { status: 'rejected', reason: { code: 'MPH_ERR_HOST_DIED' } });
	t.match(second, { status: 'fulfilled', value: { name: 'b' } });
});

t.test('the standby has whoever joins later', async (t) => {
	const staged = await stage(t);
	const { create, worker } = staged;
	const a = await create('a', { standby: true });
	const standby = await nextWarm(staged, a);
	const { hostPid } = a;

	await until('the standby', () => a.standbyPid === standby);

	const b = await create('b');

	process.kill(hostPid!, 'SIGKILL');
	worker.say(hostStateChanged(a.id, hostPid!, HostPhase.Gone, 'its connection ended'));
	worker.say(hostStateChanged(a.id, standby, HostPhase.Serving));
	await until('the change', () => b.hostPid === standby);
	t.equal(await hostOf(b), standby);
	t.equal(await hostOf(a), standby);
	t.equal(await pluginsOf(a), 'a b');
});

t.test('a standby that cannot load whoever joins is replaced by one that can', async (t) => {
	const staged = await stage(t);
	const { create, log } = staged;
	const a = await create('a', { standby: true });
	const standby = await nextWarm(staged, a);

	await until('the standby', () => a.standbyPid === standby);
	await stopProcess(standby);

	const creating = create('b');

	// The other one has it long before.
	process.kill(standby, 'SIGKILL');

	const b = await creating;

	await until('that is known', () => log.some((line) => line.includes(`the standby, host ${standby}, is gone`)));

	const next = await until('another one', async () => (await b.dump()).hostPids.find((pid) => pid !== b.hostPid && pid !== standby));

	t.ok(isAlive(next));
});

t.test('closing one unloads it, closing the last one ends the host', async (t) => {
	const { create, worker, router } = await stage(t);
	const [a, b] = [await create('a'), await create('b')];
	const { hostPid } = a;
	const [ofA, ofB] = [await a.attach({ router }), await b.attach({ router })];
	const closed = nextEvent(ofA, 'pluginclose');

	a.close();
	await closed;
	t.notOk(ofB.closed);
	await until('its end there', () => worker.requestsOf(Body.Detach).length === 1);
	t.same(worker.requestsOf(Body.RemovePlugin), []);
	await t.rejects(a.request('methods'), { code: 'MPH_ERR_CLOSED' });
	t.equal(await hostOf(b), hostPid);
	await until('that it is unloaded', async () => (await pluginsOf(b)) === 'b');
	await t.resolves(b.attach({ router }));

	b.close();
	await until('the end', () => !isAlive(hostPid!));
	t.same(worker.requestsOf(Body.RemovePlugin).map((request) => readRemovePlugin(request).pluginId()), [a.id]);

	// And the group may begin anew.
	t.not((await create('c', { standby: true })).hostPid, hostPid);
});

t.test('the next host runs who is there, not who has left', async (t) => {
	const { create, log } = await stage(t);
	const [a, b, c] = [await create('a', { config: { snapshot: 'of a' } }), await create('b', { config: { snapshot: 'of b' } }), await create('c')];
	const { hostPid } = b;

	a.close();
	process.kill(hostPid!, 'SIGKILL');
	await until('the next one', () => b.hostPid !== undefined && b.hostPid !== hostPid);
	t.same([await hostOf(b), await hostOf(c)], [b.hostPid, b.hostPid]);
	t.equal(await pluginsOf(c), 'b c');
	t.notOk(log.some((line) => line.startsWith('a: was given')));
	t.same([b.name, c.name], ['b', 'c']);
});

t.test('events of the host reach each of them, and none that has left', async (t) => {
	const { create, worker, router } = await stage(t);
	const [a, b, c] = [await create('a'), await create('b'), await create('c')];
	const { hostPid } = a;
	const attachment = await b.attach({ router });

	c.close();
	c.on('crash', () => t.fail('it is closed'));

	const crashes = [a, b].map((plugin) => nextEvent(plugin, 'crash'));
	const poisons = [a, b].map((plugin) => nextEvent<PoisonReport>(plugin, 'poison'));
	const recovered = [a, b].map((plugin) => nextEvent(plugin, 'recovered'));
	const absent = nextEvent(attachment, 'absent');

	worker.say(poisonFound(a.id, 'router-1', hostPid!, packetRecord(1)));
	process.kill(hostPid!, 'SIGSEGV');
	worker.say(hostStateChanged(a.id, hostPid!, HostPhase.Gone, 'its connection ended', 1));
	await absent;

	const [one, two] = await Promise.all(poisons);

	t.same(one, two);
	t.match(one!.file, /\/a_b-.*\.pcapng$/, 'saved once, under the names of both');
	t.match(await Promise.all(crashes), [{ pid: hostPid, held: 1 }, { pid: hostPid, held: 1 }]);
	await until('the next host', () => a.hostPid !== undefined && a.hostPid !== hostPid);
	attachment.close();
	t.same(await Promise.all(recovered), [await recovered[0], await recovered[0]]);
});

t.test("limits are the group's, and each of them may change them", async (t) => {
	const { create, worker } = await stage(t);
	const a = await create('a', { limits: { packetsPerSecond: 9 } });

	await until('they are told', () => worker.requestsOf(Body.SetLimits).length === 1);
	await (await create('b')).setLimits({ bytesPerSecond: 5 });
	t.same(
		worker.requestsOf(Body.SetLimits).map(readSetLimits).map((sent) => [sent.pluginId(), sent.packetsPerSecond(), sent.bytesPerSecond()]),
		[[a.id, 9, 0], [a.id, 9, 5]],
	);
});

t.test('quarantine is of all of them, and lifted for all', async (t) => {
	const { create, router } = await stage(t);
	const [a, b] = [await create('a', { crashBudget: 1 }), await create('b')];
	const quarantines = [a, b].map((plugin) => nextEvent(plugin, 'quarantine'));

	process.kill(a.hostPid!, 'SIGABRT');
	await Promise.all(quarantines);
	t.ok(a.quarantined && b.quarantined);
	await t.rejects(b.attach({ router }), { code: 'MPH_ERR_QUARANTINED' });
	await t.rejects(create('c'), { code: 'MPH_ERR_QUARANTINED' });
	await b.release();
	t.notOk(a.quarantined || b.quarantined);
	t.same([await hostOf(a), await hostOf(b)], [b.hostPid, b.hostPid]);
});

t.test('stats, logs and messages are told by plugin', async (t) => {
	const { create, log } = await stage(t);
	const [a, b] = [await create('a', { config: { snapshot: 'of a', packets: 3 } }), await create('b', { config: { packets: 5 } })];
	const lines: string[] = [];

	t.match((await a.getStats()).instances, [{ packets: 3 }]);
	t.match((await b.getStats()).instances, [{ packets: 5 }]);
	t.equal((await a.getStats()).instances.length, 1);

	a.on('message', () => t.fail('it is of b'));

	const message = nextEvent<PluginMessage>(b, 'message');

	await b.notify('post', 1);
	t.match(await message, { name: 'posted', body: 1 });
	a.observer.on('log', (_, line) => lines.push(line));
	b.observer.on('log', (_, line) => t.notMatch(line, /of a/));

	const { hostPid } = a;

	process.kill(hostPid!, 'SIGKILL');
	await until('the snapshot in the next host', () => lines.some((line) => line.startsWith('was given "of a"')));
	t.ok(log.some((line) => line.startsWith('a: was given "of a"')));
});

t.test('restart() is of the whole group', async (t) => {
	const staged = await stage(t);
	const [a, b] = [await staged.create('a'), await staged.create('b')];
	const restarted = [a, b].map((plugin) => nextEvent(plugin, 'restarted'));
	const warm = nextWarm(staged, b, a.id);

	await b.restart();
	await Promise.all(restarted);
	t.same([await hostOf(a), await hostOf(b)], [await warm, await warm]);
});

t.test('upgrade() changes one of them, and the others are as they were', async (t) => {
	const staged = await stage(t);
	const [a, b] = [await staged.create('a'), await staged.create('b')];
	const other = join(tempDir(), 'other.so');

	writeFileSync(other, '');

	const warm = nextWarm(staged, b, a.id);

	await b.upgrade({ file: other, config: { name: 'better b', packets: 1, version: '2.0.0' } });
	t.same([a.hostPid, b.hostPid], [await warm, await warm]);
	t.same([a.name, a.version, a.file], ['a', '1.0.0', file]);
	t.same([b.name, b.version, b.file], ['better b', '2.0.0', other]);
});

t.test('one that joins while the host is replaced is in the new one', async (t) => {
	const staged = await stage(t);
	const a = await staged.create('a');
	const restarting = a.restart();
	const creating = staged.create('b');
	const pid = await nextWarm(staged, a);

	await restarting;

	const b = await creating;

	t.same([b.hostPid, await hostOf(b)], [pid, pid]);
	t.equal(await pluginsOf(a), 'a b');
});

t.test('one that leaves while the host is replaced is not', async (t) => {
	// The worker does not let go of it before all is over.
	const staged = await stage(t, { [Body.Detach]: () => undefined });
	const [a, b] = [await staged.create('a'), await staged.create('b')];

	await a.attach({ router: staged.router });

	const upgrading = t.resolves(b.upgrade({ config: { name: 'b', packets: 1 } }));

	await until('the new one', async () => (await b.dump()).hostPids.length === 2);
	a.close();
	await nextWarm(staged, b, a.id);
	await upgrading;

	const { hostPid } = b;

	process.kill(hostPid!, 'SIGKILL');
	await until('the next one', () => b.hostPid !== undefined && b.hostPid !== hostPid);
	t.equal(await pluginsOf(b), 'b');
});

t.test('nor is one that leaves while the new one loads it', async (t) => {
	const staged = await stage(t);
	const [a, b] = [await staged.create('a'), await staged.create('b', { config: { loadMs: 200 } })];
	const { hostPid } = a;
	const restarting = a.restart();

	await until('the new one', async () => (await a.dump()).hostPids.length === 2);
	b.close();
	await nextWarm(staged, a);
	await restarting;
	t.not(a.hostPid, hostPid);
	await until('that it is unloaded', async () => (await pluginsOf(a)) === 'a');
});
