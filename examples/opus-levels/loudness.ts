// How loud decoded sound is.

/** 1 is a square wave that fills the whole range. */
export function meanPower(channels: readonly Float32Array[]): number {
	let sum = 0;
	let values = 0;

	for (const samples of channels) {
		for (const sample of samples) {
			sum += sample * sample;
		}
		values += samples.length;
	}

	return values === 0 ? 0 : sum / values;
}

/** RFC 6465: 0 is the loudest there is, -127 silence. */
export function toDbov(power: number): number {
	return power > 0 ? Math.min(Math.max(10 * Math.log10(power), -127), 0) : -127;
}
