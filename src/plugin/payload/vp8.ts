// The VP8 payload descriptor (RFC 7741), and what the frame's header says.

import type { PayloadReader, PayloadSource } from './source.ts';
import { readOrNothing } from './source.ts';

export type Vp8Payload = {
	/** It begins a frame. That it ends one is the packet's `marker`. */
	readonly startOfFrame: boolean;
	/** It begins a key frame. */
	readonly isKeyFrame: boolean;
	/** Of a packet that begins a key frame. */
	readonly width: number | undefined;
	readonly height: number | undefined;
	readonly partition: number;
	/** No other frame needs this one. */
	readonly nonReference: boolean;
	readonly pictureId: number | undefined;
	readonly tl0PicIdx: number | undefined;
	readonly temporalLayer: number | undefined;
	/** Layers up to here can be switched to at this frame. */
	readonly layerSync: boolean | undefined;
	readonly keyIndex: number | undefined;
	/** Where the frame's bytes begin in the payload. */
	readonly headerLength: number;
};

/** Undefined: it is none. */
export function readVp8(source: PayloadSource): Vp8Payload | undefined {
	return readOrNothing(source, (reader) => {
		const first = reader.u8();
		const extension = (first & 0x80) !== 0 ? reader.u8() : 0;
		const pictureId = (extension & 0x80) !== 0 ? readPictureId(reader) : undefined;
		const tl0PicIdx = (extension & 0x40) !== 0 ? reader.u8() : undefined;
		const layers = (extension & 0x30) !== 0 ? reader.u8() : 0;
		const hasLayer = (extension & 0x20) !== 0;
		const headerLength = reader.at;
		const partition = first & 0x07;
		const startOfFrame = (first & 0x10) !== 0 && partition === 0;
		const isKeyFrame = startOfFrame && (reader.u8() & 1) === 0;

		return {
			...{ startOfFrame, isKeyFrame, ...(isKeyFrame ? readSize(reader) : noSize), partition, nonReference: (first & 0x20) !== 0, pictureId, tl0PicIdx },
			temporalLayer: hasLayer ? layers >> 6 : undefined,
			layerSync: hasLayer ? (layers & 0x20) !== 0 : undefined,
			keyIndex: (extension & 0x10) !== 0 ? layers & 0x1f : undefined,
			headerLength,
		};
	});
}

const noSize = { width: undefined, height: undefined };

/** Seven bits, or fifteen if the first one is set. */
export function readPictureId(reader: PayloadReader): number {
	const first = reader.u8();

	return first < 0x80 ? first : (first & 0x7f) * 256 + reader.u8();
}

/** Behind the first byte of a key frame's header: two more, the start code, then 14 bits each. */
function readSize(reader: PayloadReader): { readonly width: number | undefined; readonly height: number | undefined } {
	if (reader.left < 9) {
		return noSize;
	}
	reader.skip(5);

	const [low, high, lowHeight, highHeight] = [reader.u8(), reader.u8(), reader.u8(), reader.u8()];

	return { width: (high & 0x3f) * 256 + low, height: (highHeight & 0x3f) * 256 + lowHeight };
}
