// What passes from one host to the next, case by case: verdicts that were published last, packets that wait for a late answer, and what a worker
// takes from nobody: verdicts of a host that does not serve, a cursor that lies in a record.

import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import * as mediasoup from 'mediasoup';
import type { types } from 'mediasoup';
import type { Test } from 'tap';
import t from 'tap';

import type { Attachment, AttachOptions, HostCrash, HostRecovery, Plugin, PluginOptions } from '../../src/index.ts';
import { createPluginHost } from '../../src/index.ts';
import { fixturePlugin } from '../helpers/binaries.ts';
import type { Call } from '../helpers/call.ts';
import { isAscending, isGapless, mediaCodecs, openCall } from '../helpers/call.ts';
import { nextEvent } from '../helpers/events.ts';
import { isAlive, stopProcess } from '../helpers/processes.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { until } from '../helpers/until.ts';

type Stage = { readonly worker: types.Worker; readonly plugin: Plugin; readonly attachment: Attachment; readonly call: Call };

/** Neither deadlines nor hangs are in the way. */
async function stage(t: Test, fixture: string, options: Partial<PluginOptions>, attach: Partial<AttachOptions> = {}): Promise<Stage> {
	const pluginHost = await createPluginHost({ mediasoup, timeoutMs: 60_000 });
	const worker = await mediasoup.createWorker({ workerBin: pluginHost.workerBin });

	worker.on('died', (error) => t.fail(`the worker died: ${error.message}`));
	t.teardown(() => (pluginHost.close(), worker.close()));

	const router = await worker.createRouter({ mediaCodecs });
	const plugin = await pluginHost.createPlugin({ file: fixturePlugin(fixture), hangMs: 60_000, ...options });
	const attachment = await plugin.attach({ mode: 'filter', deadlineMs: 10_000, onAbsent: 'accept', onTimeout: 'accept', ...attach, router } as AttachOptions);
	const call = await openCall(router);

	t.teardown(() => call.close());

	return { worker, plugin, attachment, call };
}

async function held(attachment: Attachment, count: number): Promise<void> {
	await until(`${count} packets are held`, async () => (await attachment.getStats()).held === count);
}

t.test('verdicts that a host had published as it was killed count, although the worker had no time for them before', async (t) => {
	const file = join(tempDir(), 'published');
	const { worker, plugin, attachment, call } = await stage(t, 'rude', { config: { does: 'tell', file } });

	t.teardown(() => isAlive(worker.pid) && process.kill(worker.pid, 'SIGCONT'));
	// What the worker sees first when it goes on is not for us to say.
	for (let round = 1; round <= 6; round++) {
		await call.sendRange(20 * round - 19, 20 * round);
		await held(attachment, 20);

		const { hostPid } = plugin;
		const recovered = nextEvent<HostRecovery>(plugin, 'recovered');

		await stopProcess(worker.pid);
		writeFileSync(`${file}.go`, '');
		await until('20 published verdicts', () => existsSync(file) && Number(readFileSync(file, 'utf8')) === 20);
		process.kill(hostPid!, 'SIGKILL');
		await until('its end', () => !isAlive(hostPid!));
		rmSync(file);
		rmSync(`${file}.go`);
		process.kill(worker.pid, 'SIGCONT');
		await recovered;
		t.match(await attachment.getStats(), { dropped: 20 * round, absentAccepted: 0, timeoutAccepted: 0, held: 0 });
	}
	t.same(call.received, []);
});

