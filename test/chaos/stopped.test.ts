// A host that stands still: receivers wait no longer than the deadline until it is declared dead, and not at all from there on. And what stands
// still without being a hang.

import * as mediasoup from 'mediasoup';
import type { types } from 'mediasoup';
import type { Test } from 'tap';
import t from 'tap';

import type { Attachment, AttachOptions, HostCrash, HostRecovery, Plugin, PluginOptions } from '../../src/index.ts';
import { createPluginHost } from '../../src/index.ts';
import { monotonicNs } from '../../tools/lib/until.ts';
import { fixturePlugin } from '../helpers/binaries.ts';
import { mediaCodecs } from '../helpers/call.ts';
import { nextEvent } from '../helpers/events.ts';
import { isAlive, stopProcess } from '../helpers/processes.ts';
import { until } from '../helpers/until.ts';
import { type Arrival, openFlow } from './flow.ts';

const deadlineMs = 20;
const hangMs = 500;
/** For tests of what is no hang: so long that a host which waits for a CPU is none either. */
const longHangMs = 2_000;
/** Timers of the worker count milliseconds. */
const allowedMs = deadlineMs + 2;
const packetsPerSecond = 1_000;
const intervalMs = 1_000 / packetsPerSecond;
const nsPerMs = 1e6;

t.setTimeout(900_000);

type Stage = { readonly worker: types.Worker; readonly routers: readonly [types.Router, types.Router]; readonly plugin: Plugin; readonly attachment: Attachment };

/** The second router has no plugin: what packets wait for there, they wait for the machine. */
async function stage(t: Test, fixture: string, options: Partial<PluginOptions> = {}, attach: Partial<AttachOptions> = {}): Promise<Stage> {
	const pluginHost = await createPluginHost({ mediasoup, timeoutMs: 60_000 });
	const worker = await mediasoup.createWorker({ workerBin: pluginHost.workerBin });

	t.teardown(() => (pluginHost.close(), worker.close()));

	const routers = [await worker.createRouter({ mediaCodecs }), await worker.createRouter({ mediaCodecs })] as const;

	await pluginHost.configureRouter(routers[0], { packetRingSize: 16 * 1024 * 1024 });

	const plugin = await pluginHost.createPlugin({ file: fixturePlugin(fixture), hangMs, ...options });
	const attachment = await plugin.attach({ mode: 'filter', deadlineMs, onTimeout: 'accept', onAbsent: 'accept', ...attach, router: routers[0] } as AttachOptions);

	return { worker, routers, plugin, attachment };
}

type Latency = Arrival & { readonly latencyMs: number };

function latencies(arrivals: readonly Arrival[]): Latency[] {
	return arrivals.map((arrival) => ({ ...arrival, latencyMs: (arrival.arrivedAtNs - arrival.sentAtNs) / nsPerMs }));
}

/** Those that were sent from `fromNs` on and before `untilNs`. */
function sentWithin(packets: readonly Latency[], fromNs: number, untilNs: number): Latency[] {
	return packets.filter(({ sentAtNs }) => sentAtNs >= fromNs && sentAtNs < untilNs);
}

/** What the machine itself makes a packet wait: the slowest one that no plugin held, and the longest time for which not even the sender was run. */
function noiseOf(untouched: readonly Latency[]): number {
	return untouched.reduce(
		(noiseMs, { latencyMs, sentAtNs }, index) =>
			Math.max(noiseMs, latencyMs, index === 0 ? 0 : (sentAtNs - untouched[index - 1]!.sentAtNs) / nsPerMs - intervalMs),
		0,
	);
}

