// opus-levels: decodes Opus with a decoder from npm and tells the app who spoke from when to when, and how loud.

import type { PacketView } from 'mediasoup-plugin-host/plugin';
import { definePlugin, eventTypes } from 'mediasoup-plugin-host/plugin';
import * as z from 'zod';

import type { Segment } from './speech.ts';
import { Voice } from './voice.ts';

/** Times are milliseconds since 1970, the level is in dBov. */
export type SpokenSegment = Segment & { readonly routerId: string; readonly producerId: string };

type Speaker = { readonly routerId: string; readonly producerId: string; readonly voice: Voice };

export default definePlugin({
	name: 'opus-levels',
	version: '1.0.0',
	config: z.strictObject({
		threshold: z.number().min(-127).max(0).default(-45),
		pauseMs: z.number().positive().default(500),
	}),
	events: eventTypes<{ speech: SpokenSegment }>(),
	setup({ config, post, counter, log }) {
		const speakers = new Map<number, Speaker>();
		const segments = counter('segments');
		const undelivered = counter('undelivered');
		const skipped = counter('skipped');
		const overflowed = counter('overflowed');

		function speakerOf({ producer, producerId = '', routerId }: PacketView): Speaker {
			let speaker = speakers.get(producer);

			if (!speaker) {
				const voice = new Voice(config, {
					segment(segment) {
						(post('speech', { ...segment, routerId, producerId }) === 'ok' ? segments : undelivered).add();
					},
					skipped: () => skipped.add(),
					overflowed: () => overflowed.add(),
					failed: (error) => log.error(`the sound of producer ${producerId} is not decoded: ${String(error)}`),
				});

				speaker = { routerId, producerId, voice };
				speakers.set(producer, speaker);
			}

			return speaker;
		}

		function forget(producer: number): void {
			speakers.get(producer)?.voice.close();
			speakers.delete(producer);
		}

		return {
			onPacket(packet) {
				if (packet.codec === 'opus' && packet.payloadLength > 0) {
					speakerOf(packet).voice.add(sinceEpoch(packet.receivedAt), packet.payload.slice());
				} else {
					skipped.add();
				}
			},

			onEvent(event) {
				if (event.type === 'producerClosed') {
					forget(event.producer);
				}
			},

			onTick() {
				for (const { voice } of speakers.values()) {
					voice.poll(Date.now());
				}
			},

			requests: {
				/** Who speaks now. */
				speakers: () => [...speakers.values()].filter(({ voice }) => voice.isSpeaking).map(({ routerId, producerId }) => ({ routerId, producerId })),
			},

			close() {
				for (const producer of [...speakers.keys()]) {
					forget(producer);
				}
			},
		};
	},
});

/** From the worker's clock, which is that of process.hrtime(). */
function sinceEpoch(monotonicMs: number): number {
	return Date.now() - (Number(process.hrtime.bigint()) / 1e6 - monotonicMs);
}
