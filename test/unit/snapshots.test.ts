import t from 'tap';

import { Snapshots } from '../../src/snapshots.ts';
import { SupervisedStandIn } from '../helpers/supervised.ts';

const worker = new SupervisedStandIn(1);
const of = (shard: number, text: string) => ({ pluginId: 'p', workerPid: 1, shard, bytes: Buffer.from(text) });

t.test('the last one of each shard counts, unless it is of a host before', async (t) => {
	const snapshots = new Snapshots();

	t.ok(snapshots.keep(worker, of(0, 'a'), 1));
	t.ok(snapshots.keep(worker, of(0, 'b'), 1));
	t.ok(snapshots.keep(worker, of(1, 'c'), 1));
	t.ok(snapshots.keep(worker, of(0, 'd'), 3));
	t.notOk(snapshots.keep(worker, of(0, 'late'), 2));
	t.same(snapshots.of(worker), [of(0, 'd'), of(1, 'c')]);
	t.same(snapshots.of(new SupervisedStandIn(1)), [], 'a number alone is no worker');
});

t.test('what is dropped is gone, and the next one is as good as the first', async (t) => {
	const snapshots = new Snapshots();

	snapshots.keep(worker, of(0, 'a'), 5);
	snapshots.drop(worker);
	t.same(snapshots.of(worker), []);
	t.ok(snapshots.keep(worker, of(0, 'b'), 1));
});
