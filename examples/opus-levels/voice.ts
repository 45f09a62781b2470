// One producer's sound: its decoder, which takes a moment to be there, and what waits for it meanwhile.

import { OpusDecoder } from 'opus-decoder';

import type { Segment, SpeechSettings } from './speech.ts';
import { Speech } from './speech.ts';

export type VoiceEvents = {
	/** A segment is over. */
	segment(segment: Segment): void;
	/** It was no Opus. */
	skipped(): void;
	/** The decoder is not there yet, and enough waits for it. */
	overflowed(): void;
	failed(error: unknown): void;
};

type Opus = { readonly at: number; readonly payload: Uint8Array };

/** About a second. */
const maxWaiting = 50;

export class Voice {
	readonly #events: VoiceEvents;
	readonly #speech: Speech;
	readonly #decoder = new OpusDecoder();
	readonly #waiting: Opus[] = [];
	#isReady = false;
	#isClosed = false;

	constructor(settings: SpeechSettings, events: VoiceEvents) {
		this.#events = events;
		this.#speech = new Speech(settings);
		this.#decoder.ready.then(() => this.#begin()).catch((error: unknown) => events.failed(error));
	}

	get isSpeaking(): boolean {
		return this.#speech.isSpeaking;
	}

	/** `at`: in milliseconds since 1970. */
	add(at: number, payload: Uint8Array): void {
		if (this.#isReady) {
			this.#decode({ at, payload });
		} else if (this.#waiting.length < maxWaiting) {
			this.#waiting.push({ at, payload });
		} else {
			this.#events.overflowed();
		}
	}

	/** Some time has gone by. */
	poll(now: number): void {
		this.#tell(this.#speech.poll(now));
	}

	close(): void {
		if (!this.#isClosed) {
			this.#isClosed = true;
			this.#tell(this.#speech.finish());
			this.#free();
		}
	}

	#begin(): void {
		this.#isReady = true;

		if (this.#isClosed) {
			this.#free();

			return;
		}
		for (const opus of this.#waiting.splice(0)) {
			this.#decode(opus);
		}
	}

	#decode({ at, payload }: Opus): void {
		const { channelData, samplesDecoded, sampleRate, errors } = this.#decoder.decodeFrame(payload);

		if (errors.length > 0 || samplesDecoded === 0) {
			this.#events.skipped();
		} else {
			this.#tell(this.#speech.add(at, channelData, (samplesDecoded / sampleRate) * 1_000));
		}
	}

	#tell(segment: Segment | undefined): void {
		if (segment) {
			this.#events.segment(segment);
		}
	}

	/** There is nothing to be freed before it is ready. */
	#free(): void {
		if (this.#isReady) {
			this.#decoder.free();
		}
	}
}
