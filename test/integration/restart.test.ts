// Hosts that are replaced while calls go on, with the real worker and the real native host: as planned, by a standby, after a hang, and when a
// packet is to blame. What counts is what receivers get.

import { chmodSync, copyFileSync, existsSync } from 'node:fs';
import { basename, join } from 'node:path';

import * as mediasoup from 'mediasoup';
import type { types } from 'mediasoup';
import type { Test } from 'tap';
import t from 'tap';

import type { AttachOptions, Attachment, HostCrash, HostQuarantine, HostRecovery, Plugin, PluginHost, PluginHostOptions, PluginOptions, PoisonReport } from '../../src/index.ts';
import { createPluginHost } from '../../src/index.ts';
import { findNativeHostBin } from '../../src/native-host-bin.ts';
import { readCrashCapture } from '../../src/pcapng.ts';
import { fixturePlugin } from '../helpers/binaries.ts';
import type { Call } from '../helpers/call.ts';
import { isAscending, isGapless, mediaCodecs, openCall } from '../helpers/call.ts';
import { nextEvent } from '../helpers/events.ts';
import { isAlive, stopProcess } from '../helpers/processes.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { until } from '../helpers/until.ts';

type SieveConfig = { readonly n?: number; readonly crashOn?: number; readonly hangOn?: number; readonly exitInFirst?: number };

type Stage = {
	readonly pluginHost: PluginHost;
	readonly worker: types.Worker;
	readonly router: types.Router;
	readonly plugin: Plugin<SieveConfig>;
	readonly attachment: Attachment;
	readonly call: Call;
};

/** A filter that drops every number that `n` divides, whoever runs it, on one call. Nothing else may take a packet out or let it pass. */
async function stage(
	t: Test,
	options: Partial<PluginOptions<SieveConfig>> = {},
	attach: Partial<AttachOptions> = {},
	hostOptions: Partial<PluginHostOptions> = {},
): Promise<Stage> {
	const pluginHost = await createPluginHost({ mediasoup, ...hostOptions });
	const worker = await mediasoup.createWorker({ workerBin: pluginHost.workerBin });

	t.teardown(() => (pluginHost.close(), worker.close()));

	const router = await worker.createRouter({ mediaCodecs });
	// Only where a test says so is a host that does nothing for long a dead one.
	const plugin = await pluginHost.createPlugin<SieveConfig>({ file: fixturePlugin('sieve'), config: { n: 5 }, hangMs: 60_000, ...options });
	const attachment = await plugin.attach({ mode: 'filter', ...attach, router, deadlineMs: 5_000 } as AttachOptions);
	const call = await openCall(router);

	t.teardown(() => call.close());

	return { pluginHost, worker, router, plugin, attachment, call };
}

/** Sends all the time, a thousand packets a second or so; stop() resolves with how many those were. */
function sendSteadily(call: Call): { readonly sent: () => number; readonly stop: () => Promise<number> } {
	let sent = 0;
	let stopped = false;
	const sending = (async () => {
		while (!stopped) {
			for (let burst = 0; burst < 4; burst++) {
				await call.send(++sent);
			}
			await new Promise((resolve) => setTimeout(resolve, 2));
		}
	})();

	return {
		sent: () => sent,
		async stop() {
			stopped = true;
			await sending;

			return sent;
		},
	};
}

/** Every packet that the filter lets pass arrived, once and in order, and no other. */
async function checkReceived(t: Test, { call, attachment }: Stage, sent: number, n = 5): Promise<void> {
	const due = sent - Math.floor(sent / n);

	await until('all that is due', async () => {
		const { accepted, dropped, held } = await attachment.getStats();

		return held === 0 && accepted + dropped >= sent && call.received.length >= due;
	}).catch(() => {});

	const numbers = call.received.map(({ number }) => number);
	const expected = Array.from({ length: sent }, (_, index) => index + 1).filter((number) => number % n !== 0);

	t.same(numbers.filter((number) => number % n === 0), [], 'none unfiltered');
	t.equal(numbers.length, due, 'none lost, none twice');
	t.same(expected.filter((number) => !numbers.includes(number)).slice(0, 10), []);
	t.ok(isAscending(call.received), 'none reordered');
	t.ok(isGapless(call.received), 'no gap');
	t.match(await attachment.getStats(), { accepted: due, dropped: sent - due, absentAccepted: 0, timeoutAccepted: 0, overflowAccepted: 0 });
}

async function standbyOf(plugin: Plugin<SieveConfig>): Promise<number> {
	return until('a standby', () => plugin.standbyPid);
}

