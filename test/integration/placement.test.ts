// Where a host's thread runs (docs/placement.md), as the app sets it and as the stats tell it: the real worker, the real host, RTP at a steady pace.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import * as mediasoup from 'mediasoup';
import type { Test } from 'tap';
import t from 'tap';

import { allowedCpus, pin } from '../../bench/e2e/processes.ts';
import type { AttachmentStats, InstancePlacement, InstanceStats, Placement } from '../../src/index.ts';
import { createPluginHost } from '../../src/index.ts';
import { buildRtpTools } from '../../tools/rtp/build.ts';
import { fixturePlugin } from '../helpers/binaries.ts';
import { mediaCodecs, openCall } from '../helpers/call.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { until } from '../helpers/until.ts';

// On a busy machine a thread is moved more often than the plugin gives cause for, and each time it takes longer until it may come back.
t.setTimeout(900_000);

const tools = buildRtpTools();
const [firstCpu = 0, secondCpu] = allowedCpus();
const skip = secondCpu === undefined && 'needs two CPUs';
const cpus = [firstCpu, secondCpu ?? firstCpu];
const burnMicros = 200;

type Stage = {
	/** Of the plugin's only instance. */
	readonly instance: () => Promise<InstanceStats>;
	readonly attachment: () => Promise<AttachmentStats>;
	readonly pinWorker: (...cpus: readonly number[]) => void;
	/** From now on each packet takes the plugin `burnMicros`, or next to nothing. */
	readonly makeHeavy: () => void;
	readonly makeLight: () => void;
	/** In a call of its own. */
	readonly send: (packetsPerSecond: number) => Promise<Sending>;
};

type Sending = {
	/** Resolves when no more packets come. */
	readonly stop: () => Promise<void>;
};

async function stage(t: Test, placement: Placement): Promise<Stage> {
	const pluginHost = await createPluginHost({ mediasoup });
	const worker = await mediasoup.createWorker({ workerBin: pluginHost.workerBin });

	t.teardown(() => {
		pluginHost.close();
		worker.close();
	});

	const router = await worker.createRouter({ mediaCodecs });
	const whileFile = join(tempDir(), 'heavy');

	// Room for what comes while the host waits for a CPU.
	await pluginHost.configureRouter(router, { packetRingSize: 16 * 1024 * 1024 });

	const plugin = await pluginHost.createPlugin({ file: fixturePlugin('burn'), config: { burnMicros, whileFile }, placement, hangMs: 60_000 });
	const attachment = await plugin.attach({ router, mode: 'filter', deadlineMs: 10_000 });

	return {
		instance: () => until('its stats', async () => (await plugin.getStats()).instances.find(({ workerPid }) => workerPid === worker.pid)),
		attachment: () => attachment.getStats(),
		pinWorker: (...cpus) => pin(worker.pid, cpus),
		makeHeavy: () => writeFileSync(whileFile, ''),
		makeLight: () => rmSync(whileFile),
		async send(packetsPerSecond) {
			const { ingress, close } = await openCall(router);
			const stream = `${ingress.ssrc}:${ingress.payloadType}:${packetsPerSecond}:200:${ingress.port}`;
			const sender = spawn(tools.send, [`--stream=${stream}`], { stdio: ['pipe', 'ignore', 'inherit'] });
			const ended = once(sender, 'close');

			t.teardown(() => {
				sender.kill();
				close();
			});

			return {
				async stop() {
					sender.stdin.end();
					await ended;
				},
			};
		},
	};
}

async function settles(t: Test, { instance }: Stage, what: string, isSo: (placement: InstancePlacement) => boolean): Promise<InstancePlacement> {
	const { placement } = await until(what, async () => {
		const stats = await instance();

		return isSo(stats.placement) && stats;
	});

	t.match(placement.reason, /\w+ \w+ \w+/, `${what}: ${placement.reason}`);

	return placement;
}

/** Whatever moved meanwhile: each packet got the plugin's own verdict. */
async function nothingIsLost(t: Test, { attachment }: Stage): Promise<void> {
	const stats = await until('the last verdict', async () => {
		const now = await attachment();

		return now.held === 0 && now;
	});

	t.not(stats.accepted, 0);
	t.match(stats, { dropped: 0, timeoutAccepted: 0, absentAccepted: 0, overflowAccepted: 0 });
}

