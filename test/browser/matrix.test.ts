import t from 'tap';

import { describe, runMatrix } from '../matrix/matrix.ts';

t.setTimeout(900_000);

t.test('every language × transport × RTP and data × mode × verdict does what it says, with real clients', async (t) => {
	await runMatrix((cell) => t.ok(cell.ok, describe(cell)));
});

t.end();
