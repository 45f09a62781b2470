// The VP9 payload descriptor (RFC 9628).

import type { PayloadReader, PayloadSource } from './source.ts';
import { readOrNothing } from './source.ts';
import { readPictureId } from './vp8.ts';

export type Vp9Payload = {
	/** It begins, or ends, a frame of a spatial layer. That it ends the picture is the packet's `marker`. */
	readonly startOfFrame: boolean;
	readonly endOfFrame: boolean;
	/** It begins a key frame: of no picture before it, in the lowest spatial layer. */
	readonly isKeyFrame: boolean;
	/** It needs pictures before it. */
	readonly interPicture: boolean;
	/** It needs the spatial layer below it. */
	readonly interLayer: boolean;
	/** No higher spatial layer needs it. */
	readonly notForInterLayer: boolean;
	readonly flexible: boolean;
	readonly pictureId: number | undefined;
	readonly tl0PicIdx: number | undefined;
	readonly spatialLayer: number | undefined;
	readonly temporalLayer: number | undefined;
	/** Higher temporal layers can be switched to at this frame. */
	readonly switchingUp: boolean | undefined;
	/** How far back the pictures are that it needs (flexible mode). */
	readonly references: readonly number[];
	readonly structure: Vp9Structure | undefined;
	/** Where the frame's bytes begin in the payload. */
	readonly headerLength: number;
};

export type Vp9Structure = {
	readonly spatialLayers: number;
	/** One per spatial layer, if it says. */
	readonly sizes: readonly { readonly width: number; readonly height: number }[];
	readonly pictures: readonly { readonly temporalLayer: number; readonly switchingUp: boolean; readonly references: readonly number[] }[];
};

const maxReferences = 3;

/** Undefined: it is none. */
export function readVp9(source: PayloadSource): Vp9Payload | undefined {
	return readOrNothing(source, (reader) => {
		const first = reader.u8();
		const has = (bit: number): boolean => (first & bit) !== 0;
		const flexible = has(0x10);
		const interPicture = has(0x40);
		const startOfFrame = has(0x08);
		const pictureId = has(0x80) ? readPictureId(reader) : undefined;
		const layers = has(0x20) ? reader.u8() : undefined;
		const tl0PicIdx = layers !== undefined && !flexible ? reader.u8() : undefined;
		const spatialLayer = layers === undefined ? undefined : (layers >> 1) & 0x07;
		const references = flexible && interPicture ? readReferences(reader) : [];
		const structure = has(0x02) ? readStructure(reader) : undefined;

		return {
			...{ startOfFrame, endOfFrame: has(0x04), isKeyFrame: startOfFrame && !interPicture && (spatialLayer ?? 0) === 0, interPicture },
			...{ interLayer: layers !== undefined && (layers & 1) !== 0, notForInterLayer: has(0x01), flexible, pictureId, tl0PicIdx, spatialLayer },
			temporalLayer: layers === undefined ? undefined : layers >> 5,
			switchingUp: layers === undefined ? undefined : (layers & 0x10) !== 0,
			...{ references, structure, headerLength: reader.at },
		};
	});
}

/** The last bit of each says whether another one follows. */
function readReferences(reader: PayloadReader): number[] {
	const references: number[] = [];
	let byte: number;

	do {
		byte = reader.u8();
		references.push(byte >> 1);
	} while ((byte & 1) !== 0 && references.length < maxReferences);

	return references;
}

function readStructure(reader: PayloadReader): Vp9Structure {
	const head = reader.u8();
	const spatialLayers = (head >> 5) + 1;
	const sizes = (head & 0x10) !== 0 ? Array.from({ length: spatialLayers }, () => ({ width: reader.u16(), height: reader.u16() })) : [];
	const count = (head & 0x08) !== 0 ? reader.u8() : 0;
	const pictures = Array.from({ length: count }, () => {
		const picture = reader.u8();

		return {
			temporalLayer: picture >> 5,
			switchingUp: (picture & 0x10) !== 0,
			references: Array.from({ length: (picture >> 2) & 0x03 }, () => reader.u8()),
		};
	});

	return { spatialLayers, sizes, pictures };
}