t.test('a standby takes over from a host that is killed: nothing lost, nothing unfiltered, nothing absent', async (t) => {
	const staged = await stage(t, { standby: true }, { onAbsent: 'accept' });
	const { plugin, attachment, call } = staged;
	const gaps: number[] = [];

	attachment.on('absent', () => t.fail('it never was absent'));
	await standbyOf(plugin);

	const sender = sendSteadily(call);

	for (let kills = 0; kills < 10; kills++) {
		const standby = await standbyOf(plugin);
		const { hostPid } = plugin;
		const crash = nextEvent<HostCrash>(plugin, 'crash');
		const recovered = nextEvent<HostRecovery>(plugin, 'recovered');
		const before = sender.sent();

		await until('packets under way', () => sender.sent() >= before + 20);
		process.kill(hostPid!, 'SIGKILL');
		t.match(await crash, { pid: hostPid, signal: 'SIGKILL', hung: false });

		const { pid, downMs, standby: wasStandby } = await recovered;

		t.same([pid, wasStandby], [standby, true]);
		gaps.push(downMs);
	}
	await checkReceived(t, staged, await sender.stop());
	t.match((await plugin.getStats()).workers, [{ promotions: 10, disconnects: 10 }]);
	t.comment(`gaps as the app saw them: ${gaps.map((gap) => gap.toFixed(1)).join(' ')} ms`);
});

t.test('each worker promotes the standby on its own', async (t) => {
	const staged = await stage(t, { standby: true });
	const { pluginHost, plugin, call } = staged;
	const second = await mediasoup.createWorker({ workerBin: pluginHost.workerBin });

	t.teardown(() => second.close());

	const router = await second.createRouter({ mediaCodecs });
	const attachment = await plugin.attach({ router, mode: 'filter', deadlineMs: 5_000 });
	const other: Stage = { ...staged, router, attachment, call: await openCall(router) };

	t.teardown(() => other.call.close());

	const senders = [sendSteadily(call), sendSteadily(other.call)];

	for (let kills = 0; kills < 3; kills++) {
		await standbyOf(plugin);

		const recovered = nextEvent<HostRecovery>(plugin, 'recovered');

		process.kill(plugin.hostPid!, 'SIGKILL');
		t.match(await recovered, { standby: true });
	}
	await checkReceived(t, staged, await senders[0]!.stop());
	await checkReceived(t, other, await senders[1]!.stop());
});

t.test('restart() twenty times under way: nothing lost, nothing unfiltered', async (t) => {
	const staged = await stage(t);
	const { plugin, attachment, call } = staged;
	const pids = new Set([plugin.hostPid]);
	const took: number[] = [];

	attachment.on('absent', () => t.fail('it never was absent'));
	plugin.on('crash', () => t.fail('nothing crashed'));
	plugin.on('restarted', ({ tookMs }) => took.push(tookMs));

	const sender = sendSteadily(call);

	for (let restarts = 0; restarts < 20; restarts++) {
		await plugin.restart();
		pids.add(plugin.hostPid);
	}
	await checkReceived(t, staged, await sender.stop());
	t.equal(pids.size, 21);
	await until('the end of the others', async () => (await plugin.dump()).hostPids.length === 1);
	t.match((await plugin.getStats()).host, { starts: 21, deaths: 0 });
	t.comment(`each took ${took.map((ms) => ms.toFixed(0)).join(' ')} ms`);
});

t.test('a standby is renewed by a restart, and its successor takes over', async (t) => {
	const staged = await stage(t, { standby: true });
	const { plugin, call } = staged;
	const first = await standbyOf(plugin);
	const sender = sendSteadily(call);

	await plugin.restart();
	await until('its end', () => !isAlive(first));

	const standby = await standbyOf(plugin);
	const recovered = nextEvent<HostRecovery>(plugin, 'recovered');

	process.kill(plugin.hostPid!, 'SIGKILL');
	t.match(await recovered, { pid: standby, standby: true });
	await checkReceived(t, staged, await sender.stop());
});

t.test('an upgrade takes effect at one packet, and those before it were of the old one', async (t) => {
	const { plugin, attachment, call } = await stage(t);
	const sender = sendSteadily(call);

	await until('packets', () => call.received.length > 50);
	await plugin.upgrade({ config: { n: 7 } });
	t.match(plugin, { name: 'sieve', config: { n: 7 } });

	const changedBy = sender.sent();

	await until('more packets', () => sender.sent() > changedBy + 100);

	const sent = await sender.stop();

	await until('all verdicts', async () => {
		const { accepted, dropped } = await attachment.getStats();

		return accepted + dropped === sent && call.received.length === accepted;
	});

	const missing = new Set(Array.from({ length: sent }, (_, index) => index + 1));

	call.received.forEach(({ number }) => missing.delete(number));

	const numbers = Array.from({ length: sent }, (_, index) => index + 1);
	const isChange = (first: number): boolean => numbers.every((number) => missing.has(number) === (number % (number < first ? 5 : 7) === 0));

	t.ok(numbers.slice(50, changedBy + 1).some(isChange), 'one rule up to a packet, the other one from there on');
	t.ok(isGapless(call.received));
});

