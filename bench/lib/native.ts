// The programs in bench/native, one binary that measures one thing once.

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { buildNative } from '../../tools/build-native.ts';
import type { Sample } from './repeat.ts';

const runFile = promisify(execFile);

export type NativeOptions = {
	/** How long to measure, after a warm-up of a fifth of it. */
	readonly ms: number;
	/** Records published at once, where a stream is measured. */
	readonly batch?: number;
};

export type NativeSample = Sample & {
	readonly unit: string;
	/** Records (or blocks), where a stream is measured. */
	readonly perSecond?: number;
};

/** One repetition of `name` (mph-bench --list). */
export type NativeBench = (name: string, options: NativeOptions) => Promise<NativeSample>;

/** Brings the binary up to date. */
export async function openNativeBench(): Promise<NativeBench> {
	const binary = join(await buildNative({ targets: ['bench/mph-bench'] }), 'bench/mph-bench');

	return async (name, { ms, batch = 1 }) => {
		const { stdout } = await runFile(binary, [name, '--ms', String(ms), '--batch', String(batch)]);

		return parseNativeSample(name, stdout);
	};
}

export function parseNativeSample(name: string, output: string): NativeSample {
	const sample: unknown = JSON.parse(output);

	if (typeof sample !== 'object' || sample === null || !('unit' in sample) || typeof sample.unit !== 'string') {
		throw new TypeError(`mph-bench ${name} printed ${output.trim()}, which is no sample`);
	}

	return sample as NativeSample;
}
