// The short form of `npm run fuzz:parsers`: the same targets without clang and without a guide, over the corpus, what was ever found, and some thousand
// mutations of both. docs/testing.md has the long form.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import t from 'tap';

import { buildFuzzTargets } from '../../tools/fuzz-parsers/build.ts';
import { captureTarget, fuzzCaptures } from '../../tools/fuzz-parsers/capture.ts';
import { type FuzzResult, inputDirs } from '../../tools/fuzz-parsers/result.ts';
import { runTarget } from '../../tools/fuzz-parsers/run.ts';
import { nativeTargets } from '../../tools/fuzz-parsers/targets.ts';

const seed = 7;
const runs = 3000;
const targets = nativeTargets.filter(({ isInShortForm }) => isInShortForm);

// Compiling takes its time on a machine that does it for the first time.
t.setTimeout(900_000);

function check(t: Assertions, { findings, executions, finding }: FuzzResult, wanted: number): void {
	t.equal(findings, 0, finding?.text ?? 'no finding');
	t.ok(executions >= wanted, `${executions} executions`);
}

type Assertions = Pick<typeof t, 'equal' | 'ok'>;

const binDir = await buildFuzzTargets('seeded', targets);

for (const target of targets) {
	t.test(`${target.name}: nothing crashes it`, async (t) => {
		check(t, await runTarget({ engine: 'seeded', target, binDir, runs, seed, grow: false }), runs);
	});
}

t.test(`${captureTarget}: nothing but a CrashCaptureError refuses a file`, async (t) => {
	check(t, await fuzzCaptures({ runs, seed }), runs);
});

t.test('there is a corpus for every target', async (t) => {
	for (const name of [...targets.map((target) => target.name), captureTarget]) {
		t.ok(inputDirs(name).some((dir) => readdirSync(join(dir)).length > 0), name);
	}
});

t.end();
