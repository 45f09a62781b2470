// The calls that must stay whole (calls/main.cpp), and those that hostile hosts may do with what they like.

import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { type Interface, createInterface } from 'node:readline';

import type { types } from 'mediasoup';

import { repoRoot } from '../lib/paths.ts';

export type CallReport = {
	readonly name: string;
	readonly sent: number;
	readonly received: number;
	readonly disordered: number;
	readonly maxLatencyMs: number;
	/** Without the time in which the worker had no CPU. */
	readonly maxStallMs: number;
};

type MeasuredCall = Omit<CallReport, 'name'>;

const binary = join(repoRoot, 'build/native/tools/fuzz/calls/fuzz-calls');
const listenInfo: types.TransportListenInfo = { protocol: 'udp', ip: '127.0.0.1', recvBufferSize: 4_194_304, sendBufferSize: 4_194_304 };

const codecs = {
	audio: { mimeType: 'audio/opus', clockRate: 48000, channels: 2, payloadType: 100 },
	video: { mimeType: 'video/VP8', clockRate: 90000, payloadType: 101, rtcpFeedback: [{ type: 'nack' }, { type: 'nack', parameter: 'pli' }] },
} satisfies Record<types.MediaKind, types.RtpCodecParameters>;

export class Calls {
	readonly #child: ChildProcess;
	readonly #lines: Interface;
	/** Of calls that are watched; the others have none. */
	readonly #names: (string | undefined)[] = [];

	constructor(workerPid: number) {
		// Its input ends with us, however we end, and so does it.
		this.#child = spawn(binary, [String(workerPid)], { stdio: ['pipe', 'pipe', 'inherit'] });
		this.#lines = createInterface({ input: this.#child.stdout! });
	}

	/** One without a name is nobody's concern. */
	async open(router: types.Router, kind: types.MediaKind, name?: string): Promise<types.Producer> {
		const number = this.#names.push(name) - 1;
		const ssrc = 70_000 + number;
		const port = Number(await this.#ask(`${kind} ${ssrc} ${name === undefined ? 0 : 1}`));
		const ingress = await router.createPlainTransport({ listenInfo, rtcpMux: true, comedia: true });
		const egress = await router.createPlainTransport({ listenInfo, rtcpMux: true, comedia: false });
		const producer = await ingress.produce({ kind, rtpParameters: { codecs: [codecs[kind]], encodings: [{ ssrc }] } });

		await egress.connect({ ip: '127.0.0.1', port });
		await egress.consume({ producerId: producer.id, rtpCapabilities: router.rtpCapabilities });
		this.#tell(`target ${number} ${ingress.tuple.localPort}`);

		return producer;
	}

	start(packetsPerSecond: number): void {
		this.#tell(`start ${packetsPerSecond}`);
	}

	async stop(): Promise<CallReport[]> {
		const reports = JSON.parse(await this.#ask('stop')) as MeasuredCall[];

		return reports.flatMap((report, index) => (this.#names[index] === undefined ? [] : [{ name: this.#names[index], ...report }]));
	}

	close(): void {
		this.#child.stdin!.end();
	}

	#tell(line: string): void {
		this.#child.stdin!.write(`${line}\n`);
	}

	#ask(line: string): Promise<string> {
		return new Promise((resolve, reject) => {
			const onLine = (answer: string): void => {
				this.#lines.off('close', onClose);
				resolve(answer);
			};
			const onClose = (): void => {
				this.#lines.off('line', onLine);
				reject(new Error('fuzz-calls ended before it answered'));
			};

			this.#lines.once('line', onLine);
			this.#lines.once('close', onClose);
			this.#tell(line);
		});
	}
}
