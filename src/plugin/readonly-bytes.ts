// A Uint8Array that the compiler lets nobody write to. Packets stand in read-only memory: a write there ends the process.

export interface ReadonlyBytes extends Iterable<number> {
	readonly [index: number]: number;
	readonly length: number;
	readonly byteLength: number;
	at(index: number): number | undefined;
	/** Shares the memory. */
	subarray(begin?: number, end?: number): ReadonlyBytes;
	/** A copy of one's own. */
	slice(begin?: number, end?: number): Uint8Array;
	indexOf(byte: number, from?: number): number;
	includes(byte: number, from?: number): boolean;
	every(predicate: (byte: number, index: number) => boolean): boolean;
	some(predicate: (byte: number, index: number) => boolean): boolean;
	findIndex(predicate: (byte: number, index: number) => boolean): number;
	forEach(visit: (byte: number, index: number) => void): void;
	reduce<T>(fold: (value: T, byte: number, index: number) => T, initial: T): T;
}
