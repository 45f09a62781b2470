// Two of the negative controls; `npm run test:sabotage` runs all of them (docs/testing.md).

import t from 'tap';

import { judgeSabotaged, runSwitches } from '../../tools/sabotage.ts';
import { type Switch, switches } from '../../tools/sabotage/switches.ts';

t.setTimeout(900_000);

for (const name of ['SKIP_DROP', 'SKIP_PIDFD']) {
	t.test(`with ${name} the test that is named for it fails`, async (t) => {
		const [outcome] = await runSwitches(
			switches.filter((one) => one.name === name),
			(line) => t.comment(line),
		);

		t.match(outcome, { name, wrong: undefined });
	});
}

t.test('a switch that does nothing, does too much or breaks everything is noticed', async (t) => {
	const inWorker: Switch = { ...{ name: 'ANY', in: 'worker', lacks: '', file: '' }, test: 'red', control: 'green' };
	const wrongOf = (passed: readonly string[], failed: readonly string[], one = inWorker): string | undefined =>
		judgeSabotaged(one, { passed: new Set(passed), failed: new Set(failed) }).wrong;

	t.equal(wrongOf(['green'], ['red']), undefined);
	t.equal(wrongOf(['green', 'red'], []), 'the test passes');
	t.equal(wrongOf([], []), 'the test did not run');
	t.equal(wrongOf([], ['red']), 'its control "green" does not pass');
	t.equal(wrongOf([], ['green', 'red']), '"green" fails before it');
	t.equal(wrongOf([], ['red', 'green']), 'other tests fail, too: "green"');
	t.equal(wrongOf(['green'], ['the worker died', 'red']), '"the worker died" fails before it');
	t.equal(wrongOf(['green'], ['the worker died', 'red'], { ...inWorker, fatal: true }), undefined);
	t.equal(wrongOf(['green'], ['red', 'more'], { ...inWorker, in: 'host' }), undefined, 'a program goes on after what is named');
	t.equal(wrongOf(['green'], ['more', 'red'], { ...inWorker, byChance: 'more' }), undefined);
	t.equal(wrongOf(['green'], ['more', 'red'], { ...inWorker, in: 'host' }), '"more" fails before it');
});
