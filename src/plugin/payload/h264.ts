// H.264 in RTP (RFC 6184): which NAL units a payload has, or begins.

import type { PayloadReader, PayloadSource } from './source.ts';
import { readOrNothing } from './source.ts';

export type H264Payload = {
	readonly packaging: 'single' | 'stap-a' | 'fu-a' | 'other';
	/** Types of the NAL units that begin in it, or, of a later fragment, of the one that goes on. */
	readonly nalTypes: readonly number[];
	/** Of a fragment: whether its NAL unit begins, or ends, with it. Otherwise both are true. */
	readonly startOfNal: boolean;
	readonly endOfNal: boolean;
	/** A picture that can be decoded by itself begins. */
	readonly isIdr: boolean;
	/** Parameter sets or an IDR picture begin: what a key frame starts with. */
	readonly isKeyFrame: boolean;
	/** Some NAL unit in it is needed by others. */
	readonly isReference: boolean;
};

const idr = 5;
const sps = 7;
const stapA = 24;
const fuA = 28;

/** Undefined: it is none. */
export function readH264(source: PayloadSource): H264Payload | undefined {
	return readOrNothing(source, (reader) => {
		const first = reader.u8();
		const type = first & 0x1f;

		if (type === stapA) {
			return describe('stap-a', readAggregate(reader));
		}
		if (type === fuA) {
			const head = reader.u8();

			return describe('fu-a', [(first & 0x60) | (head & 0x1f)], (head & 0x80) !== 0, (head & 0x40) !== 0);
		}
		if (type === 0) {
			return undefined;
		}

		return type < stapA ? describe('single', [first]) : describe('other', []);
	});
}

/** First bytes of its NAL units. */
function readAggregate(reader: PayloadReader): number[] {
	const heads: number[] = [];

	while (reader.left > 0) {
		const length = reader.u16();

		// An empty unit is none.
		if (length > 0) {
			heads.push(reader.u8());
			reader.skip(length - 1);
		}
	}

	return heads;
}

function describe(packaging: H264Payload['packaging'], heads: readonly number[], startOfNal = true, endOfNal = true): H264Payload {
	const nalTypes = heads.map((head) => head & 0x1f);
	const isIdr = startOfNal && nalTypes.includes(idr);

	return {
		...{ packaging, nalTypes, startOfNal, endOfNal, isIdr, isKeyFrame: isIdr || (startOfNal && nalTypes.includes(sps)) },
		isReference: heads.some((head) => (head & 0x60) !== 0),
	};
}
