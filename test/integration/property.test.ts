import t from 'tap';

import { runPropertyTest } from '../property/property.ts';

t.test('whatever plugins decide, order is kept, nothing comes twice, and every packet is in one counter', async (t) => {
	t.match(await runPropertyTest(40_000, 7, (text) => t.comment(text)), { packets: 40_000, violations: 0 });
});

t.end();
