// What a run has found, for people.

import type { FuzzReport } from './fuzz.ts';

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

export function summaryOf({ records, sessions, connections, messages, seconds, calls, growth, crashes, longestStallMs, leakedBytes, countedByWorker }: FuzzReport): string {
	return [
		`${records} records in ${sessions} sessions of hostile hosts, ${connections} connections, ${messages} messages of a hostile controller, in ${seconds.toFixed(0)} s`,
		`the worker counted ${countedByWorker} verdicts and strikes among them`,
		...calls.map(
			({ name, sent, received, disordered, maxLatencyMs, maxStallMs }) =>
				`call ${name}: ${received} of ${sent} packets, ${disordered} out of order, the slowest took ${maxLatencyMs} ms, ${maxStallMs} ms of them by the worker`,
		),
		`the worker grew by ${mebibytes(growth.residentBytes)}, ${growth.descriptors} descriptors, ${growth.mappedBytes} bytes of segments`,
		`crashes ${crashes}, longest stall ${longestStallMs} ms, leaked ${leakedBytes} bytes`,
		'',
	].join('\n');
}
