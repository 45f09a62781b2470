// Numbers from a seed: the same seed is the same run.

export type Random = {
	/** A whole number from 0 to below `end`. */
	readonly below: (end: number) => number;
	readonly pick: <T>(from: readonly T[]) => T;
};

/** Marsaglia's xorshift with 32 bits of state. */
export function randomFrom(seed: number): Random {
	let state = seed >>> 0 || 1;

	const below = (end: number): number => {
		state ^= state << 13;
		state ^= state >>> 17;
		state ^= state << 5;

		return (state >>> 0) % end;
	};

	return { below, pick: (from) => from[below(from.length)]! };
}
