// What packets and data messages have in common: a record, read in place. A view allocates nothing; the host points the same one at record
// after record. In strict mode (development) each record has a view of its own, so that one that was kept is found out.

import { InvalidStateError } from '../errors.ts';
import { BypassUnit, RecordFlag, RecordHeader, dataRecordOffsets, packetRecordOffsets, recordHeaderOffsets } from '../generated/layout.js';
import type { KnownProducer, KnownRouter } from './known-objects.ts';
import type { ReadonlyBytes } from './readonly-bytes.ts';
import type { CallResult } from './results.ts';
import type { PendingVerdict } from './verdicts.ts';

/** Memory that records stand in. */
export type RecordMemory = { readonly data: DataView; readonly bytes: Uint8Array; readonly words: Uint32Array };

export function memoryOf(buffer: ArrayBuffer): RecordMemory {
	return { data: new DataView(buffer), bytes: new Uint8Array(buffer), words: new Uint32Array(buffer, 0, buffer.byteLength >> 2) };
}

/** What names the record to the worker, for as long as somebody may decide on it. */
export type RecordRef = { readonly router: number; readonly ticket: number };

/** What a view has its instance do. */
export type ViewServices = {
	readonly isStrict: boolean;
	/** By index in the batch in hand. */
	causeOf(index: number): bigint;
	/** Writable memory of at least that many bytes until the callback returns. */
	scratch(length: number): ArrayBuffer;
	bypass(router: number, attachment: number, producer: number, ssrc: number, unit: BypassUnit, amount: number): CallResult;
	extend(record: RecordRef, microseconds: number): CallResult;
	later(record: RecordRef): PendingVerdict;
};

/** For how long a stream is not seen; nothing said: for good. */
export type BypassAmount = { readonly packets: number } | { readonly ms: number };

const { ticket: ticketAt, receivedAtNs: receivedAt, deadlineNs: deadlineAt } = packetRecordOffsets;
const receivedAtWord = receivedAt >> 2;
const deadlineWord = deadlineAt >> 2;
const { flags: flagsAt, payloadOffset: payloadOffsetAt } = recordHeaderOffsets;

/** MPH_RECORD_REPLACED: of the host's making, not of the layout's. */
const replacedFlag = 128;

const high = 2 ** 32;
const msOfHigh = high / 1e6;
const msOfLow = 1e-6;

/** What an expired view reads from. */
const expiredData: DataView = Object.defineProperties(
	Object.create(DataView.prototype) as DataView,
	Object.fromEntries((['getUint8', 'getUint16', 'getUint32', 'getInt32'] as const).map((name) => [name, { value: refuse }])),
);
const expiredWords = new Proxy(new Uint32Array(0), { get: refuse });

export abstract class RecordView {
	protected readonly services: ViewServices;
	/** Of the memory below. */
	protected record: DataView = expiredData;
	protected at = 0;
	/**
	 * The same in words of 32 bits, as the machine orders them, and where the record begins in it. What may be no small integer is read there: such
	 * accessors are so short (27 bytes of V8's code) that they always become part of the plugin's own code, where no number needs a box.
	 */
	protected words: Uint32Array = expiredWords;
	protected word = 0;
	#memory: RecordMemory | undefined;
	protected where: KnownRouter;
	#attachment = 0;
	#index = 0;
	/** Of a copy, which outlives its batch and its producer. */
	#kept: { readonly cause: bigint; readonly producer: KnownProducer | undefined; readonly context: unknown } | undefined;
	/** In strict mode: what was made for whoever reads it, to be detached. */
	#lent: ArrayBuffer[] | undefined;
	#staged: Uint8Array | undefined;
	#isLeftOpen = false;

	constructor(services: ViewServices, where: KnownRouter) {
		this.services = services;
		this.where = where;
	}

	/** Number of the router in this plugin's events. */
	get router(): number {
		this.#check();

		return this.where.number;
	}

	get routerId(): string {
		this.#check();

		return this.where.id;
	}

