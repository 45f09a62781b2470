/** The same numbers for the same seed: a linear congruential generator is random enough to find what is not ordered. */
export function random(seed: number): (below: number) => number {
	let state = seed >>> 0;

	return (below) => {
		state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;

		return Math.floor((state / 2 ** 32) * below);
	};
}
