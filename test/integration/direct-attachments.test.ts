// Several attachments to one DirectTransport, and one whose plugin is restarted under traffic both ways.

import { join } from 'node:path';

import t from 'tap';

import { repoRoot } from '../../tools/lib/paths.ts';
import type { Got } from '../fixtures/plugins/direct.ts';
import type { Plugin } from '../../src/index.ts';
import { openCall } from '../helpers/call.ts';
import { realStage } from '../helpers/real-stage.ts';
import { until } from '../helpers/until.ts';

const fixture = (name: string): string => join(repoRoot, 'test/fixtures/plugins', `${name}.ts`);
const policies = { onAbsent: 'accept', onOverflow: 'accept' } as const;
/** More than any machine sends. */
const limits = { packetsPerSecond: 10_000_000, bytesPerSecond: 4_000_000_000 };
const stage = realStage();

t.setTimeout(180_000);

const range = (first: number, last: number): number[] => Array.from({ length: last - first + 1 }, (_, index) => first + index);
const numberOf = (packet: Buffer): number => packet.readUInt32BE(packet.length - 100);
const got = async (plugin: Plugin): Promise<number[]> => ((await plugin.request('packets')) as Got[]).map(({ base64 }) => numberOf(Buffer.from(base64, 'base64')));

t.test('of two attachments the first one by order gets all, and the other one what that does not serve', async (t) => {
	const { router, pluginHost } = stage;
	const transport = await router.createDirectTransport();
	const call = await openCall(router);
	const [second, first] = [await pluginHost.createPlugin({ file: fixture('direct') }), await pluginHost.createPlugin({ file: fixture('direct') })];
	const later = await second.attach({ transport, order: 2, ...policies });
	const earlier = await first.attach({ transport, order: 1, ...policies });
	const consumer = await transport.consume({ producerId: call.producer.id, rtpCapabilities: router.rtpCapabilities });
	const heard: number[] = [];

	t.teardown(() => (call.close(), first.close(), second.close()));
	consumer.on('rtp', (packet) => heard.push(numberOf(packet)));
	await call.sendRange(1, 100);
	await until('a hundred', async () => (await got(first)).length === 100);
	t.same(await got(first), range(1, 100));
	t.match(await earlier.getStats(), { diverted: 100 });
	t.match(await later.getStats(), { diverted: 0 });

	earlier.close();
	await call.sendRange(101, 200);
	await until('a hundred more', async () => (await got(second)).length === 100);
	t.same(await got(second), range(101, 200));
	t.match(await later.getStats(), { diverted: 100 });

	later.close();
	await call.sendRange(201, 300);
	await until('those that nobody is attached for', () => heard.length === 100);
	t.same(heard, range(201, 300), 'the channel has no others');
});

t.test('across restarts nothing is lost or comes twice, neither in nor out', async (t) => {
	const { router, pluginHost } = stage;
	const transport = await router.createDirectTransport();
	const call = await openCall(router);
	const plugin = await pluginHost.createPlugin({ file: fixture('direct-echo'), config: { transportId: transport.id }, hangMs: 60_000, limits });
	const attachment = await plugin.attach({ transport, ...policies });
	const producer = await transport.produce({
		kind: 'audio',
		rtpParameters: { codecs: [{ mimeType: 'audio/opus', clockRate: 48_000, channels: 2, payloadType: 100 }], encodings: [{ ssrc: 4711 }] },
	});
	const out = await (await router.createDirectTransport()).consume({ producerId: producer.id, rtpCapabilities: router.rtpCapabilities });
	const heard: number[] = [];
	let byChannel = 0;
	let sent = 0;
	let restarts = 0;

	t.teardown(() => (call.close(), plugin.close()));
	out.on('rtp', (packet) => heard.push(numberOf(packet)));
	(await transport.consume({ producerId: call.producer.id, rtpCapabilities: router.rtpCapabilities })).on('rtp', () => ++byChannel);

	const restarting = (async (): Promise<void> => {
		for (; restarts < 3; ++restarts) {
			await plugin.restart();
		}
	})();

	while (restarts < 3 || sent < 2_000) {
		await call.sendRange(sent + 1, sent + 10);
		sent += 10;
		// The round trip keeps the traffic within what sockets hold.
		await until('most of them', () => heard.length + byChannel > sent - 500);
	}
	await restarting;
	await until('the last one', () => heard.length + byChannel >= sent);
	t.same(heard, range(1, sent));
	t.equal(byChannel, 0);
	t.match(await attachment.getStats(), { diverted: sent, absentAccepted: 0, overflowAccepted: 0 });
	t.match(await producer.getStats(), [{ packetCount: sent }]);
	t.comment(`${sent} packets`);
});

t.end();