	/** Number of the attachment by which it came. */
	get attachment(): number {
		this.#check();

		return this.#attachment;
	}

	/** What the app gave to attach() as `context`; `{}` if nothing. */
	get context(): unknown {
		this.#check();

		return this.#kept ? this.#kept.context : this.where.attachments.get(this.#attachment)?.context;
	}

	/** Milliseconds of CLOCK_MONOTONIC, as performance.now() counts up to a constant. */
	get receivedAt(): number {
		return receivedMs(this.words, this.word);
	}

	/** Milliseconds, like `receivedAt`. Undefined: no verdict is awaited. */
	get deadline(): number | undefined {
		const ms = milliseconds(this.words, this.word + deadlineWord);

		return ms === 0 ? undefined : ms;
	}

	/** False for observers: what they return is ignored, but for 'bypass'. */
	get isAwaited(): boolean {
		return this.ticket !== 0;
	}

	/** An earlier host may have seen it. */
	get redelivered(): boolean {
		return (this.record.getUint8(this.at + flagsAt) & RecordFlag.Redelivered) !== 0;
	}

	/** A plugin before this one has replaced its payload. */
	get replaced(): boolean {
		return (this.record.getUint8(this.at + flagsAt) & replacedFlag) !== 0;
	}

	/** Names it in `inject({ cause })`; passing the packet itself says the same. */
	get cause(): bigint {
		this.#check();

		return this.#kept ? this.#kept.cause : this.services.causeOf(this.#index);
	}

	/** Not to see its stream for so long, from here on. Alone it is no verdict. */
	protected bypassStream(producer: number, ssrc: number, amount: BypassAmount | undefined): CallResult {
		const [unit, number] =
			amount === undefined ? [BypassUnit.Forever, 0] : 'packets' in amount ? [BypassUnit.Packets, amount.packets] : [BypassUnit.Milliseconds, amount.ms];

		return this.services.bypass(this.router, this.#attachment, producer, ssrc, unit, number);
	}

	/** Moves the deadline to that many microseconds from now, at most the attachment's deadline; once. */
	extend(microseconds: number): CallResult {
		return this.services.extend(this.ref, microseconds);
	}

	/** Who decides on it later. The verdict is then 'pending'. */
	later(): PendingVerdict {
		this.#isLeftOpen = true;

		return this.services.later(this.ref);
	}

	/** @private */
	get ref(): RecordRef {
		return { router: this.where.number, ticket: this.ticket };
	}

	/** @private Number of the worker's ticket: a counter, far below 2^53. */
	get ticket(): number {
		return wide(this.record, this.at + ticketAt);
	}

	/** @private What is sent with the verdict 'replace'. */
	get staged(): Uint8Array | undefined {
		return this.#staged;
	}

	/** @private Whether later() was called. */
	get isLeftOpen(): boolean {
		return this.#isLeftOpen;
	}

	/** @private */
	point(memory: RecordMemory, at: number, where: KnownRouter, attachment: number, index: number): void {
		this.#memory = memory;
		this.record = memory.data;
		this.words = memory.words;
		this.at = at;
		this.word = at >> 2;
		this.where = where;
		this.#attachment = attachment;
		this.#index = index;
		this.#staged = undefined;
		this.#isLeftOpen = false;
	}

	/** @private */
	expire(): void {
		this.#memory = undefined;
		this.record = expiredData;
		this.words = expiredWords;
		this.#staged = undefined;

		if (this.#lent) {
			for (const buffer of this.#lent) {
				// Whoever kept it has an array of no length now.
				buffer.transfer(0);
			}
			this.#lent = undefined;
		}
	}

	/** Of whom it comes: a producer or data producer. */
	protected abstract get source(): number;

	/** Bytes of the record: what is fixed, and what was copied behind it. */
	protected abstract get recordLength(): number;

	protected get known(): KnownProducer | undefined {
		return this.#kept ? this.#kept.producer : this.where.producers.get(this.source);
	}

	/** @private Makes `view` one of a copy of this record in `bytes`, a buffer's all, or in memory of its own. */
	copyInto(view: RecordView, bytes?: Uint8Array<ArrayBuffer>): void {
		const { memory, at } = this.#here();
		const length = this.recordLength;
		const kept = { cause: this.cause, producer: this.known, context: this.context };
		let to: RecordMemory;

		if (bytes) {
			bytes.set(memory.bytes.subarray(at, at + length));
			to = memoryOf(bytes.buffer);
		} else {
			to = memoryOf(memory.bytes.slice(at, at + length).buffer);
		}

		view.point(to, 0, this.where, this.#attachment, 0);
		view.#kept = kept;
	}

	/** @private Bytes that a copy takes. */
	get copyLength(): number {
		return this.recordLength;
	}

	/** Where the packet's bytes, or the message, begin in the memory. */
	protected get bytesAt(): number {
		return this.at + this.record.getUint16(this.at + payloadOffsetAt, true);
	}

	/** A view of the record's memory; in strict mode of a copy that is detached after the callback. */
	protected view(from: number, to: number): ReadonlyBytes {
		const { memory } = this.#here();

		return this.#isOnLoan ? this.#lend(memory.bytes.slice(from, to)) : memory.bytes.subarray(from, to);
	}

	/** Writable, and what 'replace' sends. */
	protected stage(from: number, to: number, length: number): Uint8Array {
		const { memory } = this.#here();
		const bytes = this.#writable(length);
		const copied = Math.min(to - from, length);

		bytes.set(memory.bytes.subarray(from, from + copied));
		bytes.fill(0, copied);
		this.#staged = bytes;

		return bytes;
	}

	protected stageBytes(bytes: Uint8Array): void {
		this.#here();
		this.#staged = bytes;
	}

	#writable(length: number): Uint8Array {
		// Copies live side by side, so they cannot share.
		if (this.#kept) {
			return new Uint8Array(length);
		}

		return this.services.isStrict ? this.#lend(new Uint8Array(length)) : new Uint8Array(this.services.scratch(length), 0, length);
	}

	get #isOnLoan(): boolean {
		return this.services.isStrict && this.#kept === undefined;
	}