t.test('a light plugin goes to the CPU of its worker, and with it', { skip }, async (t) => {
	const staged = await stage(t, 'auto');
	const sending = await staged.send(1000);

	for (const cpu of [...cpus, ...cpus]) {
		staged.pinWorker(cpu);
		await settles(t, staged, `shared, on CPU ${cpu}`, (placement) => placement.now === 'shared' && placement.cpu === cpu);
	}
	await sending.stop();
	await nothingIsLost(t, staged);
});

t.test('a plugin that becomes heavy leaves, and comes back when it is light again', { skip }, async (t) => {
	const staged = await stage(t, 'auto');
	const sending = await staged.send(1000);
	const before = await settles(t, staged, 'shared while it is light', ({ now }) => now === 'shared');

	const heavySince = performance.now();

	staged.makeHeavy();

	const heavy = await until('it leaves', async () => {
		const { placement } = await staged.instance();

		return placement.now === 'isolated' && placement;
	});

	const tookMs = Math.round(performance.now() - heavySince);

	// Where the machine is busy, packets may have waited, and a single batch of them takes long enough.
	t.match(heavy.reason, /\d+ us per packet|a batch took \d+/, `after ${tookMs} ms: ${heavy.reason}`);
	t.ok(heavy.moves > before.moves);

	staged.makeLight();

	const after = await settles(t, staged, 'shared when it is light again', ({ now }) => now === 'shared');

	t.ok(after.moves > heavy.moves);
	await sending.stop();
	await nothingIsLost(t, staged);
});

t.test("a heavy plugin that is set to 'shared' stays with the worker and never spins", { skip }, async (t) => {
	const staged = await stage(t, 'shared');
	const sending = await staged.send(1000);

	staged.makeHeavy();

	for (const cpu of [...cpus, ...cpus]) {
		const { packets } = await staged.instance();

		staged.pinWorker(cpu);
		await settles(t, staged, `shared, on CPU ${cpu}`, (placement) => placement.now === 'shared' && placement.cpu === cpu);
		await until('200 more packets', async () => (await staged.instance()).packets >= packets + 200);
		t.match(await staged.instance(), { placement: { now: 'shared', cpu }, spins: 0 });
	}
	t.not((await staged.instance()).sleeps, 0);
	await sending.stop();
	await nothingIsLost(t, staged);
});

t.test("a light plugin that is set to 'isolated' makes room for the worker, and spins when packets come fast", { skip }, async (t) => {
	const staged = await stage(t, 'isolated');
	const slow = await staged.send(1000);

	for (const cpu of [...cpus, ...cpus]) {
		const { packets } = await staged.instance();

		staged.pinWorker(cpu);
		await settles(t, staged, `isolated, not on CPU ${cpu}`, (placement) => placement.now === 'isolated' && placement.cpu !== cpu);
		await until('200 more packets', async () => (await staged.instance()).packets >= packets + 200);
		t.equal((await staged.instance()).placement.now, 'isolated');
	}
	await slow.stop();

	// Left to itself it does not stand where sender and host have to share a CPU, which would end the spinning.
	staged.pinWorker(...cpus);

	const fast = await staged.send(20_000);

	await until('it spins', async () => (await staged.instance()).spins > 0);
	await fast.stop();
	await nothingIsLost(t, staged);
});

t.test('with only one CPU to use there is nothing but sharing it, and the stats say so', async (t) => {
	const app = join(import.meta.dirname, '../helpers/placed-app.ts');
	const child = spawn('taskset', ['--cpu-list', String(firstCpu), process.execPath, app, 'isolated'], { stdio: ['ignore', 'pipe', 'inherit'] });
	const ended = once(child, 'exit');
	let latest: Partial<InstancePlacement> = {};

	t.teardown(async () => {
		child.kill('SIGKILL');
		await ended;
	});
	createInterface({ input: child.stdout }).on('line', (line) => (latest = JSON.parse(line) as Partial<InstancePlacement>));
	await until('it says why', () => {
		if (child.exitCode !== null) {
			throw new Error(`the app ended with code ${child.exitCode}`);
		}

		return /only one CPU may be used/.test(latest.reason ?? '');
	});
	t.match(latest, { now: 'shared', cpu: firstCpu });
});

// The root test would wait for the workers' handles, and they for the root test's end.
t.end();
