// What a plugin tells of its hosts, with a worker that stands in.

import { chmodSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Test } from 'tap';
import t from 'tap';

import { directoryVariable, hostUserVariable } from '../../src/app-dir.ts';
import { Body, HostPhase } from '../../src/generated/control.js';
import { createPluginHost } from '../../src/index.ts';
import { readCrashCapture } from '../../src/pcapng.ts';
import type { HostCrash, HostRestart, Plugin, PluginHost, PluginHostOptions, PluginOptions, PoisonReport } from '../../src/types.ts';
import { fixturePlugin } from '../helpers/binaries.ts';
import { nextEvent } from '../helpers/events.ts';
import { hostScript, isAlive, standInHost } from '../helpers/processes.ts';
import { packetRecord } from '../helpers/records.ts';
import type { StandInConfig } from '../helpers/stand-in-host.ts';
import type { StandInRouter } from '../helpers/stand-in-worker.ts';
import { StandInWorker, standInMediasoup } from '../helpers/stand-in-worker.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { until } from '../helpers/until.ts';
import { hostStateChanged, ok, poisonFound, readIssueHostToken, readPromoteHost } from '../helpers/worker-messages.ts';

const file = fixturePlugin('accept-all');

type Stage = {
	readonly pluginHost: PluginHost;
	readonly plugin: Plugin<StandInConfig>;
	readonly worker: StandInWorker;
	readonly router: StandInRouter;
	readonly log: string[];
};

/** A plugin whose host serves; the worker promotes as it is told. */
async function stage(t: Test, options: Partial<PluginOptions<StandInConfig>> = {}, hostOptions: Partial<PluginHostOptions> = {}): Promise<Stage> {
	const mediasoup = standInMediasoup();
	const log: string[] = [];
	const logger = { error: (line: string) => log.push(line) };
	const pluginHost = await createPluginHost({ mediasoup, hostBin: standInHost, logger, ...hostOptions });
	let serving = 0;
	const worker = await StandInWorker.create(mediasoup, (await pluginHost.dump()).dir, {
		answers: {
			[Body.PromoteHost]: (request) => {
				const hostPid = readPromoteHost(request).hostPid();
				const stopped = hostStateChanged(plugin.id, serving, HostPhase.Warm);

				serving = hostPid;

				return [stopped, hostStateChanged(plugin.id, hostPid, HostPhase.Serving), ok(request.id)];
			},
		},
	});

	t.teardown(() => (pluginHost.close(), worker.close()));

	const plugin = await pluginHost.createPlugin<StandInConfig>({ file, config: { packets: 1 }, ...options });

	serving = plugin.hostPid!;
	worker.say(hostStateChanged(plugin.id, serving, HostPhase.Serving));

	return { pluginHost, plugin, worker, router: worker.createRouter('router-1'), log };
}

/** Says that the next host to come is warm; resolves with it. */
async function nextWarm({ plugin, worker }: Stage): Promise<number> {
	const { hostPid } = plugin;
	const pid = await until('one more host', async () => (await plugin.dump()).hostPids.find((other) => other !== hostPid));

	worker.say(hostStateChanged(plugin.id, pid, HostPhase.Warm));

	return pid;
}

t.test('it is restarted: another host, nothing else', async (t) => {
	const staged = await stage(t);
	const { plugin, router } = staged;
	const { hostPid } = plugin;
	const attachment = await plugin.attach({ router });
	const restarted = nextEvent(plugin, 'restarted');

	attachment.on('absent', () => t.fail('it never was absent'));

	const warm = nextWarm(staged);

	await plugin.restart();
	t.equal(plugin.hostPid, await warm);
	t.match(await restarted, { pid: plugin.hostPid, previousPid: hostPid, tookMs: Number });
	await until('the end of the old one', () => !isAlive(hostPid!));
	t.ok(attachment.active);
});

t.test('it is upgraded: what it says of itself is of the new one', async (t) => {
	const staged = await stage(t);
	const { plugin } = staged;
	const other = join(t.testdir({}), 'other.so');
	const names: unknown[] = [];

	writeFileSync(other, '');
	t.match(plugin, { file, version: '1.0.0', config: { packets: 1 } });
	plugin.on('restarted', () => names.push(plugin.file, plugin.version));

	const warm = nextWarm(staged);

	await plugin.upgrade({ file: other, config: { packets: 1, version: '2.0.0' } });
	await warm;
	t.match(plugin, { file: other, version: '2.0.0', config: { packets: 1, version: '2.0.0' } });
	t.match(await plugin.dump(), { file: other, version: '2.0.0' });
	t.same(names, [other, '2.0.0'], 'a listener sees it, too');
});

