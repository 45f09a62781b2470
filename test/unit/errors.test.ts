import t from 'tap';

import * as errors from '../../src/errors.ts';
import { casesWithWorker, casesWithoutWorker } from '../helpers/error-cases.ts';

t.test('every code has a case that triggers it', async (t) => {
	const triggered = new Set([...casesWithoutWorker, ...casesWithWorker].map(({ code }) => code as string));
	const without = Object.keys(errors.errorCodes).filter((code) => !triggered.has(code));

	t.same(without, [], 'add one to test/helpers/error-cases.ts');
});

t.test('codes are stable names with a meaning', async (t) => {
	for (const [code, meaning] of Object.entries(errors.errorCodes)) {
		t.match(code, /^MPH_ERR_[A-Z_]+$/);
		t.match(meaning, /^\S.{10,}[^.]$/, code);
	}
});

for (const { code, title, names, run } of casesWithoutWorker) {
	t.test(`${title}: ${code}`, async (t) => {
		try {
			await run();
			t.fail('it did not reject');
		} catch (error) {
			t.ok(errors.isCodedError(error), `${error}`);
			t.match(error, { code, message: names });
			t.equal(error instanceof TypeError, /OPTION/.test(code), 'bad options are TypeErrors, nothing else is');
		}
	});
}

t.test('errors say what they are', async (t) => {
	t.equal(new errors.NotFoundError('MPH_ERR_ROUTER_NOT_FOUND', 'router r').toString(), 'NotFoundError: router r');
	t.ok(new errors.HostDiedError('MPH_ERR_HOST_DIED', 'gone') instanceof errors.PluginHostError);
	t.notOk(errors.isCodedError(new Error('any')));
	t.notOk(errors.isCodedError(undefined));
});
