// A filter in TypeScript with real workers: a thread for each of them, one that ends alone, groups of both kinds, and upgrades from one kind to the
// other.

import { join } from 'node:path';

import * as mediasoup from 'mediasoup';
import type { types } from 'mediasoup';
import type { Test } from 'tap';
import t from 'tap';

import type { Attachment, HostCrash, HostRecovery, Plugin, PluginHost } from '../../src/index.ts';
import { createPluginHost } from '../../src/index.ts';
import { repoRoot } from '../../tools/lib/paths.ts';
import { fixturePlugin } from '../helpers/binaries.ts';
import type { Call } from '../helpers/call.ts';
import { isGapless, mediaCodecs, openCall } from '../helpers/call.ts';
import { nextEvent } from '../helpers/events.ts';
import { pluginPreamble, pluginText, writeFiles } from '../helpers/script-file.ts';
import { until } from '../helpers/until.ts';

const faulty = join(repoRoot, 'test/fixtures/plugins/faulty.ts');
const config = { crashing: '' };
const policies = { deadlineMs: 10_000, onAbsent: 'accept', onTimeout: 'accept', onError: 'accept' } as const;

type Room = { readonly worker: types.Worker; readonly router: types.Router; readonly call: Call };

async function openRoom(t: Test, pluginHost: PluginHost): Promise<Room> {
	const worker = await mediasoup.createWorker({ workerBin: pluginHost.workerBin });

	worker.on('died', (error) => t.fail(`the worker died: ${error.message}`));
	t.teardown(() => worker.close());

	const router = await worker.createRouter({ mediaCodecs });
	const call = await openCall(router);

	t.teardown(() => call.close());

	return { worker, router, call };
}

/** Of twenty packets the two whose numbers end with 3 are dropped. */
async function sendThrough(t: Test, { call, worker }: Room, first: number): Promise<void> {
	const before = call.received.length;

	await call.sendRange(first, first + 19);
	await until(`eighteen of twenty in worker ${worker.pid}`, () => call.received.length - before >= 18);
	t.same(call.received.slice(before).filter(({ number }) => number % 10 === 3), []);
}

async function open(t: Test): Promise<PluginHost> {
	const pluginHost = await createPluginHost({ mediasoup, timeoutMs: 60_000 });

	t.teardown(() => pluginHost.close());

	return pluginHost;
}

const attach = (plugin: Plugin, { router }: Room): Promise<Attachment> => plugin.attach({ router, mode: 'filter', ...policies });

t.test('each worker has a thread of its own, and one that ends is nothing to the others', async (t) => {
	const pluginHost = await open(t);
	const rooms = [await openRoom(t, pluginHost), await openRoom(t, pluginHost), await openRoom(t, pluginHost)] as const;
	const plugin = await pluginHost.createPlugin({ file: faulty, config, hangMs: 60_000 });
	const attachments = [await attach(plugin, rooms[0]), await attach(plugin, rooms[1]), await attach(plugin, rooms[2])] as const;
	const { hostPid } = plugin;

	for (const room of rooms) {
		await sendThrough(t, room, 1);
	}

	const crash = nextEvent<HostCrash>(plugin, 'crash');
	const recovered = nextEvent<HostRecovery>(plugin, 'recovered');

	await plugin.notify('fail', 'exit', { worker: rooms[1].worker });
	await rooms[1].call.send(21);
	t.match(await crash, { workerPid: rooms[1].worker.pid, reason: /process\.exit/ });
	t.match(await recovered, { pid: hostPid, workerPid: rooms[1].worker.pid });
	t.equal(plugin.hostPid, hostPid, 'it is the same process');
	for (const room of rooms) {
		await sendThrough(t, room, 31);
	}
	t.match((await plugin.getStats()).host, { deaths: 0, threadDeaths: 1 });
	for (const [index, attachment] of attachments.entries()) {
		t.match(await attachment.getStats(), { dropped: 4, timeoutAccepted: 0 }, `worker ${index}`);
	}

	await plugin.restart();
	t.not(plugin.hostPid, hostPid);
	for (const room of rooms) {
		await sendThrough(t, room, 51);
	}

	rooms[0].worker.close();
	await sendThrough(t, rooms[2], 71);

	const late = await openRoom(t, pluginHost);

	await attach(plugin, late);
	await sendThrough(t, late, 1);
});

t.test('a group may be of both kinds, and each of its plugins has its say', async (t) => {
	const pluginHost = await open(t);
	const room = await openRoom(t, pluginHost);
	const script = await pluginHost.createPlugin({ file: faulty, config, group: 'both', hangMs: 60_000 });
	const native = await pluginHost.createPlugin({ file: fixturePlugin('drop-every-nth'), config: { n: 6 }, group: 'both', hangMs: 60_000 });

	t.equal(native.hostPid, script.hostPid);

	const [first, second] = [await attach(script, room), await attach(native, room)];

	await room.call.sendRange(1, 60);
	// Six end with 3; of the 54 that are left every sixth goes.
	await until('45 of 60', () => room.call.received.length === 45);
	t.match(await first.getStats(), { accepted: 54, dropped: 6 });
	t.match(await second.getStats(), { accepted: 45, dropped: 9 });
	t.ok(isGapless(room.call.received));
});

