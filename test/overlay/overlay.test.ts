// Runs our tests of the worker's overlay (Catch2, in the style of upstream's) as they are linked with the objects of the patched worker. The long form,
// `npm run test:upstream-cpp`, runs them under sanitizers, and upstream's own.

import t from 'tap';

import { buildWorker } from '../../tools/build-worker.ts';
import { runCatch2 } from '../../tools/upstream-cpp/run-catch2.ts';

// Compiling takes its time on a machine that does it for the first time.
t.setTimeout(900_000);

const report = await runCatch2(await buildWorker({ variant: 'patched', deps: 'system', defines: [], target: 'overlay-tests' }), 'overlay');

for (const [name, passed] of report.cases) {
	t.ok(passed, name, { failures: report.failures.filter((line) => line.startsWith(`${name}: `)) });
}
for (const [name, passed] of report.sections) {
	t.ok(passed, name);
}
t.ok(report.cases.size > 0, 'there are tests');
