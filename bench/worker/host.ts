// Rows host/…: how long a native host takes to be of use, and what it occupies.

import { spawn } from 'node:child_process';
import { once } from 'node:events';

import { Placement } from '../../src/generated/control.js';
import { HostProcess } from '../../src/host-process.ts';
import { findNativeHostBin } from '../../src/native-host-bin.ts';
import { buildAcceptPlugin } from '../e2e/build.ts';
import { Lane } from '../e2e/lane.ts';
import { residentOf } from '../e2e/processes.ts';
import { shortly } from '../lib/machine.ts';
import { type Candidate, interleave, median } from '../lib/repeat.ts';
import { type Context, type Row, withNote } from '../lib/row.ts';

/** From before spawn() to the answer that the plugin is loaded. What Node takes for any child is in it, and in the note. */
export async function measureHostStart(context: Context): Promise<Row[]> {
	const hosts: number[] = [];
	const anything: number[] = [];
	const starts = context.quick ? 5 : 10;
	const bin = findNativeHostBin(undefined);
	const pluginFile = buildAcceptPlugin();
	const candidate: Candidate = {
		name: 'host/start',
		unit: 'ms',
		async measure() {
			const ofThis: number[] = [];

			for (let start = 0; start < starts; start++) {
				anything.push(await timeOf(() => once(spawn('/bin/true', { stdio: 'ignore' }), 'exit')));
				ofThis.push(await startHost(bin, pluginFile));
			}
			hosts.push(...ofThis);

			return { p50: median(ofThis), p99: Math.max(...ofThis) };
		},
	};
	const [row] = await interleave([candidate], context.quick ? 1 : 5);

	return [
		withNote(
			row!,
			`spawn to PluginLoaded, ${hosts.length} starts; p99 stands for the slowest; /bin/true from spawn to exit: p50 ${shortly(median(anything))} ms`,
		),
	];
}

async function startHost(bin: string, pluginFile: string): Promise<number> {
	let host: HostProcess | undefined;
	// A host is no reason for a process to stay alive; here there may be no other.
	const alive = setInterval(() => {}, 1000);

	try {
		return await timeOf(() => {
			host = new HostProcess({ bin, pluginFile, timeoutMs: 5000 });

			return host.loadPlugin({ pluginId: 'bench', file: pluginFile, config: '{}', placement: Placement.Auto });
		});
	} finally {
		host?.shutdown(1000);
		await host?.exited;
		clearInterval(alive);
	}
}

async function timeOf(what: () => Promise<unknown>): Promise<number> {
	const startedAt = performance.now();

	await what();

	return performance.now() - startedAt;
}

export async function measureHostMemory(): Promise<Row[]> {
	const lane = await Lane.open({ mode: 'filter' });

	try {
		const hostPid = lane.app.report.hostPids[0]!;
		const idle = residentOf(hostPid)!;

		// The packet ring is seen whole.
		await lane.probe.paced(5000, 5000);

		const busy = residentOf(hostPid)!;
		const describe = ({ all, anonymous, shared, file }: typeof idle): string =>
			`${all.toFixed(1)} MiB (anonymous ${anonymous.toFixed(1)}, rings ${shared.toFixed(1)}, files ${file.toFixed(1)})`;

		return [withNote({ name: 'host/rss', unit: 'MiB', value: idle.all }, `attached to one router: ${describe(idle)}; after 5,000 packets: ${describe(busy)}`)];
	} finally {
		await lane.close();
	}
}
