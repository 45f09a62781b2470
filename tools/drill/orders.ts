// How the drill tells its plugin what to do, and hears when it was done: a file that every host of the plugin has mapped. The layout is that of
// tools/drill/plugin/drill.cpp.

import { closeSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';

import type { Scenario } from './scenarios.ts';

const orderOf: Readonly<Record<Scenario, number>> = { kill: 1, segv: 1, abort: 1, stop: 1, loop: 2, oom: 3, exit: 4 };

const offset = { order: 0, follower: 4, followedAtNs: 8, inHand: 16, server: 20, servesSinceNs: 24 } as const;
const length = 32;

export type FollowedOrder = {
	readonly pid: number;
	/** CLOCK_MONOTONIC. */
	readonly atNs: number;
	/** Packets of the batch. */
	readonly inHand: number;
};

/** The host that had packets last. */
export type ServingHost = {
	readonly pid: number;
	/** When the plugin had answered its first packets there; CLOCK_MONOTONIC. */
	readonly sinceNs: number;
};

export class Orders {
	readonly #fd: number;
	readonly #bytes = Buffer.alloc(length);

	constructor(file: string) {
		this.#fd = openSync(file, 'w+', 0o600);
		ftruncateSync(this.#fd, length);
	}

	/** Followed by whichever host gets packets next: at once, or standing still until the end comes from outside. */
	give(scenario: Scenario): void {
		const order = Buffer.alloc(4);

		order.writeUInt32LE(orderOf[scenario]);
		writeSync(this.#fd, Buffer.alloc(4), 0, 4, offset.follower);
		writeSync(this.#fd, order, 0, 4, offset.order);
	}

	/** Undefined until the last order is followed. */
	followed(): FollowedOrder | undefined {
		const bytes = this.#read();
		const pid = bytes.readUInt32LE(offset.follower);

		return pid === 0 ? undefined : { pid, atNs: Number(bytes.readBigUInt64LE(offset.followedAtNs)), inHand: bytes.readUInt32LE(offset.inHand) };
	}

	/** Undefined until there was a first packet. */
	serving(): ServingHost | undefined {
		const bytes = this.#read();
		const pid = bytes.readUInt32LE(offset.server);

		return pid === 0 ? undefined : { pid, sinceNs: Number(bytes.readBigUInt64LE(offset.servesSinceNs)) };
	}

	close(): void {
		closeSync(this.#fd);
	}

	#read(): Buffer {
		readSync(this.#fd, this.#bytes, 0, length, 0);

		return this.#bytes;
	}
}
