// The short form of `npm run model`, negative controls included, and the explorer's own litmus tests.

import t from 'tap';

import { buildModel, type Exploration } from './model.ts';

// Compiling takes its time on a machine that does it for the first time.
t.setTimeout(600_000);

const model = await buildModel();

/** What C++ allows; of load-buffering, what it is without a load that returns what is stored later (docs/testing.md). */
const litmus: Readonly<Record<string, readonly string[]>> = {
	'store-buffering': ['00', '01', '10', '11'],
	'store-buffering-fences': ['01', '10', '11'],
	'store-buffering-one-fence': ['00', '01', '10', '11'],
	'message-passing': ['00', '01', '11'],
	'message-passing-relaxed': ['00', '01', '10', '11'],
	coherence: ['00', '01', '02', '11', '12', '22'],
	'independent-reads': everyOutcome(4),
	'independent-reads-fences': everyOutcome(4).filter((outcome) => outcome !== '1010'),
	'load-buffering': ['00', '01', '10'],
};

await t.test('the explorer sees all outcomes that its memory model has, and no others, with its reductions and without', async (t) => {
	const seen = await model.litmus();

	for (const [name, outcomes] of Object.entries(litmus)) {
		t.strictSame(seen[name], outcomes, name);
		t.strictSame(seen[`${name} unreduced`], outcomes, `${name}, without reductions`);
	}
	t.equal(Object.keys(seen).length, 2 * Object.keys(litmus).length, 'no litmus test is left out');
});

await t.test('ring, doorbell and take-over hold in every order', async (t) => {
	const results: Exploration[] = [];

	await model.explore({ long: false }, (result) => results.push(result));

	for (const { configuration, states, interleavings, complete, failure, steps } of results) {
		t.equal(failure, null, `${configuration}: ${states} states, ${interleavings} interleavings\n${steps.join('\n')}`);
		t.ok(complete, `${configuration}: everything was seen`);
		t.ok(interleavings > 100, `${configuration}: ${interleavings} interleavings are enough to be all of them`);
	}
	t.strictSame(
		results.map(({ configuration }) => configuration),
		['ring', 'ring-batches', 'waking', 'both-asleep', 'recent-rings', 'death', 'hang', 'stop'],
	);
});

await t.test('each negative control breaks what it is meant to break', async (t) => {
	const failures = new Map<string | null, string | null>();

	await model.runControls(undefined, ({ control, failure }) => failures.set(control, failure));

	const expected: Readonly<Record<string, RegExp>> = {
		W1: /^a torn record/,
		R1: /^a torn record/,
		W2: /^a torn record/,
		R2: /^a torn record/,
		'publish-before-writing': /^a torn record/,
		'release-before-reading': /^a torn record/,
		F1: /^a lost wake-up/,
		F2: /^a lost wake-up/,
		'no-second-look': /^a lost wake-up/,
		W3: /^a lost wake-up/,
		R3: /^a lost wake-up/,
		'ring-each-time': /^2 rings for 1 sleeps/,
		'F1-both': /^a lost wake-up/,
		'F2-both': /^a lost wake-up/,
		'reset-after-arming': /^a lost wake-up/,
		W4: /^a publication was passed over/,
		R4: /^a publication was passed over/,
		'cursor-before-verdicts': /was given back, and shown again/,
		'keep-tickets': /verdict on packet 0 was applied twice/,
		'ignore-epoch': /was taken from a host that does not serve/,
		'skip-redelivered': /is not marked as redelivered/,
		'skip-last-verdicts': /died with its host, which had published it/,
		'skip-republish': /had 0 verdicts/,
	};

	for (const [control, pattern] of Object.entries(expected)) {
		t.match(failures.get(control) ?? 'nothing', pattern, control);
	}
	t.equal(failures.size, Object.keys(expected).length, 'no control is left out');
});

function everyOutcome(loads: number): readonly string[] {
	return Array.from({ length: 2 ** loads }, (_, outcome) => outcome.toString(2).padStart(loads, '0'));
}
