// The probe (probe.c) as the parts use it: one process per lane, asleep between runs.

import { type ChildProcess, spawn } from 'node:child_process';
import { type Interface, createInterface } from 'node:readline';

import { buildProbe } from './build.ts';

/** Microseconds from before sendto() to after recvmmsg(). */
export type ProbeResult = {
	readonly sent: number;
	readonly received: number;
	/** From the first packet's turn to the last one's. */
	readonly seconds: number;
	/** How far the sender itself fell behind its pace at worst. */
	readonly maxLateMicros: number;
	readonly p50: number;
	readonly p90: number;
	readonly p99: number;
	readonly max: number;
};

export class Probe {
	readonly pid: number;
	/** Where it receives. */
	readonly port: number;
	readonly #child: ChildProcess;
	readonly #lines: Interface;

	static async start(ssrc: number): Promise<Probe> {
		// Its input ends with us, however we end, and so does it.
		const child = spawn(buildProbe(), [String(ssrc)], { stdio: ['pipe', 'pipe', 'inherit'] });
		const lines = createInterface({ input: child.stdout! });
		const { port } = (await nextLine(lines)) as { port: number };

		return new Probe(child, lines, port);
	}

	private constructor(child: ChildProcess, lines: Interface, port: number) {
		this.pid = child.pid!;
		this.port = port;
		this.#child = child;
		this.#lines = lines;
	}

	async target(port: number): Promise<void> {
		await this.#run(`target ${port}`);
	}

	paced(rate: number, count: number, length = 1200): Promise<ProbeResult> {
		return this.#run(`paced ${rate} ${count} ${length}`);
	}

	/** As `paced`, but `size` packets at once. */
	bursts(rate: number, count: number, size: number, length = 1200): Promise<ProbeResult> {
		return this.#run(`bursts ${rate} ${count} ${length} ${size}`);
	}

	/** Each packet when the one before has come back. */
	closed(count: number, length = 1200): Promise<ProbeResult> {
		return this.#run(`closed ${count} ${length}`);
	}

	/** Nothing is expected to come back. */
	flood(rate: number, count: number, length: number): Promise<ProbeResult> {
		return this.#run(`flood ${rate} ${count} ${length}`);
	}

	close(): void {
		this.#child.stdin!.end();
	}

	async #run(command: string): Promise<ProbeResult> {
		const answer = nextLine(this.#lines);

		this.#child.stdin!.write(`${command}\n`);

		return (await answer) as ProbeResult;
	}
}

function nextLine(lines: Interface): Promise<unknown> {
	return new Promise((resolve, reject) => {
		const onLine = (line: string): void => {
			lines.off('close', onClose);
			resolve(JSON.parse(line));
		};
		const onClose = (): void => {
			lines.off('line', onLine);
			reject(new Error('the probe ended before it answered'));
		};

		lines.once('line', onLine);
		lines.once('close', onClose);
	});
}
