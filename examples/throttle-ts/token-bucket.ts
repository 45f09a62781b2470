// Filled by the times at which the worker received the packets: no clock is read, and a host that lags behind decides as one that does not.

export class TokenBucket {
	readonly #perMs: number;
	readonly #burst: number;
	#tokens: number;
	#filledAt: number;

	/** Starts full, so that a producer may begin with a burst. */
	constructor(packetsPerSecond: number, burst: number, nowMs: number) {
		this.#perMs = packetsPerSecond / 1_000;
		this.#burst = burst;
		this.#tokens = burst;
		this.#filledAt = nowMs;
	}

	take(nowMs: number): boolean {
		// A packet that is delivered again after a crash may be older than the one before it: no time has passed then.
		if (nowMs > this.#filledAt) {
			this.#tokens = Math.min(this.#burst, this.#tokens + (nowMs - this.#filledAt) * this.#perMs);
			this.#filledAt = nowMs;
		}
		if (this.#tokens < 1) {
			return false;
		}
		this.#tokens -= 1;

		return true;
	}
}
