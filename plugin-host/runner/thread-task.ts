// What a thread is given to run, and how it says that it does.

import type { RunnerSettings } from '../../src/script-options.ts';

export type ThreadTask = {
	readonly handle: number;
	readonly settings: RunnerSettings;
	/** Shared by both sides: whether runThread() was called, from which time on the addon itself sees the thread end. */
	readonly state: Int32Array<SharedArrayBuffer>;
};

export function newTask(handle: number, settings: RunnerSettings): ThreadTask {
	return { handle, settings, state: new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)) };
}

export function setRunning({ state }: ThreadTask): void {
	Atomics.store(state, 0, 1);
}

export function isRunning({ state }: ThreadTask): boolean {
	return Atomics.load(state, 0) === 1;
}
