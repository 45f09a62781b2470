// A host runs foreign code: whatever it writes to its channel, the app reads it in bounded time and at worst ends the connection.

import * as flatbuffers from 'flatbuffers';
import t from 'tap';

import { decodeFrame } from '../../../src/control/incoming.ts';
import { ProtocolError } from '../../../src/errors.ts';
import { AttachmentStateChanged, Body, Counter, Envelope, HostPhase, HostStats, InstanceStats, Limit, Log, Placement } from '../../../src/generated/control.js';
import { failure, frameOf, hostStateChanged, ok, poisonFound, snapshot, stats, welcome } from '../../helpers/worker-messages.ts';

const withoutPrefix = (frame: Uint8Array): Uint8Array => frame.subarray(4);

/** Of worker 1, with 5 packets; what its plugin counts and the reason for its placement were written before. */
function instance(b: flatbuffers.Builder, counters: flatbuffers.Offset, reason: flatbuffers.Offset = 0): flatbuffers.Offset {
	return InstanceStats.createInstanceStats(b, 1, 0, 5n, 0n, 0n, 0n, 0n, counters, Placement.Isolated, reason, 7n, 3, 8n, 9n, 0n, 0n, 0n, 0n, 0);
}

t.test('messages become plain objects', async (t) => {
	t.match(decodeFrame(withoutPrefix(welcome(7, 1, 2, 4711, '3.27.1'))), {
		id: 7,
		type: 'Welcome',
		body: { protocolVersion: 1, layoutVersion: 2, workerPid: 4711, mediasoupVersion: '3.27.1' },
	});
	t.match(decodeFrame(withoutPrefix(failure(8, 4, 'no such router'))), { id: 8, type: 'Failure', body: { code: 4, message: 'no such router' } });
	t.match(decodeFrame(withoutPrefix(ok(9))), { id: 9, type: 'Ok' });
	t.match(decodeFrame(withoutPrefix(stats(10, new Map([['p', 3]])))), { type: 'Stats', body: { plugins: [{ pluginId: 'p', verdicts: 3 }] } });
});

t.test('what happens to hosts, and what they hand over, is told with all there is', async (t) => {
	t.match(decodeFrame(withoutPrefix(hostStateChanged('p', 7, HostPhase.Gone, 'hang: no progress', 3))), {
		type: 'HostStateChanged',
		body: { pluginId: 'p', hostPid: 7, phase: HostPhase.Gone, reason: 'hang: no progress', held: 3 },
	});
	t.same(decodeFrame(withoutPrefix(poisonFound('p', 'r', 7, Uint8Array.of(1, 2, 3)))), {
		...{ id: 0, type: 'PoisonFound' },
		body: { pluginId: 'p', routerId: 'r', hostPid: 7, records: Uint8Array.of(1, 2, 3) },
	});
	t.same(decodeFrame(withoutPrefix(snapshot('p', 5, 1, Uint8Array.of(4, 5)))), { id: 0, type: 'Snapshot', body: { pluginId: 'p', workerPid: 5, shard: 1, bytes: Uint8Array.of(4, 5) } });
});

t.test('bytes are copied out of the frame', async (t) => {
	const frame = withoutPrefix(snapshot('p', 5, 1, Buffer.alloc(16, 1)));
	const message = decodeFrame(frame);

	frame.fill(0);
	t.match(message, { body: { bytes: Buffer.alloc(16, 1) } });
	t.equal((message!.body as { bytes: Uint8Array }).bytes.buffer.byteLength, 16);
});

t.test('bytes that would lie behind the frame are refused, although memory is there', async (t) => {
	const frame = withoutPrefix(snapshot('p', 5, 1, Buffer.alloc(16, 1)));
	const room = Buffer.alloc(frame.length + 4_096);
	const bent = room.subarray(0, frame.length);

	bent.set(frame);
	// What is written first stands last: the length, then 16 bytes.
	bent.writeUInt32LE(17, bent.length - 20);
	t.throws(() => decodeFrame(bent), { name: 'ProtocolError', message: /claims to hold more/ });
});

t.test('a snapshot is as long as it may be, and no longer', async (t) => {
	t.match(decodeFrame(withoutPrefix(snapshot('p', 5, 0, Buffer.alloc(Limit.MaxSnapshotBytes)))), { type: 'Snapshot' });
	t.throws(() => decodeFrame(withoutPrefix(snapshot('p', 5, 0, Buffer.alloc(Limit.MaxSnapshotBytes + 1)))), {
		name: 'ProtocolError',
		message: /a snapshot of 1048577 bytes/,
	});
});

t.test('a counter past what a number can express exactly stays at the largest that it can', async (t) => {
	const frame = frameOf(1, Body.HostStats, (b) => {
		const counters = InstanceStats.createCountersVector(b, [Counter.createCounter(b, b.createString('many'), 2n ** 64n - 1n)]);

		return HostStats.createHostStats(b, HostStats.createInstancesVector(b, [instance(b, counters)]));
	});

	t.match(decodeFrame(withoutPrefix(frame)), {
		body: { instances: [{ packets: 5, counters: new Map([['many', Number.MAX_SAFE_INTEGER]]) }] },
	});
});

