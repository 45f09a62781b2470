// What is shown while the demo runs: a few lines that are updated in place on a terminal, one line a second elsewhere.

import type { WriteStream } from 'node:tty';

import type { FilterCounters, HostFigures, ObserverCounters } from './figures.ts';
import type { Kill } from './receipt.ts';

export type StreamFigures = {
	readonly name: string;
	readonly sent: number;
	readonly received: number;
	readonly lost: number;
};

export type Snapshot = {
	readonly seconds: number;
	readonly totalSeconds: number;
	readonly streams: readonly StreamFigures[];
	readonly throttle: { readonly counters: FilterCounters; readonly host: HostFigures };
	readonly counter: { readonly counters: ObserverCounters; readonly host: HostFigures };
	readonly kills: readonly Kill[];
	readonly killsWanted: number;
};

export type View = {
	/** How often to show something. */
	readonly intervalMs: number;
	readonly show: (snapshot: Snapshot) => void;
	/** A remark that stays, e.g. about a kill. */
	readonly note: (text: string) => void;
	readonly end: () => void;
};

export function openView(output: WriteStream): View {
	return output.isTTY ? new LiveView(output) : new PlainView(output);
}

class LiveView implements View {
	readonly intervalMs = 250;
	readonly #output: WriteStream;
	/** Of the last second: rates over less than that would dance. */
	readonly #history: Snapshot[] = [];
	#linesShown = 0;

	constructor(output: WriteStream) {
		this.#output = output;
	}

	show(snapshot: Snapshot): void {
		const lines = renderTable(snapshot, this.#history[0]);
		// A line that wraps would be two to the cursor.
		const text = lines.map((line) => `\x1b[2K${line.slice(0, (this.#output.columns || 80) - 1)}\n`).join('');

		this.#output.write(`${this.#toTop()}${text}`);
		this.#linesShown = lines.length;
		this.#history.push(snapshot);
		if (this.#history.length > 1000 / this.intervalMs) {
			this.#history.shift();
		}
	}

	note(text: string): void {
		const latest = this.#history.pop();

		this.#output.write(`${this.#toTop()}\x1b[J${text}\n`);
		this.#linesShown = 0;
		if (latest) {
			this.show(latest);
		}
	}

	end(): void {
		this.#linesShown = 0;
	}

	#toTop(): string {
		return this.#linesShown > 0 ? `\x1b[${this.#linesShown}A` : '';
	}
}

class PlainView implements View {
	readonly intervalMs = 1000;
	readonly #output: NodeJS.WritableStream;
	#previous: Snapshot | undefined;

	constructor(output: NodeJS.WritableStream) {
		this.#output = output;
	}

	show(snapshot: Snapshot): void {
		this.#output.write(`${renderLine(snapshot, this.#previous)}\n`);
		this.#previous = snapshot;
	}

	note(text: string): void {
		this.#output.write(`${text}\n`);
	}

	end(): void {}
}

export function renderTable(now: Snapshot, before: Snapshot | undefined): string[] {
	const rows = now.streams.map((stream, index) => {
		const earlier = before?.streams[index];

		return row(stream.name, rate(now, before, stream.sent, earlier?.sent), rate(now, before, stream.received, earlier?.received), String(stream.lost));
	});
	const { throttle, counter } = now;
	const { holdMicros } = throttle.counters;

	return [
		`${now.seconds.toFixed(1)} s of ${now.totalSeconds} s, ${now.kills.length} of ${now.killsWanted} kills`,
		'',
		row('stream', 'in/s', 'out/s', 'lost'),
		...rows,
		'',
		`throttle  ${state(throttle.host)}  ring ${bar(throttle.host)}  held ${throttle.counters.held}`,
		`          hold p50 ${micros(holdMicros.p50)}, p99 ${micros(holdMicros.p99)}`,
		`          verdicts ${throttle.counters.verdicts}, dropped ${throttle.counters.dropped}, released by policy ${throttle.counters.releasedByPolicy}`,
		`counter   ${state(counter.host)}  ring ${bar(counter.host)}`,
		`          observed ${counter.counters.observed}, missed ${counter.counters.missed}`,
	];
}

export function renderLine(now: Snapshot, before: Snapshot | undefined): string {
	const sum = (snapshot: Snapshot | undefined, of: (stream: StreamFigures) => number): number | undefined =>
		snapshot?.streams.reduce((total, stream) => total + of(stream), 0);
	const sent = (snapshot: Snapshot | undefined): number | undefined => sum(snapshot, (stream) => stream.sent);
	const received = (snapshot: Snapshot | undefined): number | undefined => sum(snapshot, (stream) => stream.received);
	const { counters, host } = now.throttle;

	return [
		`${now.seconds.toFixed(1).padStart(5)} s`,
		`in ${rate(now, before, sent(now)!, sent(before))}/s`,
		`out ${rate(now, before, received(now)!, received(before))}/s`,
		`dropped ${rate(now, before, counters.dropped, before?.throttle.counters.dropped)}/s`,
		`hold p50 ${micros(counters.holdMicros.p50)} p99 ${micros(counters.holdMicros.p99)}`,
		`ring ${percent(host)}`,
		`throttle ${state(host)}`,
		`verdicts ${counters.verdicts}`,
		`kills ${now.kills.length}/${now.killsWanted}`,
		`lost ${sum(now, (stream) => stream.lost)}`,
	].join('  ');
}

function row(name: string, ...columns: readonly string[]): string {
	return [name.padEnd(16), ...columns.map((column) => column.padStart(8))].join('');
}

function rate(now: Snapshot, before: Snapshot | undefined, value: number, earlier: number | undefined): string {
	const seconds = now.seconds - (before?.seconds ?? 0);

	return seconds > 0 ? Math.round((value - (earlier ?? 0)) / seconds).toFixed(0) : '-';
}

function state({ pid }: HostFigures): string {
	return pid === undefined ? 'host away' : `host ${pid}`;
}

function micros(value: number): string {
	return value >= 1000 ? `${(value / 1000).toFixed(1)} ms` : `${value.toFixed(0)} µs`;
}

function percent({ ringUsed, ringSize }: HostFigures): string {
	return `${(ringSize > 0 ? (100 * ringUsed) / ringSize : 0).toFixed(1)} %`;
}

function bar(ring: HostFigures): string {
	const width = 20;
	const filled = ring.ringSize > 0 ? Math.ceil((width * ring.ringUsed) / ring.ringSize) : 0;

	return `[${'#'.repeat(filled).padEnd(width, '.')}] ${percent(ring)}`;
}
