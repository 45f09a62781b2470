// A lane: a probe and an app, hence one way for packets from socket to socket through a worker of its own. Lanes that are open at the same time
// cost nothing while nothing is sent through them, which is what lets their runs be interleaved.

import type { CpuPerPacket } from '../lib/row.ts';
import type { AppOptions } from './app-options.ts';
import { AppProcess } from './app-process.ts';
import { Probe, type ProbeResult } from './probe.ts';
import { cpuNsOf } from './processes.ts';

export type LaneOptions = Omit<AppOptions, 'receiverPort' | 'ssrc'>;

export type Run = ProbeResult & {
	readonly lost: number;
	readonly cpu: CpuPerPacket;
};

let lastSsrc = 70_000;

export class Lane {
	readonly probe: Probe;
	readonly app: AppProcess;

	static async open(options: LaneOptions, env?: NodeJS.ProcessEnv): Promise<Lane> {
		const ssrc = ++lastSsrc;
		const probe = await Probe.start(ssrc);

		try {
			const app = await AppProcess.start({ ...options, ssrc, receiverPort: probe.port }, env);

			await probe.target(app.report.port);

			return new Lane(probe, app);
		} catch (error) {
			probe.close();
			throw error;
		}
	}

	private constructor(probe: Probe, app: AppProcess) {
		this.probe = probe;
		this.app = app;
	}

	/** What `send` has the probe do, with the CPU time that it cost the others. */
	async measure(send: (probe: Probe) => Promise<ProbeResult>): Promise<Run> {
		const before = this.#cpuNs();
		const result = await send(this.probe);
		const after = this.#cpuNs();
		const perPacket = (who: keyof CpuPerPacket): number => (after[who] - before[who]) / 1000 / result.sent;

		return {
			...result,
			lost: result.sent - result.received,
			cpu: { worker: perPacket('worker'), host: perPacket('host'), node: perPacket('node') },
		};
	}

	async close(): Promise<void> {
		this.probe.close();
		await this.app.close();
	}

	#cpuNs(): Required<CpuPerPacket> {
		const { nodePid, workerPid, hostPids } = this.app.report;

		return { worker: cpuNsOf(workerPid), host: hostPids.reduce((sum, pid) => sum + cpuNsOf(pid), 0), node: cpuNsOf(nodePid) };
	}
}

/** Opens all or none. */
export async function openLanes<Name extends string>(options: Readonly<Record<Name, LaneOptions>>): Promise<Record<Name, Lane>> {
	const lanes: Partial<Record<Name, Lane>> = {};

	try {
		for (const name of Object.keys(options) as Name[]) {
			lanes[name] = await Lane.open(options[name]);
		}
	} catch (error) {
		await closeLanes(lanes);
		throw error;
	}

	return lanes as Record<Name, Lane>;
}

export async function closeLanes(lanes: Readonly<Partial<Record<string, Lane>>>): Promise<void> {
	await Promise.all(Object.values(lanes).map((lane) => lane?.close()));
}
