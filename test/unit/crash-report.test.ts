import t from 'tap';

import type { HostCrash } from '../../src/crash-report.ts';
import { CrashReport } from '../../src/crash-report.ts';

function reportOf(...workerPids: number[]): { report: CrashReport; sent: HostCrash[] } {
	const sent: HostCrash[] = [];

	return { report: new CrashReport({ pid: 4711, hung: false, poison: [] }, '', workerPids, (crash) => sent.push(crash)), sent };
}

t.test('it goes out when the exit and all that was held are known, in whatever order', async (t) => {
	const { report, sent } = reportOf(1, 2);

	report.heldBy(2, 3);
	report.exited({ code: null, signal: 'SIGKILL' });
	t.same(sent, []);
	report.heldBy(1, 4);
	t.same(sent, [
		{
			pid: 4711,
			code: null,
			signal: 'SIGKILL',
			held: 7,
			heldByWorker: [
				{ workerPid: 2, held: 3 },
				{ workerPid: 1, held: 4 },
			],
			hung: false,
			poison: [],
			reason: 'was ended by SIGKILL',
		},
	]);
});

t.test('a worker that is gone is not waited for', async (t) => {
	const { report, sent } = reportOf(1);

	report.exited({ code: 3, signal: null });
	report.workerGone(1);
	t.match(sent, [{ code: 3, held: 0, reason: 'exited with code 3' }]);
});

t.test('it tells that the host hung, and of which packet it died, as known by then', async (t) => {
	const sent: HostCrash[] = [];
	const poison: string[] = [];
	const report = new CrashReport({ pid: 1, hung: true, poison }, 'worker 2: hang: no progress', [], (crash) => sent.push(crash));

	poison.push('/crashes/x.pcapng');
	report.exited({ code: null, signal: 'SIGKILL' });
	t.match(sent, [
		{
			hung: true,
			poison: ['/crashes/x.pcapng'],
			reason: 'was ended by SIGKILL; worker 2: hang: no progress; of a packet that is in /crashes/x.pcapng',
		},
	]);
});

t.test('it goes out with what is known when it has to, and only once', async (t) => {
	const { report, sent } = reportOf(1);

	report.flush();
	report.exited({ code: 0, signal: null });
	report.heldBy(1, 5);
	report.flush();
	t.match(sent, [{ code: null, signal: null, held: 0, reason: 'hung up' }]);
	t.ok(report.sent);
});
