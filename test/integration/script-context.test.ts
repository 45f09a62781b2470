// What setup() gives to a plugin in TypeScript, through the real addon and a real worker: each of its calls, with what it is called back by.

import t from 'tap';

import type { AttachOptions, Plugin } from '../../src/index.ts';
import { openCall } from '../helpers/call.ts';
import { realStage } from '../helpers/real-stage.ts';
import { pluginPreamble, writeFiles } from '../helpers/script-file.ts';
import { until } from '../helpers/until.ts';

const stage = realStage();
const policies = { deadlineMs: 10_000, onAbsent: 'accept', onTimeout: 'accept', onError: 'accept' } as const;

t.setTimeout(300_000);

async function open(setup: string, settings = ''): Promise<Plugin> {
	const text = `${pluginPreamble}export default definePlugin({ ${settings} ${setup} });`;
	const plugin = await stage.pluginHost.createPlugin({ file: writeFiles({ 'asker.ts': text }), hangMs: 60_000 });

	t.teardown(() => plugin.close());

	return plugin as Plugin;
}

t.test('a plugin may ask for parameters, consumers, sender reports and scores, and hears why not', async (t) => {
	const plugin = await open(`setup({ query }) {
		const producers: { router: number; object: number }[] = [];
		return {
			onEvent(event) {
				if (event.type === 'producerCreated') producers.push({ router: event.router, object: event.producer });
			},
			requests: {
				async ask() {
					const [of] = producers;
					return {
						parameters: await query('rtpParameters', of!), consumers: await query('consumers', of!), scores: await query('scores', of!), reports: await query('senderReports', of!),
						refusal: await query('consumers', { ...of!, object: 999_999 }).then(() => '', (error: Error) => error.message),
					};
				},
			},
		};
	}`);
	const call = await openCall(stage.router);

	t.teardown(() => call.close());
	await plugin.attach({ router: stage.router, mode: 'filter', ...policies });
	await call.send(1);
	await until('the packet', () => call.received.length === 1);
	t.match(await plugin.request('ask'), {
		...{ parameters: { rtpParameters: { encodings: Array } }, consumers: [{ id: call.consumer.id, paused: false }], scores: Array, reports: Array },
		refusal: /^query\("consumers"\) of 999999: .+/,
	});
});

t.test('a snapshot reaches the next host before its first event, and counters, log and ticks the app', async (t) => {
	const plugin = await open(
		`setup({ snapshot, counter, log }) {
			const seen = counter('seen');
			let [count, ticks] = [0, 0];
			const order: string[] = [];
			return {
				onPacket() { seen.add(); snapshot(Uint8Array.of(++count)); },
				onRestore(bytes) { count = bytes[0]!; order.push('restore'); log.warn('goes on from ' + count); },
				onEvent(event) { order.push(event.type); },
				onTick() { ticks++; },
				requests: { state: () => ({ count, ticks, order }) },
			};
		}`,
		'tickMs: 1,',
	);
	const lines: string[] = [];
	const call = await openCall(stage.router);

	t.teardown(() => call.close());
	plugin.observer.on('log', (level, line) => lines.push(`${level} ${line}`));
	await plugin.attach({ router: stage.router, mode: 'filter', ...policies });
	// One after the other: a snapshot that is still on its way refuses the next one.
	for (let number = 1; number <= 5; number++) {
		await call.send(number);
		await until('a packet', () => call.received.length === number);
	}
	t.match(await plugin.request('state'), { count: 5, order: ['routerOpened'] });
	await until('its counter', async () => (await plugin.getStats()).instances[0]!.counters['seen'] === 5);
	await plugin.restart();

	const { count, order, ticks } = (await plugin.request('state')) as { count: number; order: readonly string[]; ticks: number };

	t.ok(count >= 1 && count <= 5, `${count}`);
	t.match(order, ['restore', 'routerOpened']);
	await until('its line', () => lines.includes(`warn goes on from ${count}`));
	await until('ticks', async () => ((await plugin.request('state')) as { ticks: number }).ticks > ticks);
});

t.test('a plugin chooses producers itself, sends in their name and asks for key frames, and is told what became of it', async (t) => {
	const plugin = await open(`setup({ subscribe, inject, requestKeyFrame }) {
		const results: Record<string, string[]> = {};
		const told = (what: string) => (result: string) => void (results[what] ??= []).push(result);
		let producer: { router: number; producer: number } | undefined;
		let attachment = 0;
		let packets = 0;
		return {
			onEvent(event) {
				if (event.type === 'attachmentAdded') attachment = event.attachment;
				if (event.type === 'producerCreated') producer = { router: event.router, producer: event.producer };
			},
			onPacket(packet) {
				if (++packets > 1) return;
				const { router, ssrc, timestamp, payloadType, payload } = packet;
				const rtp = { router, producer: packet.producer, ssrc, timestamp, payloadType, payload };
				told('call')(inject({ ...rtp, cause: packet }, told('inject')));
				told('call')(inject({ ...rtp, producer: 999_999 }, told('unknown')));
				told('call')(inject({ ...rtp, ssrc: 5 }, told('malformed')));
				told('call')(requestKeyFrame(packet, told('keyFrame')));
			},
			requests: {
				subscribe: (wanted: boolean) => subscribe({ ...producer!, attachment }, wanted, told('subscribe')),
				results: () => ({ packets, ...results }),
			},
		};
	}`);
	const call = await openCall(stage.router);

	t.teardown(() => call.close());

	const attachment = await plugin.attach({ router: stage.router, mode: 'filter', subscribe: true, ...policies } as AttachOptions);

	await call.sendRange(1, 5);
	await until('what it did not choose', () => call.received.length === 5);
	t.equal(await plugin.request('subscribe', true), 'ok');
	await until('that it is', async () => ((await plugin.request('results')) as { subscribe?: string[] }).subscribe);
	await call.sendRange(6, 10);
	await until('five, and one that it sent', () => call.received.length === 11);
	await plugin.request('subscribe', false);
	await until('that it is not', async () => ((await plugin.request('results')) as { subscribe: string[] }).subscribe.length === 2);
	await call.sendRange(11, 15);
	await until('the last ones', () => call.received.length === 16);
	t.match(await plugin.request('results'), {
		...{ packets: 5, call: ['ok', 'ok', 'ok', 'ok'], subscribe: ['ok', 'ok'], inject: ['ok'], unknown: ['unknown'], malformed: ['malformed'], keyFrame: Array },
	});
	t.match(await attachment.getStats(), { accepted: 5, notSelected: 10 });
	t.match((await plugin.getStats()).workers[0], { injected: 1, injectUnknown: 1, injectMalformed: 1 });
});

t.end();
