// examples/speakers, in Rust: audio levels in RTP become messages for the app.

import { createSocket } from 'node:dgram';

import type { types } from 'mediasoup';
import t from 'tap';

import { examplePlugin } from '../../tools/lib/example-plugin.ts';
import { openMediaStage } from '../helpers/media.ts';
import { until } from '../helpers/until.ts';

const levelUri = 'urn:ietf:params:rtp-hdrext:ssrc-audio-level';
const levelId = 5;
const payloadType = 111;

type Speaker = { readonly producer: types.Producer; readonly say: (dBov: number) => void };

async function openSpeaker(router: types.Router, ssrc: number, close: (body: () => void) => void): Promise<Speaker> {
	const socket = createSocket('udp4');
	const transport = await router.createPlainTransport({ listenInfo: { protocol: 'udp', ip: '127.0.0.1' }, rtcpMux: true, comedia: true });
	const producer = await transport.produce({
		kind: 'audio',
		rtpParameters: {
			codecs: [{ mimeType: 'audio/opus', clockRate: 48_000, channels: 2, payloadType }],
			headerExtensions: [{ uri: levelUri, id: levelId }],
			encodings: [{ ssrc }],
		},
	});
	let number = 0;

	close(() => socket.close());

	return {
		producer,
		say(dBov) {
			// Version 2 with one extension element of one byte (RFC 8285), padded to a word; then Opus without a byte.
			const packet = Buffer.from([0x90, payloadType, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xbe, 0xde, 0, 1, levelId << 4, -dBov, 0, 0, 0xf8]);

			packet.writeUInt16BE(++number & 0xffff, 2);
			packet.writeUInt32BE(number * 960, 4);
			packet.writeUInt32BE(ssrc, 8);
			socket.send(packet, transport.tuple.localPort, '127.0.0.1');
		},
	};
}

t.test('the app hears who speaks, and when that changes', async (t) => {
	const { pluginHost, worker, router } = await openMediaStage(t);
	const plugin = await pluginHost.createPlugin({ file: examplePlugin('speakers') });
	const told: unknown[] = [];

	plugin.on('message', ({ name, body, worker: pid }) => {
		t.same([name, pid], ['speakers', worker.pid]);
		told.push(body);
	});
	await plugin.attach({ router, kinds: ['audio'], mode: 'observe', copy: 'meta' });

	const close = (body: () => void): void => t.teardown(body);
	const [alice, bob] = [await openSpeaker(router, 7_001, close), await openSpeaker(router, 7_002, close)];
	const isLast = (...speakers: Speaker[]): boolean => {
		const { routerId, producerIds } = (told.at(-1) ?? {}) as { routerId?: string; producerIds?: string[] };
		const wanted = speakers.map(({ producer }) => producer.id);

		return routerId === router.id && producerIds?.length === wanted.length && wanted.every((id) => producerIds.includes(id));
	};

	await until('alice', () => (alice.say(-20), bob.say(-80), isLast(alice)));
	await until('both', () => (alice.say(-20), bob.say(-30), isLast(alice, bob)));
	await until('bob alone', () => (alice.say(-80), bob.say(-30), isLast(bob)));
	await until('nobody', () => isLast());
	t.ok(told.length <= 5, `${told.length} messages for four changes`);
});

t.end();