t.test('an instance says where its thread runs; of an older host that is not known', async (t) => {
	const frame = frameOf(1, Body.HostStats, (b) => {
		const reason = b.createString('the plugin takes 200 µs a packet');
		const told = instance(b, InstanceStats.createCountersVector(b, []), reason);

		InstanceStats.startInstanceStats(b);

		return HostStats.createHostStats(b, HostStats.createInstancesVector(b, [told, InstanceStats.endInstanceStats(b)]));
	});

	t.match(decodeFrame(withoutPrefix(frame)), {
		body: {
			instances: [
				{ placement: Placement.Isolated, placementReason: 'the plugin takes 200 µs a packet', placementMoves: 7, cpu: 3, sleeps: 8, spins: 9 },
				{ placement: Placement.None, placementReason: '', placementMoves: 0, cpu: -1, sleeps: 0, spins: 0 },
			],
		},
	});
});

t.test('a message of a type that this version does not know is passed over', async (t) => {
	t.equal(decodeFrame(withoutPrefix(frameOf(0, 200 as Body, (b) => Log.createLog(b, 0, b.createString(''), 0)))), undefined);
});

t.test('a message that lacks its id is refused', async (t) => {
	const frame = frameOf(0, Body.AttachmentStateChanged, (b) => AttachmentStateChanged.createAttachmentStateChanged(b, 0, 1));

	t.throws(() => decodeFrame(withoutPrefix(frame)), { name: 'ProtocolError', message: /AttachmentStateChanged lacks an id/ });
});

t.test('a message without a body is refused', async (t) => {
	const builder = new flatbuffers.Builder();

	Envelope.finishEnvelopeBuffer(builder, Envelope.createEnvelope(builder, 1, 0, Body.Welcome, 0));
	t.throws(() => decodeFrame(builder.asUint8Array()), { name: 'ProtocolError', message: /Welcome has no body/ });
});

t.test('bytes that are no FlatBuffer of ours are refused', async (t) => {
	for (const bytes of [Buffer.alloc(0), Buffer.from('short'), Buffer.alloc(64), Buffer.alloc(64, 0xff)]) {
		t.throws(() => decodeFrame(bytes), { name: 'ProtocolError', code: 'MPH_ERR_PROTOCOL' });
	}
});

t.test('a vector that claims more elements than the frame has bytes is refused before it is walked', async (t) => {
	const frame = frameOf(1, Body.HostStats, (b) => HostStats.createHostStats(b, HostStats.createInstancesVector(b, [])));

	for (const length of [0x7fffffff, 0x80000000, 0xffffffff]) {
		const bent = Buffer.from(withoutPrefix(frame));

		// What is written first stands last: the length of the vector, which has no elements.
		bent.writeUInt32LE(length, bent.length - 4);
		t.throws(() => decodeFrame(bent), { name: 'ProtocolError', message: /claims to hold more/ });
	}
});

t.test('a frame whose offsets all lead to one long vector is refused', async (t) => {
	const frame = frameOf(1, Body.HostStats, (b) => {
		const counter = Counter.createCounter(b, b.createString('x'.repeat(1_000)), 1n);
		const counters = InstanceStats.createCountersVector(b, new Array<number>(1_000).fill(counter));

		return HostStats.createHostStats(b, HostStats.createInstancesVector(b, new Array<number>(1_000).fill(instance(b, counters))));
	});

	t.throws(() => decodeFrame(withoutPrefix(frame)), { name: 'ProtocolError', message: /claims to hold more/ });
});

t.test('a frame whose offsets all lead to one long reason is refused', async (t) => {
	const frame = frameOf(1, Body.HostStats, (b) => {
		const told = instance(b, InstanceStats.createCountersVector(b, []), b.createString('x'.repeat(10_000)));

		return HostStats.createHostStats(b, HostStats.createInstancesVector(b, new Array<number>(1_000).fill(told)));
	});

	t.throws(() => decodeFrame(withoutPrefix(frame)), { name: 'ProtocolError', message: /claims to hold more/ });
});

t.test('random damage never does more than end the connection', async (t) => {
	const frames = [welcome(1, 1, 1, 1, '3.27.1'), stats(2, new Map([['a', 1], ['b', 2]])), failure(3, 1, 'no'), poisonFound('p', 'r', 1, Buffer.alloc(64)), snapshot('p', 1, 0, Buffer.alloc(64))].map(withoutPrefix);
	let seed = 1;
	const random = (below: number): number => {
		seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;

		return seed % below;
	};

	for (let round = 0; round < 20_000; round++) {
		const bent = Buffer.from(frames[round % frames.length]!);

		for (let flips = 0; flips < 3; flips++) {
			bent[random(bent.length)] = random(256);
		}
		try {
			decodeFrame(bent);
		} catch (error) {
			if (!(error instanceof ProtocolError)) {
				throw error;
			}
		}
	}
	t.pass('20,000 damaged frames');
});
