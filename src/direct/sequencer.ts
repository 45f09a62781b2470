// Keeps what is sent and what is called in the order in which the app did it, where the one goes by a ring and the other by mediasoup's channel:
// a call begins when the worker has taken what was sent before, what is sent later waits for the call.

/**
 * ring: it stands there. channel: it went that way, as calls do. full: not now, retry() says when. elsewhere: it cannot go by the ring, and is to
 * be sent as a call is made.
 */
export type Sending = 'ring' | 'channel' | 'full' | 'elsewhere';

export type Send = {
	/** What it sends stays as it is from now on. */
	keep(): void;
	try(): Sending;
	/** Only after 'elsewhere'. Never rejects. */
	elsewhere(): Promise<void>;
};

type Waiting = { readonly send: Send; readonly begin?: undefined } | { readonly begin: () => void; readonly send?: undefined };

export class Sequencer {
	readonly #taken: () => Promise<void>;
	#waiting: Waiting[] = [];
	/** Of them, those that are done with. */
	#done = 0;
	#callsUnderWay = 0;
	/** What stands in the ring may not have been taken. */
	#isUntaken = false;
	#isAsking = false;

	/** `taken`: resolves when the worker has taken what was sent by the ring so far, or never will. */
	constructor(taken: () => Promise<void>) {
		this.#taken = taken;
	}

	get isIdle(): boolean {
		return this.#isEmpty && this.#callsUnderWay === 0 && !this.#isUntaken;
	}

	send(send: Send): void {
		if (this.#isEmpty && this.#callsUnderWay === 0 && this.#send(send)) {
			return;
		}
		send.keep();
		this.#waiting.push({ send });
		this.#go();
	}

	/** At once if nothing is on its way: then it is as if this were not there. */
	call<T>(call: () => Promise<T>): Promise<T> {
		if (this.#isEmpty && !this.#isUntaken) {
			return this.#begin(call);
		}

		return new Promise((resolve, reject) => {
			this.#waiting.push({ begin: () => void this.#begin(call).then(resolve, reject) });
			this.#go();
		});
	}

	/** There may be room now, or another way. */
	retry(): void {
		this.#go();
	}

	/** Nobody reads the ring any more. */
	lost(): void {
		this.#isUntaken = false;
		this.#go();
	}

	get #isEmpty(): boolean {
		return this.#waiting.length === this.#done;
	}

	#go(): void {
		while (!this.#isEmpty) {
			const { send, begin } = this.#waiting[this.#done]!;

			if (send) {
				if (this.#callsUnderWay > 0 || !this.#send(send)) {
					break;
				}
				this.#next();
			} else {
				if (this.#isUntaken) {
					this.#ask();
					break;
				}
				this.#next();
				begin();
			}
		}
	}

	#next(): void {
		++this.#done;

		// Not one by one: many may wait for room.
		if (this.#done === this.#waiting.length || this.#done === 1_024) {
			this.#waiting.splice(0, this.#done);
			this.#done = 0;
		}
	}

	/** False: it has to wait. */
	#send(send: Send): boolean {
		const sending = send.try();

		if (sending === 'ring') {
			this.#isUntaken = true;
		}
		if (sending !== 'elsewhere') {
			return sending !== 'full';
		}
		if (this.#isUntaken) {
			this.#ask();

			return false;
		}
		void this.#begin(() => send.elsewhere());

		return true;
	}

	#ask(): void {
		if (this.#isAsking) {
			return;
		}
		this.#isAsking = true;
		void this.#taken().then(() => {
			this.#isAsking = false;
			this.#isUntaken = false;
			this.#go();
		});
	}

	#begin<T>(call: () => Promise<T>): Promise<T> {
		++this.#callsUnderWay;

		const called = call();
		const ended = (): void => {
			--this.#callsUnderWay;
			this.#go();
		};

		called.then(ended, ended);

		return called;
	}
}