t.test('an upgrade that does not load, create or survive its first packet leaves the old one serving', async (t) => {
	const staged = await stage(t, { standby: true });
	const { plugin, attachment, call } = staged;
	const { hostPid, file, config } = plugin;

	attachment.on('absent', () => t.fail('it never was absent'));
	plugin.on('crash', () => t.fail('the plugin that serves did not crash'));

	const sender = sendSteadily(call);

	await t.rejects(plugin.upgrade({ file: fixturePlugin('no-entry') }), { code: 'MPH_ERR_PLUGIN_ABI' });
	await t.rejects(plugin.upgrade({ file: fixturePlugin('fails-in-create') }), { code: 'MPH_ERR_PLUGIN_CREATE' });
	await t.rejects(plugin.upgrade({ file: fixturePlugin('crash-on-nth'), config: {} }), {
		code: 'MPH_ERR_HOST_DIED',
		message: /was ended by SIGABRT before it had proved itself/,
	});
	await t.rejects(plugin.upgrade({ config: { exitInFirst: 1 } }), { code: 'MPH_ERR_HOST_DIED', message: /before it had proved itself/ });
	t.match(plugin, { hostPid, file, config, name: 'sieve' });
	await checkReceived(t, staged, await sender.stop());
	t.match((await plugin.getStats()).host.pid, hostPid);
});

t.test('an upgrade that hangs on its first packet is replaced by the old one', async (t) => {
	const staged = await stage(t, { hangMs: 1_000 });
	const { plugin, call } = staged;
	const { hostPid } = plugin;
	const sender = sendSteadily(call);

	await t.rejects(plugin.upgrade({ file: fixturePlugin('hang'), config: {} }), { code: 'MPH_ERR_HOST_DIED', message: /hang/ });
	t.equal(plugin.hostPid, hostPid);
	await checkReceived(t, staged, await sender.stop());
});

t.test('quarantine after deaths in a row, and release() lifts it', async (t) => {
	const { plugin, attachment, call } = await stage(t, { config: { n: 5, exitInFirst: 1 }, crashBudget: 2 }, { onAbsent: 'drop' });
	const quarantine = nextEvent<HostQuarantine>(plugin, 'quarantine');
	let [sent, crashes] = [0, 0];

	plugin.on('crash', () => crashes++);
	while (!plugin.quarantined) {
		await call.send(++sent);
		await until('its crash, and a host or none until further notice', () => crashes === sent && (attachment.active || plugin.quarantined));
	}
	t.match(await quarantine, { deathsInRow: 2, error: { code: 'MPH_ERR_QUARANTINED' } });
	t.equal(plugin.hostPid, undefined);
	t.notOk(attachment.active);

	const { absentDropped } = await attachment.getStats();

	await call.sendRange(sent + 1, sent + 10);
	await until('its policy', async () => (await attachment.getStats()).absentDropped >= absentDropped + 10);
	await plugin.upgrade({ config: { n: 5 } });
	t.notOk(plugin.quarantined);
	await until('it is served', () => attachment.active);

	const received = call.received.length;

	await call.sendRange(sent + 11, sent + 20);
	await until('8 of 10', () => call.received.length === received + 8);
	t.ok(isGapless(call.received));
});

t.test('what a plugin has seen reaches its successor: a standby, a planned one and the next one', async (t) => {
	const { plugin, call } = await stage(t, { standby: true });
	const restored = async (): Promise<number | undefined> => (await plugin.getStats()).instances.find(({ counters }) => counters['restored'])?.counters['restored'];
	let sent = 0;

	for (const replace of [
		async () => {
			const standby = await standbyOf(plugin);

			process.kill(plugin.hostPid!, 'SIGKILL');
			await until('the standby', () => plugin.hostPid === standby);
		},
		() => plugin.restart(),
		async () => {
			const [standby, active] = [await standbyOf(plugin), plugin.hostPid];

			process.kill(standby, 'SIGKILL');
			process.kill(active!, 'SIGKILL');
			await until('another one', () => plugin.hostPid !== undefined && ![standby, active].includes(plugin.hostPid));
		},
	]) {
		await call.sendRange(sent + 1, sent + 100);
		sent += 100;
		// The last snapshot has arrived when what the host answers later has.
		await until('all verdicts', async () => (await plugin.getStats()).attachments.reduce((sum, { accepted, dropped }) => sum + accepted + dropped, 0) >= sent);
		await plugin.getStats();
		await replace();
		await call.send(++sent);
		t.ok(await until('it restored what was seen', async () => ((await restored()) ?? 0) >= sent - 1));
	}
});

