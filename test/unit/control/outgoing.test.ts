import * as flatbuffers from 'flatbuffers';
import t from 'tap';

import { encodeFrame } from '../../../src/control/outgoing.ts';
import { Body, Envelope, Limit, LoadPlugin, Placement, StoreSnapshot } from '../../../src/generated/control.js';

t.test('LoadPlugin says which plugin, with what and where', async (t) => {
	for (const placement of [Placement.Auto, Placement.Shared, Placement.Isolated]) {
		const frame = encodeFrame(7, 'LoadPlugin', { pluginId: 'p', file: '/a/b.so', config: '{"n":1}', placement });
		const envelope = Envelope.getSizePrefixedRootAsEnvelope(new flatbuffers.ByteBuffer(frame));
		const load = envelope.body(new LoadPlugin()) as LoadPlugin;

		t.same([envelope.id(), envelope.bodyType()], [7, Body.LoadPlugin]);
		t.same([load.pluginId(), load.file(), load.config(), load.placement()], ['p', '/a/b.so', '{"n":1}', placement]);
	}
});

t.test('a memory limit may be larger than what 32 bits hold; without one it is 0', async (t) => {
	for (const [memoryLimit, sent] of [
		[2 ** 40, 2n ** 40n],
		[undefined, 0n],
	] as const) {
		const fields = { pluginId: 'p', file: '/a/b.so', config: '{}', placement: Placement.Auto };
		const frame = encodeFrame(1, 'LoadPlugin', memoryLimit === undefined ? fields : { ...fields, memoryLimit });
		const envelope = Envelope.getSizePrefixedRootAsEnvelope(new flatbuffers.ByteBuffer(frame));

		t.equal((envelope.body(new LoadPlugin()) as LoadPlugin).memoryLimit(), sent);
	}
});

t.test('a snapshot of any bytes, up to the largest, arrives as it was', async (t) => {
	const bytes = Buffer.alloc(Limit.MaxSnapshotBytes, 0xa5);
	const envelope = Envelope.getSizePrefixedRootAsEnvelope(new flatbuffers.ByteBuffer(encodeFrame(0, 'StoreSnapshot', { pluginId: 'p', workerPid: 5, shard: 1, bytes })));
	const stored = envelope.body(new StoreSnapshot()) as StoreSnapshot;

	t.same([stored.pluginId(), stored.workerPid(), stored.shard()], ['p', 5, 1]);
	t.ok(bytes.equals(stored.bytesArray()!));
});

t.test('a message that is too long is not sent', async (t) => {
	const config = 'x'.repeat(Limit.MaxFrameBytes);

	t.throws(() => encodeFrame(1, 'LoadPlugin', { pluginId: 'p', file: '/a/b.so', config, placement: Placement.Auto }), {
		name: 'ProtocolError',
		message: /a LoadPlugin of \d+ bytes cannot be sent/,
	});
});
