// What happens to packets in the worker's tap: the real worker, real RTP over UDP, the real native host with plugins from test/fixtures.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import * as mediasoup from 'mediasoup';
import type { types } from 'mediasoup';
import t from 'tap';

import type { AttachmentStats, AttachOptions, Plugin, PluginHost } from '../../src/index.ts';
import { createPluginHost } from '../../src/index.ts';
import { repoRoot } from '../../tools/lib/paths.ts';
import { isAscending, isGapless, mediaCodecs, openCall } from '../helpers/call.ts';
import { inTime } from '../helpers/events.ts';
import { stopProcess } from '../helpers/processes.ts';
import { until } from '../helpers/until.ts';

const fixture = (name: string): string => join(repoRoot, `build/native/plugin-host/test/plugins/${name}.so`);

let pluginHost: PluginHost;
let worker: types.Worker;
let router: types.Router;

t.before(async () => {
	pluginHost = await createPluginHost({ mediasoup, timeoutMs: 60_000 });
	worker = await mediasoup.createWorker({ workerBin: pluginHost.workerBin });
	worker.on('died', (error) => t.fail(`the worker died: ${error.message}`));
});

t.beforeEach(async () => {
	router = await worker.createRouter({ mediaCodecs });
});

t.afterEach(() => router.close());

t.after(() => {
	pluginHost.close();
	worker.close();
});

async function attached(plugin: Plugin, options: Omit<AttachOptions, 'router'> = {}): Promise<() => Promise<AttachmentStats>> {
	const attachment = await plugin.attach({ router, mode: 'filter', deadlineMs: 5000, ...options });

	// From the worker alone: hosts may be stopped here.
	return () => attachment.getStats();
}

t.test('an accepting filter passes every packet, from the first one on, in order and unchanged', async (t) => {
	const plugin = await pluginHost.createPlugin({ file: fixture('accept-all') });
	const stats = await attached(plugin);
	const call = await openCall(router);

	await call.sendRange(1, 500);
	await until('500 packets', () => call.received.length === 500);

	t.ok(isGapless(call.received));
	t.ok(isAscending(call.received));
	t.match(await stats(), { accepted: 500, dropped: 0, timeoutAccepted: 0, held: 0 });
	call.close();
	plugin.close();
});

t.test('receivers see no gap where a verdict dropped', async (t) => {
	const plugin = await pluginHost.createPlugin({ file: fixture('drop-every-nth'), config: { n: 3 } });
	const stats = await attached(plugin);
	const call = await openCall(router);

	// Across the end of the sequence numbers.
	await call.sendRange(65_400, 65_699);
	await until('200 packets', () => call.received.length === 200);

	t.ok(isGapless(call.received));
	t.ok(isAscending(call.received));
	t.notOk(call.received.some(({ number }) => (number - 65_400) % 3 === 2), 'the dropped ones stayed out');
	t.match(await stats(), { accepted: 200, dropped: 100 });
	call.close();
	plugin.close();
});

t.test('a second copy of a dropped packet is dropped, too', async (t) => {
	const plugin = await pluginHost.createPlugin({ file: fixture('drop-every-nth'), config: { n: 3 } });

	await attached(plugin);

	const call = await openCall(router);

	// The third is dropped, and so must be its copy, which the plugin accepts.
	for (const number of [1, 2, 3, 3, 4]) {
		await call.send(number);
	}
	await until('the last packet', () => call.received.some(({ number }) => number === 4));

	t.same(
		call.received.map(({ number }) => number),
		[1, 2, 4],
	);
	t.ok(isGapless(call.received));
	t.equal((await pluginHost.getStats()).workers[0]!.repeatDropped, 1);
	call.close();
	plugin.close();
});

t.test('a packet that is past its deadline follows onTimeout, and its late verdict is counted and ignored', async (t) => {
	const plugin = await pluginHost.createPlugin({ file: fixture('drop-all'), hangMs: 60_000 });
	const stats = await attached(plugin, { deadlineMs: 20, onTimeout: 'accept' });
	const call = await openCall(router);

	await stopProcess(plugin.hostPid!);
	await call.sendRange(1, 20);
	await until('20 packets', () => call.received.length === 20);
	process.kill(plugin.hostPid!, 'SIGCONT');
	await until('late verdicts', async () => (await plugin.getStats()).workers[0]!.spuriousVerdicts === 20);

	t.ok(isGapless(call.received));
	t.match(await stats(), { timeoutAccepted: 20, dropped: 0, held: 0 });
	call.close();
	plugin.close();
});

t.test('onTimeout "drop" drops without a gap', async (t) => {
	const hang = await pluginHost.createPlugin({ file: fixture('hang'), hangMs: 60_000 });
	const call = await openCall(router);

	await call.sendRange(1, 10);
	await until('10 packets', () => call.received.length === 10);

	const attachment = await hang.attach({ router, mode: 'filter', deadlineMs: 20, onTimeout: 'drop' });

	await call.sendRange(11, 30);
	await until('20 packets are dropped', async () => (await attachment.getStats()).timeoutDropped === 20);
	await attachment.pause();
	await call.sendRange(31, 40);
	await until('10 more', () => call.received.length === 20);

	t.same(
		call.received.map(({ number }) => number),
		[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40],
	);
	t.ok(isGapless(call.received));
	call.close();
	hang.close();
});

