// From the loudness of one packet after the other to segments of speech: loud ones begin a segment, a pause ends it.

import { meanPower, toDbov } from './loudness.ts';

export type SpeechSettings = {
	/** What is as loud as this is speech. In dBov: 0 is the loudest there is. */
	readonly threshold: number;
	/** A silence of so many milliseconds ends a segment. */
	readonly pauseMs: number;
};

/** Times are in the milliseconds of whoever calls. */
export type Segment = {
	readonly start: number;
	readonly end: number;
	/** In dBov: the mean power of what was loud. */
	readonly level: number;
};

export class Speech {
	readonly #settings: SpeechSettings;
	#start: number | undefined;
	#end = 0;
	#power = 0;
	#packets = 0;

	constructor(settings: SpeechSettings) {
		this.#settings = settings;
	}

	get isSpeaking(): boolean {
		return this.#start !== undefined;
	}

	/** A decoded packet that lasts from `at` on. Returns the segment before it, if a pause has ended one. */
	add(at: number, channels: readonly Float32Array[], durationMs: number): Segment | undefined {
		const ended = this.poll(at);
		const power = meanPower(channels);

		if (toDbov(power) >= this.#settings.threshold) {
			this.#start ??= at;
			this.#end = at + durationMs;
			this.#power += power;
			++this.#packets;
		}

		return ended;
	}

	/** The segment that a pause has ended by now: nothing may come any more of who is silent. */
	poll(now: number): Segment | undefined {
		return now - this.#end > this.#settings.pauseMs ? this.finish() : undefined;
	}

	/** The segment that is under way, which is over. */
	finish(): Segment | undefined {
		if (this.#start === undefined) {
			return undefined;
		}

		const segment = { start: this.#start, end: this.#end, level: toDbov(this.#power / this.#packets) };

		this.#start = undefined;
		this.#power = 0;
		this.#packets = 0;

		return segment;
	}
}
