// The first bytes of an Opus packet (RFC 6716, section 3).

import type { PayloadSource } from './source.ts';
import { readOrNothing } from './source.ts';

export type OpusPacket = {
	readonly mode: 'silk' | 'hybrid' | 'celt';
	readonly bandwidth: 'narrow' | 'medium' | 'wide' | 'super-wide' | 'full';
	readonly stereo: boolean;
	/** How many frames it has, and how long each is. */
	readonly frames: number;
	readonly frameMs: number;
	readonly durationMs: number;
};

type Configuration = Pick<OpusPacket, 'mode' | 'bandwidth' | 'frameMs'>;

const maxPacketMs = 120;

const configurations: readonly Configuration[] = [
	...family('silk', ['narrow', 'medium', 'wide'], [10, 20, 40, 60]),
	...family('hybrid', ['super-wide', 'full'], [10, 20]),
	...family('celt', ['narrow', 'wide', 'super-wide', 'full'], [2.5, 5, 10, 20]),
];

/** Undefined: it is none. */
export function readOpus(source: PayloadSource): OpusPacket | undefined {
	return readOrNothing(source, (reader) => {
		const toc = reader.u8();
		const configuration = configurations[toc >> 3]!;
		const code = toc & 3;
		const frames = code === 0 ? 1 : code < 3 ? 2 : reader.u8() & 0x3f;
		const durationMs = frames * configuration.frameMs;

		return frames === 0 || durationMs > maxPacketMs ? undefined : { ...configuration, stereo: (toc & 4) !== 0, frames, durationMs };
	});
}

function family(mode: OpusPacket['mode'], bandwidths: readonly OpusPacket['bandwidth'][], durations: readonly number[]): Configuration[] {
	return bandwidths.flatMap((bandwidth) => durations.map((frameMs) => ({ mode, bandwidth, frameMs })));
}
