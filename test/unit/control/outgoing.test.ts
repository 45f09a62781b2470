import * as flatbuffers from 'flatbuffers';
import t from 'tap';

import { encodeFrame } from '../../../src/control/outgoing.ts';
import { Body, Envelope, Limit, LoadPlugin, Placement } from '../../../src/generated/control.js';

t.test('LoadPlugin says which plugin, with what and where', async (t) => {
	for (const placement of [Placement.Auto, Placement.Shared, Placement.Isolated]) {
		const frame = encodeFrame(7, 'LoadPlugin', { pluginId: 'p', file: '/a/b.so', config: '{"n":1}', placement });
		const envelope = Envelope.getSizePrefixedRootAsEnvelope(new flatbuffers.ByteBuffer(frame));
		const load = envelope.body(new LoadPlugin()) as LoadPlugin;

		t.same([envelope.id(), envelope.bodyType()], [7, Body.LoadPlugin]);
		t.same([load.pluginId(), load.file(), load.config(), load.placement()], ['p', '/a/b.so', '{"n":1}', placement]);
	}
});

t.test('a message that is too long is not sent', async (t) => {
	const config = 'x'.repeat(Limit.MaxFrameBytes);

	t.throws(() => encodeFrame(1, 'LoadPlugin', { pluginId: 'p', file: '/a/b.so', config, placement: Placement.Auto }), {
		name: 'ProtocolError',
		message: /a LoadPlugin of \d+ bytes cannot be sent/,
	});
});
