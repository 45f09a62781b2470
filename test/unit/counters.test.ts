// No counter is lost on its way: from the schema through the wire to what getStats() returns.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import type * as flatbuffers from 'flatbuffers';
import t from 'tap';

import type { Incoming, IncomingType } from '../../src/control/incoming.ts';
import { decodeFrame } from '../../src/control/incoming.ts';
import { attachmentCounters, instanceCounters, pluginCounters, readCounters } from '../../src/counters.ts';
import { AttachmentStats, Body, HostStats, InstanceStats, PluginStats, Stats } from '../../src/generated/control.js';
import { pluginStatsOf } from '../../src/stats.ts';
import { repoRoot } from '../../tools/lib/paths.ts';
import { frameOf } from '../helpers/worker-messages.ts';

const schema = readFileSync(join(repoRoot, 'shm/fbs/control.fbs'), 'utf8');
const host = { pid: 1, rssBytes: undefined, standbyPid: undefined, starts: 1, deaths: 0, threadDeaths: 0 };
const owner = { id: 'p', unitId: 'u', attachmentIds: new Set(['a']) };

/** The 64-bit fields of a table, which are its counters. */
function fieldsInSchema(table: string): string[] {
	const fields = new RegExp(`\ntable ${table} \\{([^}]*)\\}`).exec(schema)![1]!.matchAll(/^  (\w+): uint64;/gm);

	return [...fields].map(([, name]) => name!.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase()));
}

/** A different value for each. */
function valuesOf(meanings: object): Record<string, number> {
	return Object.fromEntries(Object.keys(meanings).map((name, index) => [name, 1_000 + index]));
}

type Adders = Readonly<Record<string, (builder: flatbuffers.Builder, value: bigint) => void>>;

function addAll(b: flatbuffers.Builder, table: unknown, meanings: object): void {
	for (const [name, value] of Object.entries(valuesOf(meanings))) {
		(table as Adders)[`add${name[0]!.toUpperCase()}${name.slice(1)}`]!(b, BigInt(value));
	}
}

function decoded<T extends IncomingType>(type: T, frame: Uint8Array): Incoming[T] {
	const message = decodeFrame(frame.subarray(4));

	t.equal(message?.type, type);

	return message!.body as Incoming[T];
}

t.test('the lists are complete, and each counter has a meaning', async (t) => {
	for (const [table, meanings, others] of [
		['AttachmentStats', attachmentCounters, ['holdSumNs']],
		['PluginStats', pluginCounters, []],
		['InstanceStats', instanceCounters, ['placementMoves']],
	] as const) {
		t.same([...Object.keys(meanings), ...others].sort(), fieldsInSchema(table).sort(), table);

		for (const [name, meaning] of Object.entries(meanings)) {
			t.match(meaning, /^\S.{10,}[^.]$/, name);
		}
	}
});

t.test('what a worker counts is what getStats() returns', async (t) => {
	const frame = frameOf(1, Body.Stats, (b) => {
		const [attachmentId, unitId, routerId] = ['a', 'u', 'r'].map((id) => b.createString(id)) as [number, number, number];

		AttachmentStats.startAttachmentStats(b);
		AttachmentStats.addAttachmentId(b, attachmentId);
		AttachmentStats.addPluginId(b, unitId);
		AttachmentStats.addRouterId(b, routerId);
		AttachmentStats.addHeld(b, 7);
		addAll(b, AttachmentStats, attachmentCounters);

		const attachments = Stats.createAttachmentsVector(b, [AttachmentStats.endAttachmentStats(b)]);

		PluginStats.startPluginStats(b);
		PluginStats.addPluginId(b, unitId);
		addAll(b, PluginStats, pluginCounters);

		const plugins = Stats.createPluginsVector(b, [PluginStats.endPluginStats(b)]);

		return Stats.createStats(b, 0n, 0n, 0n, 0n, attachments, Stats.createRingsVector(b, []), plugins);
	});
	const stats = pluginStatsOf(owner, host, [{ workerPid: 4711, ...decoded('Stats', frame) }], []);

	t.match(stats.attachments, [{ ...valuesOf(attachmentCounters), attachmentId: 'a', workerPid: 4711, held: 7 }]);
	t.match(stats.workers, [{ ...valuesOf(pluginCounters), workerPid: 4711 }]);
});

t.test('what a host counts is what getStats() returns', async (t) => {
	const frame = frameOf(1, Body.HostStats, (b) => {
		const id = b.createString('p');

		InstanceStats.startInstanceStats(b);
		InstanceStats.addPluginId(b, id);
		addAll(b, InstanceStats, instanceCounters);

		return HostStats.createHostStats(b, HostStats.createInstancesVector(b, [InstanceStats.endInstanceStats(b)]));
	});

	t.match(pluginStatsOf(owner, host, [], decoded('HostStats', frame).instances).instances, [valuesOf(instanceCounters)]);
});

t.test('a counter past what a number can express exactly stays at the largest that it can', async (t) => {
	t.same(readCounters({ one: '', two: '' }, { one: () => 2n ** 64n - 1n, two: () => 2n }), { one: Number.MAX_SAFE_INTEGER, two: 2 });
});