t.test('a packet that two hosts died of is skipped and saved, and calls go on', async (t) => {
	for (const mode of ['filter', 'observe'] as const) {
		const crashDir = tempDir();
		// A filter's packet comes again for a standby; without one it follows onAbsent. What is observed waits in the ring.
		const standby = mode === 'filter';
		const options: Partial<AttachOptions> = standby ? { mode, onAbsent: 'drop' } : { mode };
		const { plugin, attachment, call, pluginHost, worker, router } = await stage(t, { standby, config: { n: 5, crashOn: 101 } }, options, { crashDir });
		const poison = nextEvent<PoisonReport>(plugin, 'poison');
		const crashes: HostCrash[] = [];
		const [before, due] = standby ? [80, 80 + 79] : [100, 200];

		plugin.on('crash', (crash) => crashes.push(crash));
		if (standby) {
			await standbyOf(plugin);
		}
		await call.sendRange(1, 100);
		await until('those before it', () => call.received.length === before);
		await call.send(101);

		const { file, ...report } = await poison;

		t.match(report, { routerId: router.id, signal: 'SIGSEGV', hostPid: Number }, mode);
		t.ok(existsSync(file!));

		const capture = await readCrashCapture(file!);

		t.match(capture, { pluginName: 'sieve', pluginFile: plugin.file, config: { n: 5, crashOn: 101 }, routerId: router.id, signal: 'SIGSEGV' });
		t.match(capture.packets.at(-1), { sequenceNumber: 101 });
		await until('two reports', () => crashes.length === 2);
		t.match(crashes.map(({ poison }) => poison), [[], [file]]);
		await until('it is served', () => attachment.active && plugin.hostPid !== undefined);
		await call.sendRange(102, 200);
		await until('the rest', () => call.received.length === due);
		await until('what was seen', async () => (await plugin.getStats()).instances.some(({ counters }) => (counters['seen'] ?? 0) >= 99));
		t.notOk(plugin.quarantined);
		t.match((await plugin.getStats()).workers, [{ poisoned: 1 }]);
		t.ok(isGapless(call.received));
		pluginHost.close();
		worker.close();
	}
});

t.test('a host that is stopped hangs, is killed, and its standby goes on', async (t) => {
	const staged = await stage(t, { standby: true, hangMs: 1_000 });
	const { plugin, attachment, call } = staged;
	const standby = await standbyOf(plugin);
	const { hostPid } = plugin;
	const crash = nextEvent<HostCrash>(plugin, 'crash');
	const sender = sendSteadily(call);

	attachment.on('absent', () => t.fail('it never was absent'));
	await until('packets', () => call.received.length > 20);
	await stopProcess(hostPid!);
	t.match(await crash, { pid: hostPid, hung: true, signal: 'SIGKILL', reason: /hang/ });
	t.equal(plugin.hostPid, standby);
	await checkReceived(t, staged, await sender.stop());
});

t.test('a plugin in a busy loop hangs, too', async (t) => {
	const staged = await stage(t, { standby: true, hangMs: 1_000, config: { n: 5, hangOn: 101 } });
	const { plugin, call } = staged;
	const { hostPid } = plugin;
	const crash = nextEvent<HostCrash>(plugin, 'crash');

	await standbyOf(plugin);
	await call.sendRange(1, 101);
	t.match(await crash, { pid: hostPid, hung: true, signal: 'SIGKILL' });
	// Those of its batch come one by one from the standby.
	await until('those before it', () => call.received.length >= 80);
	await until('the end of it', () => !isAlive(hostPid!));
});

t.test('a host of another user serves, and finds nothing of the app', { skip: process.getuid?.() !== 0 && 'only root may do that' }, async (t) => {
	// The checkout may lie where that user cannot go.
	const dir = tempDir();
	const [hostBin, file] = [findNativeHostBin(undefined), fixturePlugin('sieve')].map((from) => {
		const to = join(dir, basename(from));

		copyFileSync(from, to);
		chmodSync(to, 0o755);

		return to;
	}) as [string, string];

	chmodSync(dir, 0o755);

	const staged = await stage(t, { standby: true, file }, {}, { hostUser: { uid: 65_534, gid: 65_534 }, hostBin });
	const { plugin, call } = staged;
	const sender = sendSteadily(call);

	await standbyOf(plugin);

	const recovered = nextEvent<HostRecovery>(plugin, 'recovered');

	process.kill(plugin.hostPid!, 'SIGKILL');
	t.match(await recovered, { standby: true });
	await plugin.restart();
	await checkReceived(t, staged, await sender.stop());
});
