// Header extensions of an RTP packet (RFC 8285), found without anything being allocated.

const oneByteProfile = 0xbede;
const twoByteProfile = 0x1000;

/** Offset and length of an extension's value, in one number; see `offsetOf` and `lengthOf`. */
export type ExtensionPlace = number;

export const noExtension: ExtensionPlace = -1;

export const offsetOf = (place: ExtensionPlace): number => place >> 8;
export const lengthOf = (place: ExtensionPlace): number => place & 0xff;

/** The RTP header stands at `at` and is `headerLength` bytes long. The offset is counted from `at`. */
export function findExtension(data: DataView, at: number, headerLength: number, id: number): ExtensionPlace {
	const hasExtensions = (data.getUint8(at) & 0x10) !== 0;
	const block = 12 + (data.getUint8(at) & 0x0f) * 4;

	if (!hasExtensions || block + 4 > headerLength) {
		return noExtension;
	}

	const profile = data.getUint16(at + block);
	const end = Math.min(block + 4 + data.getUint16(at + block + 2) * 4, headerLength);

	if (profile === oneByteProfile) {
		return findOneByte(data, at, block + 4, end, id);
	}

	return (profile & 0xfff0) === twoByteProfile ? findTwoByte(data, at, block + 4, end, id) : noExtension;
}

function findOneByte(data: DataView, at: number, from: number, end: number, id: number): ExtensionPlace {
	for (let i = from; i < end; ) {
		const head = data.getUint8(at + i);
		const found = head >> 4;
		const length = (head & 0x0f) + 1;

		// A byte of padding.
		if (head === 0) {
			++i;
			continue;
		}
		// 15 ends the block, whatever comes behind it.
		if (found === 15 || i + 1 + length > end) {
			return noExtension;
		}
		if (found === id && found !== 0) {
			return ((i + 1) << 8) | length;
		}
		i += 1 + length;
	}

	return noExtension;
}

function findTwoByte(data: DataView, at: number, from: number, end: number, id: number): ExtensionPlace {
	for (let i = from; i < end; ) {
		const found = data.getUint8(at + i);

		if (found === 0) {
			++i;
			continue;
		}
		if (i + 2 > end) {
			return noExtension;
		}

		const length = data.getUint8(at + i + 1);

		if (i + 2 + length > end) {
			return noExtension;
		}
		if (found === id) {
			return ((i + 2) << 8) | length;
		}
		i += 2 + length;
	}

	return noExtension;
}
