// The filter of accept.c in TypeScript: looks at what tells one stream from another, and accepts.

import { definePlugin } from '../../../src/plugin/index.ts';

export default definePlugin({
	name: 'bench-accept-ts',
	setup() {
		const own = 0xffff_ffff;

		return {
			onPacket(packet) {
				return packet.ssrc === own && packet.sequenceNumber === 0 ? 'drop' : 'accept';
			},
		};
	},
});
