import t from 'tap';

import { CrashBudget } from '../../src/crash-budget.ts';

const options = { deaths: 5, delayMs: 100, maxDelayMs: 300 };

t.test('the first restart is at once, the next ones wait twice as long each, up to a limit', async (t) => {
	const budget = new CrashBudget({ ...options, deaths: 10 });
	const delays = Array.from({ length: 5 }, () => {
		budget.died(false);

		return budget.delayMs;
	});

	t.same(delays, [0, 100, 200, 300, 300]);
});

t.test('so many fruitless deaths in a row exhaust it', async (t) => {
	const budget = new CrashBudget(options);

	for (let deaths = 1; deaths <= 5; deaths++) {
		t.notOk(budget.exhausted);
		budget.died(false);
	}
	t.ok(budget.exhausted);
});

t.test('a hundred deaths of hosts that had worked do not', async (t) => {
	const budget = new CrashBudget(options);

	for (let deaths = 0; deaths < 100; deaths++) {
		budget.died(true);
	}
	t.notOk(budget.exhausted);
	t.ok(budget.allowsRestartAtOnce);
	t.equal(budget.delayMs, 0);
});

t.test('work done begins the count anew', async (t) => {
	const budget = new CrashBudget(options);

	budget.died(false);
	budget.died(false);
	t.notOk(budget.allowsRestartAtOnce);
	budget.died(true);
	t.equal(budget.deathsInRow, 0);
	t.ok(budget.allowsRestartAtOnce);
});

t.test('with a budget of one nothing is restarted before it is known whether it had worked', async (t) => {
	t.notOk(new CrashBudget({ ...options, deaths: 1 }).allowsRestartAtOnce);
});