	#lend(bytes: Uint8Array<ArrayBuffer>): Uint8Array {
		(this.#lent ??= []).push(bytes.buffer);

		return bytes;
	}

	/** For what is not read from the record, which would refuse by itself. */
	#check(): void {
		if (this.#memory === undefined) {
			refuse();
		}
	}

	#here(): { readonly memory: RecordMemory; readonly at: number } {
		return this.#memory === undefined ? refuse() : { memory: this.#memory, at: this.at };
	}
}

/** Fields that are read here for both must stand at the same place in both. */
export const isSharedLayout =
	dataRecordOffsets.ticket === ticketAt && dataRecordOffsets.receivedAtNs === receivedAt && dataRecordOffsets.deadlineNs === deadlineAt && RecordHeader.sizeOf() === ticketAt;

function receivedMs(words: Uint32Array, word: number): number {
	return milliseconds(words, word + receivedAtWord);
}

/** Of nanoseconds in two words. */
function milliseconds(words: Uint32Array, word: number): number {
	return highMs(words, word) + lowMs(words, word);
}

function highMs(words: Uint32Array, word: number): number {
	return words[word + 1]! * msOfHigh;
}

function lowMs(words: Uint32Array, word: number): number {
	return words[word]! * msOfLow;
}

/** 64 bits, of which the upper eleven are not in use. */
function wide(record: DataView, at: number): number {
	return record.getUint32(at + 4, true) * high + record.getUint32(at, true);
}

function refuse(): never {
	throw new InvalidStateError(
		'MPH_ERR_VIEW_EXPIRED',
		'the packet or message is used after the callback that it was given to; keep what copy() returns, or values that were read in time',
	);
}