t.test('an upgrade that fails changes nothing', async (t) => {
	const { plugin, router } = await stage(t);
	const { hostPid, config } = plugin;
	const attachment = await plugin.attach({ router });

	attachment.on('absent', () => t.fail('it never was absent'));
	await t.rejects(plugin.upgrade({ file: '/nowhere/plugin.so' }), { code: 'MPH_ERR_PLUGIN_FILE' });
	await t.rejects(plugin.upgrade({ file: '/some/plugin.mjs' }), { code: 'MPH_ERR_PLUGIN_FILE' });
	await t.rejects(plugin.upgrade({ config: { failAtLoad: 'it does not like its config' } }), { message: 'it does not like its config' });
	t.match(plugin, { file, config, hostPid, version: '1.0.0' });
	t.ok(attachment.active);
	plugin.close();
	await t.rejects(plugin.restart(), { code: 'MPH_ERR_CLOSED' });
	await t.rejects(plugin.upgrade(), { code: 'MPH_ERR_CLOSED' });
	await t.rejects(plugin.release(), { code: 'MPH_ERR_CLOSED' });
});

t.test('with a standby attachments stay active when the host dies', async (t) => {
	const staged = await stage(t, { standby: true });
	const { plugin, worker, router } = staged;
	const { hostPid } = plugin;
	const standby = await nextWarm(staged);
	const attachment = await plugin.attach({ router });

	await until('the standby', () => plugin.standbyPid === standby);
	t.match((await plugin.getStats()).host, { pid: hostPid, standbyPid: standby });
	attachment.on('absent', () => t.fail('it never was absent'));

	const recovered = nextEvent(plugin, 'recovered');

	process.kill(hostPid!, 'SIGKILL');
	await until('the change', () => plugin.hostPid === standby);
	t.ok(attachment.active);
	worker.say(hostStateChanged(plugin.id, hostPid!, HostPhase.Gone, 'its connection ended'));
	worker.say(hostStateChanged(plugin.id, standby, HostPhase.Serving));
	t.match(await recovered, { pid: standby, standby: true });
	t.equal(worker.requestsOf(Body.IssueHostToken).length, 3);
});

t.test('its options reach the worker and the host', async (t) => {
	const { plugin, worker } = await stage(t, { hangMs: 250, memoryLimit: 2 ** 33 });

	t.equal(readIssueHostToken(worker.requestsOf(Body.IssueHostToken)[0]!).hangMs(), 250);
	t.match((await plugin.getStats()).instances, [{ counters: { 'memory limit': 2 ** 33 } }]);
});

t.test('quarantine is told, refuses what needs a host, and is lifted', async (t) => {
	const { plugin, router, log } = await stage(t, { crashBudget: 1 });
	const attachment = await plugin.attach({ router });
	const quarantine = nextEvent(plugin, 'quarantine');
	const observed = nextEvent(plugin.observer, 'quarantine');

	await plugin.release();
	plugin.on('died', () => t.fail('it is not given up for good'));
	process.kill(plugin.hostPid!, 'SIGABRT');
	t.match(await quarantine, { deathsInRow: 1, error: { code: 'MPH_ERR_QUARANTINED' } });
	await observed;
	t.match(log, [/quarantined/]);
	t.ok(plugin.quarantined);
	t.notOk(plugin.died);
	t.notOk(attachment.closed);
	t.notOk(attachment.active);
	t.equal(plugin.hostPid, undefined);
	await t.rejects(plugin.attach({ router }), { code: 'MPH_ERR_QUARANTINED' });
	await t.rejects(plugin.restart(), { code: 'MPH_ERR_QUARANTINED' });

	await t.rejects(plugin.upgrade({ config: { exitAtLoad: 3 } }), { code: 'MPH_ERR_HOST_DIED' });
	t.ok(plugin.quarantined);
	t.same(plugin.config, { packets: 1 });

	await plugin.release();
	t.notOk(plugin.quarantined);
	t.ok(isAlive(plugin.hostPid!));
	await plugin.attach({ router });
});

t.test('a packet that hosts die of is saved, and the crash report names the file', async (t) => {
	const crashDir = tempDir();
	const { plugin, worker } = await stage(t, {}, { crashDir });
	const { hostPid } = plugin;
	const poison = nextEvent<PoisonReport>(plugin, 'poison');
	const crash = nextEvent<HostCrash>(plugin, 'crash');

	worker.say(poisonFound(plugin.id, 'router-1', hostPid!, Buffer.concat([packetRecord(6), packetRecord(7)])));
	worker.say(hostStateChanged(plugin.id, hostPid!, HostPhase.Gone, 'its connection ended', 1));
	process.kill(hostPid!, 'SIGSEGV');

	const { file: saved, ...report } = await poison;

	t.same(report, { routerId: 'router-1', hostPid, signal: 'SIGSEGV' });
	t.same(readdirSync(crashDir).map((name) => join(crashDir, name)), [saved]);
	t.match(saved, new RegExp(`/stand-in-[^/]*-${hostPid}\\.pcapng$`));
	t.match(await readCrashCapture(saved!), {
		...{ pluginName: 'stand-in', pluginVersion: '1.0.0', pluginFile: file, config: { packets: 1 }, routerId: 'router-1', hostPid, signal: 'SIGSEGV' },
		packets: [{ sequenceNumber: 6 }, { sequenceNumber: 7 }],
	});
	t.match(await crash, { pid: hostPid, poison: [saved], reason: /of a packet that is in .*\.pcapng/ });
});

