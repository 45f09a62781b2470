// Looks at what the page receives ten times a second while a test does something else, and judges it at the end.

import { setTimeout as sleep } from 'node:timers/promises';

import type { Page, ReceivedMedia } from './signalling.ts';

type Sample = ReceivedMedia & { readonly atMs: number };

const intervalMs = 100;

export type PictureReport = {
	readonly seconds: number;
	/** Seconds, counted from the beginning, in which not one frame was decoded. */
	readonly secondsWithoutFrames: readonly number[];
	/** In seconds. WebRTC counts a freeze when a frame comes later than its predecessors' pace lets expect, by 150 ms or more. */
	readonly freezes: readonly number[];
	readonly framesDecoded: number;
	readonly audioPackets: number;
	readonly packetsLost: number;
};

export class PictureWatch {
	readonly #page: Page;
	readonly #samples: Sample[] = [];
	readonly #watching: Promise<void>;
	#ended = false;

	constructor(page: Page) {
		this.#page = page;
		this.#watching = this.#watch();
	}

	async end(): Promise<PictureReport> {
		this.#ended = true;
		await this.#watching;

		return judge(this.#samples);
	}

	async #watch(): Promise<void> {
		while (!this.#ended) {
			this.#samples.push({ ...(await this.#page.received()), atMs: performance.now() });
			await sleep(intervalMs);
		}
	}
}

function judge(samples: readonly Sample[]): PictureReport {
	const first = samples[0]!;
	const last = samples.at(-1)!;
	const secondsWithoutFrames: number[] = [];
	const freezes: number[] = [];
	let secondBegan = first;
	let previous = first;

	for (const sample of samples) {
		if (sample.freezeCount > previous.freezeCount) {
			freezes.push(sample.totalFreezesSeconds - previous.totalFreezesSeconds);
		}
		if (sample.atMs - secondBegan.atMs >= 1000) {
			if (sample.framesDecoded === secondBegan.framesDecoded) {
				secondsWithoutFrames.push(Math.floor((secondBegan.atMs - first.atMs) / 1000));
			}
			secondBegan = sample;
		}
		previous = sample;
	}

	return {
		seconds: (last.atMs - first.atMs) / 1000,
		secondsWithoutFrames,
		freezes,
		framesDecoded: last.framesDecoded - first.framesDecoded,
		audioPackets: last.audioPackets - first.audioPackets,
		packetsLost: last.packetsLost - first.packetsLost,
	};
}