t.test('what a plugin before it in the group has replaced is what a script sees', async (t) => {
	const pluginHost = await open(t);
	const room = await openRoom(t, pluginHost);
	const script = await pluginHost.createPlugin({ file: join(repoRoot, 'test/fixtures/plugins/looker.ts'), group: 'both', hangMs: 60_000 });
	const native = await pluginHost.createPlugin({ file: fixturePlugin('replace-all'), config: { bytes: 100 }, group: 'both', hangMs: 60_000 });

	await native.attach({ router: room.router, mode: 'filter', order: 0, ...policies });
	await script.attach({ router: room.router, mode: 'filter', order: 1, ...policies });
	await room.call.sendRange(1, 100);
	await until('all of them', () => room.call.received.length === 100);
	t.same(await script.request('seen'), { replaced: 100, begun: ['rr'] });
});

t.test('an upgrade may lead from one kind to the other', async (t) => {
	const pluginHost = await open(t);
	const room = await openRoom(t, pluginHost);
	const plugin = await pluginHost.createPlugin({ file: fixturePlugin('accept-all'), hangMs: 60_000 });
	const attachment = await attach(plugin, room);

	await room.call.sendRange(1, 20);
	await until('all twenty', () => room.call.received.length === 20);
	await plugin.upgrade({ file: faulty, config });
	await sendThrough(t, room, 21);
	await plugin.upgrade({ file: fixturePlugin('accept-all') });
	await room.call.sendRange(41, 60);
	await until('twenty more', () => room.call.received.length === 58);
	t.match(await attachment.getStats(), { accepted: 58, dropped: 2, absentAccepted: 0, timeoutAccepted: 0 });
	t.ok(isGapless(room.call.received));
});

t.test('timers, promises and I/O of a plugin go on while packets come', async (t) => {
	const pluginHost = await open(t);
	const room = await openRoom(t, pluginHost);
	const file = writeFiles({
		'patient.ts': `import { readFile } from 'node:fs/promises';
import { createServer, get } from 'node:http';
${pluginText(`
	let ticks = 0;
	setInterval(() => ticks++, 1);
	const ask = (): Promise<string> => new Promise((resolve, reject) => {
		const server = createServer((_request, response) => response.end('accept')).listen(0, '127.0.0.1', () => {
			get({ port: (server.address() as { port: number }).port, host: '127.0.0.1' }, (response) => {
				let text = '';
				response.on('data', (chunk) => (text += chunk)).on('end', () => { server.close(); resolve(text); });
			}).on('error', reject);
		});
	});
	let asked: Promise<string> | undefined;
	return {
		async onPacketAsync(packet) {
			if (packet.payloadU32(0) % 10 === 3) return (await readFile(new URL('verdict', import.meta.url), 'utf8')) as 'drop';
			if (packet.payloadU32(0) % 10 === 4) return (await (asked ??= ask())) as 'accept';
			return 'accept';
		},
		requests: { ticks: () => ticks },
	};`)}`,
		verdict: 'drop',
	});
	const plugin = await pluginHost.createPlugin({ file, hangMs: 60_000 });
	const attachment = await attach(plugin, room);
	const before = (await plugin.request('ticks')) as number;

	await room.call.sendRange(1, 1_000);
	await until('nine of ten', () => room.call.received.length === 900);
	t.match(await attachment.getStats(), { accepted: 900, dropped: 100, timeoutAccepted: 0, errorAccepted: 0 });
	t.ok(isGapless(room.call.received));
	t.ok(((await plugin.request('ticks')) as number) > before, 'while packets came');
});

t.test('a plugin that hears full waits for drain(), and the app gets all that it posts, in order', async (t) => {
	const pluginHost = await open(t);
	const file = writeFiles({
		'flood.ts': `${pluginPreamble}export default definePlugin({ setup({ post, drain }) {
			return { requests: { async flood({ posts, bytes }: { posts: number; bytes: number }) {
				const body = 'x'.repeat(bytes);
				let full = 0;
				for (let n = 1; n <= posts; n++) {
					for (let result = post('n', { n, body }); result !== 'ok'; result = post('n', { n, body })) {
						if (result !== 'full') throw new Error(result);
						full++;
						await drain();
					}
				}
				return full;
			} } };
		} });`,
	});
	const room = await openRoom(t, pluginHost);
	const plugin = await pluginHost.createPlugin({ file, hangMs: 60_000 });
	const numbers: number[] = [];
	const posts = 300;

	plugin.on('message', ({ body }) => numbers.push((body as { n: number }).n));
	await attach(plugin, room);
	t.ok(((await plugin.request('flood', { posts, bytes: 200_000 }, { timeoutMs: 120_000 })) as number) > 0, 'it was full at times');
	await until('all of them', () => numbers.length === posts);
	t.same(numbers, Array.from({ length: posts }, (_, i) => i + 1));
});

t.end();
