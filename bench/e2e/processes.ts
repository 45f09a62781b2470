// What the kernel knows of a process: the CPU time that it used, to the nanosecond, and the CPUs on which it may run.

import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';

const nsPerTick = 10_000_000;

/** Nanoseconds of all threads that the process has now. 0 when it is gone. */
export function cpuNsOf(pid: number): number {
	try {
		// Run time in nanoseconds, time spent waiting, timeslices. /proc/<pid>/stat counts in ticks of 10 ms, too coarse for a second of packets.
		return readdirSync(`/proc/${pid}/task`).reduce((sum, task) => sum + Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]), 0);
	} catch {
		return ticksOf(pid) * nsPerTick;
	}
}

/** A kernel may have been built without schedstat. */
function ticksOf(pid: number): number {
	try {
		// The name, in parentheses, may contain spaces. After it: state is the first field, utime and stime are the twelfth and thirteenth.
		const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ');

		return Number(fields[11]) + Number(fields[12]);
	} catch {
		return 0;
	}
}

/** All its threads. */
export function pin(pid: number, cpus: readonly number[]): void {
	execFileSync('taskset', ['--all-tasks', '--cpu-list', '--pid', cpus.join(','), String(pid)], { stdio: 'ignore' });
}

/** The CPUs that this process may use. */
export function allowedCpus(): number[] {
	const list = /^Cpus_allowed_list:\s+(.*)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';

	return list.split(',').flatMap((range) => {
		const [first = 0, last = first] = range.split('-').map(Number);

		return Array.from({ length: last - first + 1 }, (_, index) => first + index);
	});
}

/** MiB. Undefined when the process is gone. */
export function residentOf(pid: number): { readonly all: number; readonly anonymous: number; readonly shared: number; readonly file: number } | undefined {
	try {
		const status = readFileSync(`/proc/${pid}/status`, 'utf8');
		const mebibytes = (field: string): number => Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? 0) / 1024;

		return { all: mebibytes('VmRSS'), anonymous: mebibytes('RssAnon'), shared: mebibytes('RssShmem'), file: mebibytes('RssFile') };
	} catch {
		return undefined;
	}
}
