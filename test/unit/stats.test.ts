import t from 'tap';

import type { RawInstanceStats } from '../../src/control/raw-stats.ts';
import { Placement } from '../../src/generated/control.js';
import type { InstanceStats } from '../../src/stats.ts';
import { pluginStatsOf } from '../../src/stats.ts';

const raw: RawInstanceStats = {
	...{ pluginId: 'p', workerPid: 4711, shard: 0, packets: 6, batches: 5, verdicts: 4, events: 3, doorbellsRung: 2 },
	...{ messages: 10, injections: 11, requests: 12, posts: 13, placement: Placement.Shared, placementReason: 'it is light', placementMoves: 1, cpu: 0, sleeps: 8, spins: 9 },
	counters: new Map([['many', 7]]),
};

function instanceOf(fields: Partial<RawInstanceStats> = {}): InstanceStats {
	const host = { pid: 1, rssBytes: undefined, standbyPid: undefined, starts: 1, deaths: 0, threadDeaths: 0 };

	return pluginStatsOf({ id: 'p', unitId: 'u', attachmentIds: new Set() }, host, [], [{ ...raw, ...fields }]).instances[0]!;
}

t.test('an instance is what its host tells of it', async (t) => {
	t.same(instanceOf(), {
		...{ workerPid: 4711, shard: 0, packets: 6, batches: 5, verdicts: 4, events: 3, doorbellsRung: 2 },
		...{ messages: 10, injections: 11, requests: 12, posts: 13 },
		placement: { now: 'shared', reason: 'it is light', cpu: 0, moves: 1 },
		...{ sleeps: 8, spins: 9, counters: { many: 7 } },
	});
	t.equal(instanceOf({ placement: Placement.Isolated }).placement.now, 'isolated');
});

t.test('an instance that serves nobody yet is nowhere', async (t) => {
	t.same(instanceOf({ placement: Placement.None, placementReason: '', placementMoves: 0, cpu: -1 }).placement, {
		...{ now: undefined, reason: '', cpu: undefined, moves: 0 },
	});
});

t.test('a placement that makes no sense is none', async (t) => {
	for (const placement of [Placement.Auto, 99 as Placement]) {
		t.equal(instanceOf({ placement }).placement.now, undefined);
	}
});