t.test('packets that wait for a late answer are answered by the next host, as planned or not', async (t) => {
	const { plugin, attachment, call } = await stage(t, 'pending', { standby: true, config: { delayMs: 2_000 } });

	await until('a standby', () => plugin.standbyPid);
	await call.sendRange(1, 20);
	await held(attachment, 20);
	// Longer than a host that is told to stop waits for late answers.
	await plugin.restart();
	await until('20 packets', () => call.received.length === 20);
	t.match(await attachment.getStats(), { accepted: 20, absentAccepted: 0, timeoutAccepted: 0 });

	const standby = await until('a standby', () => plugin.standbyPid);
	const recovered = nextEvent<HostRecovery>(plugin, 'recovered');

	await call.sendRange(21, 40);
	await held(attachment, 20);
	process.kill(plugin.hostPid!, 'SIGKILL');
	t.match(await recovered, { pid: standby, standby: true });
	await until('20 more', () => call.received.length === 40);
	t.match(await attachment.getStats(), { accepted: 40, absentAccepted: 0, timeoutAccepted: 0 });
	t.ok(isAscending(call.received) && isGapless(call.received));
});

t.test('a standby is promoted by the worker itself, and nothing is absent meanwhile', async (t) => {
	const { plugin, attachment, call } = await stage(t, 'accept-all', { standby: true });
	const standby = await until('a standby', () => plugin.standbyPid);
	const recovered = nextEvent<HostRecovery>(plugin, 'recovered');

	attachment.on('absent', () => t.fail('it was absent'));
	await call.sendRange(1, 20);
	await until('20 packets', () => call.received.length === 20);
	process.kill(plugin.hostPid!, 'SIGKILL');
	t.match(await recovered, { pid: standby, standby: true });
	await call.sendRange(21, 40);
	await until('20 more', () => call.received.length === 40);
	t.match(await attachment.getStats(), { accepted: 40, absentAccepted: 0, timeoutAccepted: 0 });
	t.match((await plugin.getStats()).workers, [{ promotions: 1, disconnects: 1 }]);
});

t.test('a host that is killed while a child has its socket is replaced at once', async (t) => {
	// The twentieth packet of each host is its last one.
	const { plugin, attachment, call } = await stage(t, 'crash-on-nth', { standby: true, config: { packet: 20, fork: 1, signal: 9 } });
	const standby = await until('a standby', () => plugin.standbyPid);
	const { hostPid } = plugin;
	const crash = nextEvent<HostCrash>(plugin, 'crash');

	for (let number = 1; number <= 20; number++) {
		await call.send(number);
		await until(`packet ${number}`, () => call.received.length === number);
	}
	t.match(await crash, { pid: hostPid, signal: 'SIGKILL', hung: false });
	t.equal(plugin.hostPid, standby);
	t.match(await attachment.getStats(), { accepted: 20, absentAccepted: 0, timeoutAccepted: 0 });
});

t.test('verdicts of a host that does not serve are ignored', async (t) => {
	const file = join(tempDir(), 'answered');
	const { plugin, attachment, call } = await stage(t, 'rude', { standby: true, config: { does: 'answer', file } });

	writeFileSync(`${file}.go`, String(await until('a standby', () => plugin.standbyPid)));
	await call.sendRange(1, 20);
	await until('20 verdicts of the standby', () => existsSync(file) && Number(readFileSync(file, 'utf8')) === 20);
	// The worker looks at all links in every turn of its loop, and this is one.
	await call.send(21);
	await held(attachment, 21);
	t.match(await attachment.getStats(), { accepted: 0, dropped: 0 });
});

t.test('a cursor inside a record is refused, and the next host begins where the last good one stood', async (t) => {
	const { plugin, attachment, call } = await stage(t, 'rude', { config: { does: 'cursor', file: join(tempDir(), 'done') } }, { mode: 'observe' });
	const recovered = nextEvent<HostRecovery>(plugin, 'recovered');

	await call.sendRange(1, 20);
	await recovered;
	await until('all packets, whoever saw them', async () => (await plugin.getStats()).instances[0]?.packets === 20);
	t.match((await plugin.getStats()).workers, [{ strikes: 1, disconnects: 1 }]);
	t.match(await attachment.getStats(), { observed: 20 });
	t.equal(call.received.length, 20);
});

// The root test would wait for the worker's handles, and the worker for the root test's end.
t.end();