t.test('verdicts that come late and together keep the order of each producer', async (t) => {
	const plugin = await pluginHost.createPlugin({ file: fixture('pending'), config: { delayMs: 50 } });
	const stats = await attached(plugin);
	const calls = await Promise.all([openCall(router), openCall(router), openCall(router)]);

	await Promise.all(calls.map((call) => call.sendRange(1, 200)));
	await until('600 packets', () => calls.every((call) => call.received.length === 200));

	t.ok(calls.every((call) => isGapless(call.received) && isAscending(call.received)));
	t.match(await stats(), { accepted: 600, held: 0 });
	calls.forEach((call) => call.close());
	plugin.close();
});

t.test('two filters form a chain: the second sees what the first accepted, and observers stand where their order puts them', async (t) => {
	const first = await pluginHost.createPlugin({ file: fixture('drop-every-nth'), config: { n: 2 } });
	const second = await pluginHost.createPlugin({ file: fixture('drop-every-nth'), config: { n: 5 } });
	const observer = await pluginHost.createPlugin({ file: fixture('accept-all') });

	const afterBoth = await attached(observer, { mode: 'observe', order: 30 });
	const secondStats = await attached(second, { order: 20 });
	const firstStats = await attached(first, { order: 10 });
	const before = await attached(observer, { mode: 'observe', order: 5 });
	const call = await openCall(router);

	await call.sendRange(1, 400);
	await until('160 packets', () => call.received.length === 160);

	t.ok(isGapless(call.received));
	t.ok(isAscending(call.received));
	t.match(await firstStats(), { accepted: 200, dropped: 200 });
	t.match(await secondStats(), { accepted: 160, dropped: 40 });
	t.match(await before(), { observed: 400 });
	t.match(await afterBoth(), { observed: 160 });
	call.close();
	[first, second, observer].forEach((plugin) => plugin.close());
});

t.test('packets that are held when the host is killed follow onAbsent, and so do those that come before the next host', async (t) => {
	for (const onAbsent of ['accept', 'drop'] as const) {
		const plugin = await pluginHost.createPlugin({ file: fixture('pending'), config: { delayMs: 10_000 } });
		const stats = await attached(plugin, { deadlineMs: 10_000, onAbsent });
		const call = await openCall(router);

		await call.sendRange(1, 50);
		await until('50 packets are held', async () => (await stats()).held === 50);
		t.equal(call.received.length, 0);

		const recovered = new Promise((resolve) => plugin.on('recovered', resolve));

		process.kill(plugin.hostPid!, 'SIGKILL');

		if (onAbsent === 'accept') {
			await until('50 packets', () => call.received.length === 50);
			t.match(await stats(), { absentAccepted: 50, held: 0 });
		} else {
			await until('50 packets are dropped', async () => (await stats()).absentDropped === 50);
			t.equal(call.received.length, 0);
		}
		await recovered;
		t.equal((await plugin.getStats()).workers[0]!.heldAtLastDisconnect, 50);
		call.close();
		plugin.close();
	}
});

t.test('a ring that is full follows onOverflow; order is kept', async (t) => {
	const plugin = await pluginHost.createPlugin({ file: fixture('accept-all'), hangMs: 60_000 });

	await pluginHost.configureRouter(router, { packetRingSize: 262_144, verdictRingSize: 262_144 });

	const stats = await attached(plugin, { deadlineMs: 10_000, onOverflow: 'drop' });
	const call = await openCall(router);

	await call.send(1);
	await until('the first packet', () => call.received.length === 1);
	await stopProcess(plugin.hostPid!);
	await call.sendRange(2, 3000);
	// Those for which there is no room wait, too: for their turn.
	await until('all have come', async () => (await stats()).held === 2999);
	process.kill(plugin.hostPid!, 'SIGCONT');

	const end = await until('nothing is held any more', async () => {
		const now = await stats();

		return now.held === 0 && now.accepted + now.overflowDropped + now.timeoutAccepted === 3000 && now;
	});

	t.ok(end.overflowDropped > 1000 && end.accepted > 1, `${end.overflowDropped} found no room, ${end.accepted} were accepted`);

	await until('what was accepted', () => call.received.length === end.accepted + end.timeoutAccepted);
	t.ok(isGapless(call.received));
	t.ok(isAscending(call.received));
	call.close();
	plugin.close();
});