function figures(values: readonly number[]): { readonly p50: number; readonly p99: number; readonly max: number } {
	const sorted = values.toSorted((a, b) => a - b);
	const at = (share: number): number => Math.round(100 * (sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? NaN)) / 100;

	return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

t.test('a host that is stopped costs receivers no more than the deadline until it is declared dead, and nothing afterwards', async (t) => {
	const { routers, plugin, attachment } = await stage(t, 'accept-all');
	const flow = await openFlow(t, { routers, packetsPerSecond });
	const more = async (count: number): Promise<void> => {
		const before = flow.receivedSoFar();

		await until(`${count} packets`, () => flow.receivedSoFar() >= before + count);
	};

	await until('verdicts', async () => (await attachment.getStats()).accepted > 100);

	const undisturbedFromNs = monotonicNs();

	await more(2_000);

	const { hostPid } = plugin;
	const crash = nextEvent<HostCrash>(plugin, 'crash');
	const recovered = nextEvent<HostRecovery>(plugin, 'recovered');
	const absent = new Promise<number>((resolve) => attachment.once('absent', () => resolve(monotonicNs())));
	const stoppedAtNs = monotonicNs();

	await stopProcess(hostPid!);

	// As the app hears it: later than the worker has acted.
	const absentAtNs = await absent;

	t.match(await crash, { pid: hostPid, hung: true });
	await recovered;

	const recoveredAtNs = monotonicNs();

	await more(2_000);

	const report = await flow.stop();
	const [filtered, untouched] = [latencies(report.arrivalsOf(0)), latencies(report.arrivalsOf(1))];
	const spans = {
		before: [undisturbedFromNs, stoppedAtNs],
		stopped: [stoppedAtNs, absentAtNs],
		absent: [absentAtNs, recoveredAtNs],
		after: [recoveredAtNs, Infinity],
	} as const;
	const latencyIn = (span: keyof typeof spans, packets: readonly Latency[]): ReturnType<typeof figures> =>
		figures(sentWithin(packets, ...spans[span]).map(({ latencyMs }) => latencyMs));

	for (const span of Object.keys(spans) as (keyof typeof spans)[]) {
		t.comment(`${span}: latency in ms ${JSON.stringify(latencyIn(span, filtered))}, without a plugin ${JSON.stringify(latencyIn(span, untouched))}`);
	}
	t.comment(`declared dead after ${((absentAtNs - stoppedAtNs) / nsPerMs).toFixed(0)} ms; served again after ${((recoveredAtNs - stoppedAtNs) / nsPerMs).toFixed(0)} ms`);

	const noiseMs = noiseOf(untouched);

	t.comment(`${noiseMs.toFixed(2)} ms are the machine's`);
	t.equal(filtered.length, report.sentBy(0), 'nothing was lost');
	t.ok((await attachment.getStats()).timeoutAccepted > 0, 'packets did wait for it');
	t.ok(latencyIn('stopped', filtered).p50 > deadlineMs / 2);
	t.ok(latencyIn('stopped', filtered).max <= allowedMs + noiseMs, `never more than ${allowedMs} ms`);
	t.ok(latencyIn('absent', filtered).max <= 2 + noiseMs, 'nothing while it is away');
	t.ok(latencyIn('after', filtered).p99 <= 2 + noiseMs, 'nothing when the next one serves');
});

t.test('a host that stood still before anything was there for it is found out when something is attached', async (t) => {
	const { routers, plugin, attachment } = await stage(t, 'accept-all');
	const hostPid = plugin.hostPid!;
	const crash = nextEvent<HostCrash>(plugin, 'crash');

	attachment.close();
	await until('no ring', async () => (await plugin.getStats()).rings.length === 0);
	await stopProcess(hostPid);
	t.teardown(() => isAlive(hostPid) && process.kill(hostPid, 'SIGKILL'));

	const next = await plugin.attach({ router: routers[1], mode: 'observe' });

	t.match(await crash, { pid: hostPid, hung: true });
	t.ok(next.active);
	t.not(plugin.hostPid, hostPid);
});

t.test('a worker and a host that are stopped together and go on together have not hung', async (t) => {
	const { worker, routers, plugin, attachment } = await stage(t, 'accept-all', { hangMs: longHangMs }, { deadlineMs: 10_000 });
	const flow = await openFlow(t, { routers, packetsPerSecond });
	const hostPid = plugin.hostPid!;
	const pids = [hostPid, worker.pid];

	plugin.on('crash', ({ reason }) => t.fail(`the host ${reason}`));
	t.teardown(() => pids.filter(isAlive).forEach((pid) => process.kill(pid, 'SIGCONT')));
	await until('verdicts', async () => (await attachment.getStats()).accepted > 100);
	await stopProcess(hostPid);
	// For as long as it is between two looks: otherwise nobody could think of a hang.
	await until('packets that wait for it', async () => (await attachment.getStats()).held >= (packetsPerSecond * longHangMs) / 4_000);
	await stopProcess(worker.pid);

	const stoppedAtNs = monotonicNs();

	await until('three seconds', () => monotonicNs() >= stoppedAtNs + 3_000 * nsPerMs);
	process.kill(worker.pid, 'SIGCONT');

	// A whole turn of its loop, and with it a look at a host that nobody has run yet.
	await attachment.getStats();

	const { accepted } = await attachment.getStats();

	process.kill(hostPid, 'SIGCONT');

	await until('more verdicts', async () => (await attachment.getStats()).accepted > accepted + 1_000);
	await flow.stop();
	t.equal(plugin.hostPid, hostPid);
	t.match(await attachment.getStats(), { timeoutAccepted: 0, absentAccepted: 0, held: 0 });
	t.match((await plugin.getStats()).workers, [{ disconnects: 0 }]);
});

for (const [name, delayMs, counter] of [
	['a plugin whose verdicts come later than the deadline, and that keeps reading, has not hung', 10 * deadlineMs, 'timeoutAccepted'],
	['a plugin whose verdicts come later than a hang takes, and that keeps reading, has not hung', 2 * longHangMs, 'accepted'],
] as const) {
	t.test(name, async (t) => {
		const { routers, plugin, attachment } = await stage(t, 'pending', { config: { delayMs }, hangMs: longHangMs }, counter === 'accepted' ? { deadlineMs: 10_000 } : {});
		const flow = await openFlow(t, { routers, packetsPerSecond: 200 });
		const { hostPid } = plugin;

		plugin.on('crash', ({ reason }) => t.fail(`the host ${reason}`));
		// Three seconds' worth, with packets outstanding all the time.
		await until('packets', async () => (await attachment.getStats())[counter] >= 600);
		await flow.stop();
		t.equal(plugin.hostPid, hostPid);
		t.match((await plugin.getStats()).workers, [{ disconnects: 0 }]);
	});
}

// The root test would wait for the worker's handles, and the worker for the root test's end.
t.end();