t.test('a capture that cannot be written is no reason not to tell', async (t) => {
	const { plugin, worker, log } = await stage(t, {}, { crashDir: join(file, 'crashes') });
	const poison = nextEvent<PoisonReport>(plugin, 'poison');

	worker.say(poisonFound(plugin.id, 'router-1', plugin.hostPid!, packetRecord(1)));
	process.kill(plugin.hostPid!, 'SIGSEGV');
	t.match(await poison, { file: undefined, signal: 'SIGSEGV' });
	t.match(log[0], /cannot save the packet that host \d+ of plugin stand-in died of: .*ENOTDIR/);
});

t.test('hosts run under the user that is named, and the directory lets them pass', { skip: process.getuid?.() !== 0 && 'only root may do that' }, async (t) => {
	const mediasoup = standInMediasoup();
	const hostUser = { uid: 65_534, gid: 65_533 };
	const lines: string[] = [];
	const hostBin = hostScript(`id -u; id -g; id -G; env | grep -c '^MEDIASOUP_PLUGIN_HOST'; exit 0`);

	chmodSync(dirname(hostBin), 0o755);

	const pluginHost = await createPluginHost({ mediasoup, hostBin, hostUser, logger: { info: (line) => lines.push(line) } });

	t.teardown(() => pluginHost.close());

	const { dir } = await pluginHost.dump();

	t.equal(process.env[hostUserVariable], '65534');
	t.equal(statSync(dir).mode & 0o777, 0o711);
	t.equal(statSync(join(dir, 'token')).mode & 0o777, 0o600);
	await t.rejects(pluginHost.createPlugin({ file }), { code: 'MPH_ERR_HOST_DIED' });
	await until('four lines', () => lines.length >= 4);
	t.same(lines.slice(0, 4), [': 65534', ': 65533', ': 65533', ': 0']);
	pluginHost.close();
	t.equal(process.env[hostUserVariable], undefined);
});

t.test('without one the directory is closed to others, and the variable is not there', async (t) => {
	process.env[hostUserVariable] = 'of a parent app';
	t.teardown(() => delete process.env[hostUserVariable]);

	const pluginHost = await createPluginHost({ mediasoup: standInMediasoup() });

	t.equal(statSync(process.env[directoryVariable]!).mode & 0o777, 0o700);
	t.equal(process.env[hostUserVariable], undefined);
	pluginHost.close();
	t.equal(process.env[hostUserVariable], 'of a parent app');
});

t.test('with `watch` it is restarted when its file is saved; what does not run is told of, and the old one serves on', async (t) => {
	const watched = join(t.testdir({ 'watched.so': 'one' }), 'watched.so');
	const staged = await stage(t, { file: watched, watch: true });
	const { plugin, router } = staged;
	const { hostPid } = plugin;
	const attachment = await plugin.attach({ router });
	const restarted = nextEvent<HostRestart>(plugin, 'restarted');

	attachment.on('absent', () => t.fail('it never was absent'));
	writeFileSync(watched, 'two');

	const pid = await nextWarm(staged);

	t.match(await restarted, { pid, previousPid: hostPid });

	// Its process ends before it is warm.
	const failed = nextEvent<Error>(plugin, 'reloadfailed');

	writeFileSync(watched, 'three');
	process.kill(await until('one more host', async () => (await plugin.dump()).hostPids.find((other) => other !== pid && other !== hostPid)), 'SIGKILL');
	t.match(await failed, { code: 'MPH_ERR_HOST_DIED' });
	t.equal(plugin.hostPid, pid);
	t.match(staged.log, [/accept|stand-in.*: what was saved does not run, and what ran before serves on: .*SIGKILL/]);

	plugin.close();
	writeFileSync(watched, 'four');
});

t.test('a file that is saved while the app has the plugin restarted is loaded afterwards', async (t) => {
	const watched = join(t.testdir({ 'watched.so': 'one' }), 'watched.so');
	const staged = await stage(t, { file: watched, watch: true });
	const { plugin, worker } = staged;
	const pids: number[] = [];

	plugin.on('restarted', ({ pid }) => pids.push(pid));

	const restarting = plugin.restart();

	writeFileSync(watched, 'two');
	await until('two restarts', async () => {
		for (const pid of (await plugin.dump()).hostPids) {
			if (pid !== plugin.hostPid) {
				worker.say(hostStateChanged(plugin.id, pid, HostPhase.Warm));
			}
		}

		return pids.length === 2;
	});
	await restarting;
	t.not(pids[0], pids[1]);
});
