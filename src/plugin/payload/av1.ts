// AV1 in RTP (AOMedia's "RTP Payload Format For AV1"): the aggregation header with the OBUs behind it, and the dependency descriptor, a header
// extension that says of a frame what its payload may hide (end-to-end encryption).

import type { ReadonlyBytes } from '../readonly-bytes.ts';
import { BitReader } from './bit-reader.ts';
import type { PayloadReader, PayloadSource } from './source.ts';
import { readOrNothing } from './source.ts';

export type Av1Payload = {
	/** The first OBU goes on from the packet before; the last one goes on in the next. */
	readonly continues: boolean;
	readonly isContinued: boolean;
	/** It begins a coded video sequence, and with it a key frame. */
	readonly isKeyFrame: boolean;
	/** Of the OBUs that begin in it: 1 sequence header, 3 frame header, 4 tile group, 6 frame. */
	readonly obuTypes: readonly number[];
	/** Of the first OBU that says it. */
	readonly spatialLayer: number | undefined;
	readonly temporalLayer: number | undefined;
};

/** Undefined: it is none. */
export function readAv1(source: PayloadSource): Av1Payload | undefined {
	return readOrNothing(source, (reader) => {
		const head = reader.u8();
		const continues = (head & 0x80) !== 0;
		const obus = readObus(reader, (head >> 4) & 0x03, continues);
		const layered = obus.find(({ layers }) => layers !== undefined)?.layers;

		return {
			...{ continues, isContinued: (head & 0x40) !== 0, isKeyFrame: (head & 0x08) !== 0, obuTypes: obus.map(({ type }) => type) },
			spatialLayer: layered === undefined ? undefined : (layered >> 3) & 0x03,
			temporalLayer: layered === undefined ? undefined : layered >> 5,
		};
	});
}

type Obu = { readonly type: number; readonly layers: number | undefined };

/** `count` 0: as many as there are, each with its length. Otherwise the last one has none, and goes to the end. */
function readObus(reader: PayloadReader, count: number, continues: boolean): Obu[] {
	const obus: Obu[] = [];

	for (let i = 0; count === 0 ? reader.left > 0 : i < count; ++i) {
		const length = count !== 0 && i === count - 1 ? reader.left : reader.leb128();
		const end = reader.at + length;

		// What goes on has its header in the packet before.
		if (length > 0 && !(i === 0 && continues)) {
			const head = reader.u8();

			obus.push({ type: (head >> 3) & 0x0f, layers: (head & 0x04) !== 0 ? reader.u8() : undefined });
		}
		reader.skip(Math.max(0, end - reader.at));
	}

	return obus;
}

export type Av1Layers = { readonly spatialLayer: number; readonly temporalLayer: number };

/** Which layers there are; comes with key frames and holds until the next one. */
export type Av1Structure = {
	readonly templateIdOffset: number;
	readonly decodeTargets: number;
	/** One per template. */
	readonly templates: readonly Av1Layers[];
};

export type Av1Dependency = {
	readonly startOfFrame: boolean;
	readonly endOfFrame: boolean;
	readonly templateId: number;
	readonly frameNumber: number;
	/** Of a key frame's first packet. */
	readonly structure: Av1Structure | undefined;
};

const templateIds = 64;

/** What `packet.extension(id)` has; the id is that of "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension". */
export function readAv1Dependency(extension: Uint8Array | ReadonlyBytes | undefined): Av1Dependency | undefined {
	if (extension === undefined || extension.length < 3) {
		return undefined;
	}

	const bits = new BitReader(extension);
	const fixed = { startOfFrame: bits.read(1) === 1, endOfFrame: bits.read(1) === 1, templateId: bits.read(6), frameNumber: bits.read(16) };
	const hasStructure = extension.length > 3 && bits.read(1) === 1;

	// Four flags of what stands behind the structure.
	bits.read(hasStructure ? 4 : 0);

	const structure = hasStructure ? readStructure(bits) : undefined;

	return bits.isPastEnd ? undefined : { ...fixed, structure };
}

/** Which layers a frame is of, by the structure that came last. */
export function av1LayersOf({ templateId }: Pick<Av1Dependency, 'templateId'>, structure: Av1Structure): Av1Layers | undefined {
	return structure.templates[(templateId + templateIds - structure.templateIdOffset) % templateIds];
}

function readStructure(bits: BitReader): Av1Structure {
	const templateIdOffset = bits.read(6);
	const decodeTargets = bits.read(5) + 1;
	const templates: Av1Layers[] = [];
	let spatialLayer = 0;
	let temporalLayer = 0;
	let next: number;

	do {
		templates.push({ spatialLayer, temporalLayer });
		next = bits.read(2);

		if (next === 1) {
			++temporalLayer;
		} else if (next === 2) {
			++spatialLayer;
			temporalLayer = 0;
		}
	} while (next !== 3 && templates.length < templateIds && !bits.isPastEnd);

	return { templateIdOffset, decodeTargets, templates };
}
