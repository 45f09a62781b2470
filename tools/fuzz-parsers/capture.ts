// Fuzzes the reader of crash captures (src/pcapng.ts), which is TypeScript: mutations of real captures that keep a block's or a record's lengths right as
// often as not, since a reader that stops at the first length is not read to its end. Which functions and branches were taken is asked of V8; an
// input that takes a new one is mutated further.
//
// A reader may refuse a file by CrashCaptureError, and nothing else. What it takes, it can be given again: as records, and as a capture.

import { Session } from 'node:inspector/promises';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';

import { CrashCaptureError, recordsOf } from '../../src/crash-records.ts';
import { decodeCrashCapture, encodeCrashCapture } from '../../src/pcapng.ts';
import { repoRoot } from '../lib/paths.ts';
import { type Random, randomFrom } from './random.ts';
import { type FuzzResult, inputDirs } from './result.ts';

export const captureTarget = 'capture';

/** Taking the coverage costs more than reading a file. */
const runsPerLook = 64;
const maxInputs = 512;
const maxLength = 4096;

/** What it does with an input; throws what is a finding. */
export function readCapture(bytes: Uint8Array): void {
	let capture: ReturnType<typeof decodeCrashCapture>;

	try {
		capture = decodeCrashCapture(bytes);
	} catch (error) {
		if (error instanceof CrashCaptureError) {
			return;
		}
		throw error;
	}

	const { packets, ...identity } = capture;
	const again = decodeCrashCapture(encodeCrashCapture({ ...identity, records: recordsOf(packets) }, 0n));

	if (!isDeepStrictEqual(again.packets.map(comparable), packets.map(comparable))) {
		throw new Error('a capture that was read and written says something else');
	}
}

/** Bytes are compared as such, wherever they stand. */
function comparable(record: ReturnType<typeof decodeCrashCapture>['packets'][number]): unknown {
	return { ...record, header: Buffer.from(record.header).toString('hex'), bytes: Buffer.from(record.bytes).toString('hex') };
}

export async function fuzzCaptures({ runs, seed }: { readonly runs: number; readonly seed: number }): Promise<FuzzResult> {
	const random = randomFrom(seed);
	const inputs: Uint8Array[] = inputDirs(captureTarget).flatMap((dir) => readdirSync(dir).map((file) => readFileSync(join(dir, file))));
	const branches = await Branches.begin();
	const startedAt = Date.now();
	let executions = 0;
	let current: Uint8Array = Buffer.alloc(0);
	const since: Uint8Array[] = [];

	try {
		for (const input of inputs) {
			current = input;
			readCapture(input);
			++executions;
		}
		await branches.look();

		while (executions < runs) {
			const input = mutate(random.pick(inputs), inputs, random);

			current = input;
			readCapture(input);
			++executions;
			since.push(input);

			// Which of them it was does not matter: all of these few are kept.
			if (since.length === runsPerLook) {
				if ((await branches.look()) && inputs.length < maxInputs) {
					inputs.push(...since);
				}
				since.length = 0;
			}
		}
	} catch (error) {
		return { ...resultOf(), findings: 1, finding: { input: keep(current), text: String((error as Error).stack ?? error) } };
	} finally {
		await branches.end();
	}

	return { ...resultOf(), findings: 0 };

	function resultOf(): Omit<FuzzResult, 'findings'> {
		const seconds = Math.max(0.001, (Date.now() - startedAt) / 1000);

		return { target: captureTarget, executions, executionsPerSecond: Math.round(executions / seconds), coverage: branches.count };
	}
}

function keep(input: Uint8Array): string {
	const dir = join(repoRoot, 'build/fuzz/findings', captureTarget);
	const file = join(dir, `crash-${Date.now()}`);

	mkdirSync(dir, { recursive: true });
	writeFileSync(file, input);

	return file;
}

/** What of the reader was run, as V8 counts it: a range for each function and branch. */
class Branches {
	readonly #session = new Session();
	readonly #taken = new Set<string>();

	static async begin(): Promise<Branches> {
		const branches = new Branches();

		branches.#session.connect();
		await branches.#session.post('Profiler.enable');
		await branches.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });

		return branches;
	}

	get count(): number {
		return this.#taken.size;
	}

	/** Whether there is one more than at the last look. */
	async look(): Promise<boolean> {
		const before = this.#taken.size;
		const { result } = await this.#session.post('Profiler.takePreciseCoverage');

		for (const { url, functions } of result) {
			if (/\/src\/(pcapng|crash-records)\.ts$/.test(url)) {
				for (const { startOffset, endOffset, count } of functions.flatMap(({ ranges }) => ranges)) {
					if (count > 0) {
						this.#taken.add(`${url}:${startOffset}-${endOffset}`);
					}
				}
			}
		}

		return this.#taken.size > before;
	}

	async end(): Promise<void> {
		await this.#session.post('Profiler.stopPreciseCoverage');
		this.#session.disconnect();
	}
}

function mutate(from: Uint8Array, others: readonly Uint8Array[], random: Random): Buffer {
	let bytes: Buffer = Buffer.from(from);

	for (let count = 1 + random.below(4); count > 0; --count) {
		bytes = mutateOnce(bytes, others, random);
	}

	return random.below(2) === 0 ? repaired(bytes) : bytes.subarray(0, maxLength);
}

const edges = [0, 1, 3, 4, 8, 11, 12, 28, 0x7f, 0x80, 0xff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];

function mutateOnce(bytes: Buffer, others: readonly Uint8Array[], random: Random): Buffer {
	const at = random.below(bytes.length + 1);

	switch (random.below(6)) {
		case 0:
			if (at < bytes.length) {
				bytes[at]! ^= 1 << random.below(8);
			}

			return bytes;
		case 1:
			if (at + 4 <= bytes.length) {
				bytes.writeUInt32LE(random.pick(edges), at - (at % 4));
			}

			return bytes;
		case 2:
			if (at + 2 <= bytes.length) {
				bytes.writeUInt16LE(random.pick(edges) & 0xffff, at - (at % 2));
			}

			return bytes;
		case 3:
			return Buffer.concat([bytes.subarray(0, at), Buffer.alloc(4 * (1 + random.below(4)), random.below(256)), bytes.subarray(at)]);
		case 4:
			return Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.min(bytes.length, at + 1 + random.below(16)))]);
		default: {
			const other = Buffer.from(random.pick(others));

			return Buffer.concat([bytes.subarray(0, at), other.subarray(random.below(other.length + 1))]);
		}
	}
}

/** Each block says twice how long it is, up to where the next one begins: as it says so itself, or else the file's end. */
function repaired(from: Buffer): Buffer {
	const bytes = Buffer.from(from.subarray(0, Math.min(from.length, maxLength) & ~3));

	for (let at = 0; at + 12 <= bytes.length; ) {
		const said = bytes.readUInt32LE(at + 4) & ~3;
		const length = said >= 12 && at + said <= bytes.length ? said : bytes.length - at;

		bytes.writeUInt32LE(length, at + 4);
		bytes.writeUInt32LE(length, at + length - 4);
		at += length;
	}

	return bytes;
}
