// throttle: a filter that drops what a producer sends over a limit, with one token bucket per producer. examples/throttle does the same in C++.

import { definePlugin } from 'mediasoup-plugin-host/plugin';
import * as z from 'zod';

import { TokenBucket } from './token-bucket.ts';

const config = z.strictObject({
	/** How fast a bucket fills. */
	packetsPerSecond: z.number().positive(),
	/** How much it holds. One that cannot hold a token would never let a packet pass. */
	burst: z.number().min(1).optional(),
});

export default definePlugin({
	name: 'throttle',
	version: '1.0.0',
	config,
	setup({ config: { packetsPerSecond, burst = Math.ceil(packetsPerSecond / 10) }, counter }) {
		const passed = counter('passed');
		const dropped = counter('dropped');
		const buckets = new Map<number, TokenBucket>();

		return {
			onPacket(packet) {
				let bucket = buckets.get(packet.producer);

				if (!bucket) {
					bucket = new TokenBucket(packetsPerSecond, burst, packet.receivedAt);
					buckets.set(packet.producer, bucket);
				}
				if (bucket.take(packet.receivedAt)) {
					passed.add();

					return 'accept';
				}
				dropped.add();

				return 'drop';
			},

			onEvent(event) {
				if (event.type === 'producerClosed') {
					buckets.delete(event.producer);
				}
			},
		};
	},
});
