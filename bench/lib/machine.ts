// Whether the machine was quiet while something was measured.

import { readFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';

/** More of the CPUs' time than this in the hypervisor's hands, and figures say little. */
const noisySteal = 0.01;

/**
 * Begins to watch; the function that it returns tells what disturbed the machine since: steal time of the hypervisor, and load beside what
 * a benchmark makes itself, which keeps at most every CPU busy with one thread and a little more.
 */
export function watchMachine(): () => string | undefined {
	const before = readCpuTimes();
	const loadBefore = loadavg()[0] ?? 0;

	return () => {
		const after = readCpuTimes();
		const steal = (after.steal - before.steal) / Math.max(1, after.total - before.total);
		const cpus = availableParallelism();
		const remarks: string[] = [];

		if (steal > noisySteal) {
			remarks.push(`noisy: ${(steal * 100).toFixed(1)} % of the CPU time was stolen by the hypervisor`);
		}
		if (loadBefore > cpus || (loadavg()[0] ?? 0) > cpus + 1) {
			remarks.push(`noisy: load average ${shortly(loadBefore)} before, ${shortly(loadavg()[0] ?? 0)} after, on ${cpus} CPUs`);
		}

		return remarks.length > 0 ? remarks.join('; ') : undefined;
	};
}

/** In ticks, over all CPUs. Zeros where there is no /proc. */
function readCpuTimes(): { total: number; steal: number } {
	try {
		// cpu user nice system idle iowait irq softirq steal guest guest_nice; the guests are counted in user and nice already.
		const fields = readFileSync('/proc/stat', 'utf8').split('\n', 1)[0]?.trim().split(/\s+/).slice(1, 9).map(Number) ?? [];

		return { total: fields.reduce((sum, ticks) => sum + ticks, 0), steal: fields[7] ?? 0 };
	} catch {
		return { total: 0, steal: 0 };
	}
}

/** Three digits that count. */
export function shortly(figure: number): string {
	return figure >= 1000 ? Math.round(figure).toString() : Number(figure.toPrecision(3)).toString();
}
