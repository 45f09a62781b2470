// The order of a drill's events, and how its plugin hears of them.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import t from 'tap';

import { Orders } from '../../tools/drill/orders.ts';
import { allScenarios, inRandomOrder } from '../../tools/drill/scenarios.ts';
import { repoRoot } from '../../tools/lib/paths.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const first = (count: number, seed: number): string[] => {
	const order = inRandomOrder(allScenarios, seed);

	return Array.from({ length: count }, () => order.next().value);
};

t.test('the same seed gives the same order, another one another', async (t) => {
	t.same(first(30, 42), first(30, 42));
	t.notSame(first(30, 42), first(30, 43));
});

t.test('each comes once before any comes again', async (t) => {
	const order = first(21, 1);

	for (const round of [0, 7, 14]) {
		t.same(order.slice(round, round + 7).sort(), [...allScenarios].sort());
	}
	t.notSame(order.slice(0, 7), order.slice(7, 14));
});

t.test('an order stands in the file until it is followed', async (t) => {
	const file = join(tempDir(), 'orders');
	const orders = new Orders(file);

	t.teardown(() => orders.close());
	t.equal(orders.followed(), undefined);
	t.equal(orders.serving(), undefined);
	orders.give('oom');
	t.equal(readFileSync(file).readUInt32LE(0), 3);

	const answer = Buffer.alloc(32);

	answer.writeUInt32LE(4711, 4);
	answer.writeBigUInt64LE(123n, 8);
	answer.writeUInt32LE(5, 16);
	answer.writeUInt32LE(4712, 20);
	answer.writeBigUInt64LE(456n, 24);
	writeFileSync(file, answer, { flag: 'r+' });
	t.same(orders.followed(), { pid: 4711, atNs: 123, inHand: 5 });
	t.same(orders.serving(), { pid: 4712, sinceNs: 456 });

	orders.give('kill');
	t.equal(orders.followed(), undefined, 'the last answer is not one to the next order');
	t.equal(orders.serving()?.pid, 4712);
});

t.test("the plugin's layout is the drill's", async (t) => {
	const source = readFileSync(join(repoRoot, 'tools/drill/plugin/drill.cpp'), 'utf8');
	const fields = [.../struct Orders \{([^}]*)\}/.exec(source)![1]!.matchAll(/std::atomic<uint(\d+)_t> (\w+);/g)].map(([, bits, name]) => [name, Number(bits) / 8]);

	t.same(fields, [['order', 4], ['follower', 4], ['followedAtNs', 8], ['inHand', 4], ['server', 4], ['servesSinceNs', 8]]);
});