t.test('closing or pausing an attachment accepts what it holds; closing the producer frees it', async (t) => {
	const plugin = await pluginHost.createPlugin({ file: fixture('pending'), config: { delayMs: 10_000 } });
	const attachment = await plugin.attach({ router, mode: 'filter', deadlineMs: 10_000 });
	const stats = async () => (await plugin.getStats()).attachments[0]!;
	const call = await openCall(router);

	await call.sendRange(1, 10);
	await until('10 packets are held', async () => (await stats()).held === 10);
	await attachment.pause();
	await until('10 packets', () => call.received.length === 10);
	t.match(await stats(), { detachedAccepted: 10, held: 0 });

	await call.sendRange(11, 20);
	await until('a paused attachment lets packets pass', () => call.received.length === 20);

	await attachment.resume();
	await call.sendRange(21, 30);
	await until('10 packets are held again', async () => (await stats()).held === 10);
	call.producer.close();
	await until('they are freed', async () => (await stats()).closedFreed === 10);
	t.equal(call.received.length, 20);
	call.close();

	const other = await openCall(router);

	await other.sendRange(1, 10);
	await until('10 packets of another producer are held', async () => (await stats()).held === 10);
	attachment.close();
	await until('they are accepted', () => other.received.length === 10);
	t.ok(isGapless(other.received));
	other.close();
	plugin.close();
});

t.test('a host that hangs costs the plugin\'s statistics its own part, not the worker\'s', async (t) => {
	const plugin = await pluginHost.createPlugin({ file: fixture('accept-all') });

	await plugin.attach({ router, mode: 'filter' });
	await stopProcess(plugin.hostPid!);

	const stats = await inTime('statistics', plugin.getStats());

	t.same(stats.instances, []);
	t.equal(stats.attachments.length, 1);
	process.kill(plugin.hostPid!, 'SIGCONT');
	plugin.close();
});

t.test('an attachment to a producer leaves others alone', async (t) => {
	const plugin = await pluginHost.createPlugin({ file: fixture('drop-all') });
	const [dropped, untouched] = await Promise.all([openCall(router), openCall(router)]);

	await plugin.attach({ producerId: dropped.producer.id, mode: 'filter', deadlineMs: 10_000 });
	await Promise.all([dropped.sendRange(1, 50), untouched.sendRange(1, 50)]);
	await until('50 packets', () => untouched.received.length === 50);
	await until('50 drops', async () => (await plugin.getStats()).attachments[0]!.dropped === 50);
	t.equal(dropped.received.length, 0);
	[dropped, untouched].forEach((call) => call.close());
	plugin.close();
});

t.test('what was observed while the host was away waits in the ring for the next one', async (t) => {
	const plugin = await pluginHost.createPlugin({ file: fixture('accept-all') });

	await plugin.attach({ router, mode: 'observe' });

	const call = await openCall(router);

	await call.sendRange(1, 100);
	await until('100 packets are seen', async () => (await plugin.getStats()).instances[0]?.packets === 100);

	const recovered = new Promise((resolve) => plugin.on('recovered', resolve));

	process.kill(plugin.hostPid!, 'SIGKILL');
	await call.sendRange(101, 300);
	await recovered;
	await until('the next host has seen the rest', async () => ((await plugin.getStats()).instances[0]?.packets ?? 0) >= 200);
	t.equal(call.received.length, 300);
	call.close();
	plugin.close();
});

t.test('events come in ring order with the packets, and the next host first hears what is there', async (t) => {
	const file = join(t.testdir(), 'journal');
	const plugin = await pluginHost.createPlugin({ file: fixture('journal'), config: { file } });

	// The second one reaches the worker before the host has answered the offer of the ring.
	const [first] = await Promise.all([
		plugin.attach({ router, mode: 'filter', deadlineMs: 5000, context: { room: 1 } }),
		plugin.attach({ router, mode: 'observe', context: { room: 2 } }),
	]);
	const lines = (): string[] => readFileSync(file, 'utf8').trimEnd().split('\n');
	const kinds = (from = 0): string[] =>
		lines()
			.slice(from)
			.map((line) => line.split(' ')[0]!);

	const call = await openCall(router);
	const opened = ['transport-created', 'transport-created', 'producer-created', 'consumer-created'];

	await call.send(1);
	await until('the packet', () => call.received.length === 1);
	await call.producer.pause();
	await call.producer.resume();
	await call.send(2);
	await until('the next packet', () => call.received.length === 2);
	first.close();
	await until('the end of the attachment', () => kinds().includes('attachment-removed'));

	t.same(kinds().filter((kind) => kind === 'attachment-added').length, 2);
	t.ok(lines().some((line) => line.includes('attachment-added') && line.endsWith('{"room":2}')));
	t.same(
		kinds().filter((kind) => !kind.startsWith('attachment')),
		// A filter and an observer: each packet twice.
		['router-opened', ...opened, 'packet', 'packet', 'producer-paused', 'producer-resumed', 'packet', 'packet'],
	);

	const before = lines().length;
	const recovered = new Promise((resolve) => plugin.on('recovered', resolve));

	process.kill(plugin.hostPid!, 'SIGKILL');
	await recovered;
	call.producer.close();
	await until('the end of the producer', () => kinds().at(-1) === 'producer-closed');
	t.same(kinds(before), ['router-opened', 'attachment-added', ...opened, 'consumer-closed', 'producer-closed']);

	router.close();
	await until('the end of the router', () => kinds().at(-1) === 'router-closed');
	call.close();
	plugin.close();
});

// The root test would wait for the worker's handles, and the worker for the root test's end.
t.end();
