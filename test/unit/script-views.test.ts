import t from 'tap';

import { Codec, MediaKind, PacketFlag, RecordFlag } from '../../src/generated/layout.js';
import { definePlugin } from '../../src/plugin/define-plugin.ts';
import { MessageView } from '../../src/plugin/message-view.ts';
import type { OwnedPacket } from '../../src/plugin/packet-view.ts';
import { PacketView } from '../../src/plugin/packet-view.ts';
import { isSharedLayout } from '../../src/plugin/record-view.ts';
import { ScriptStage, messageBytes, packetBytes, rtp } from '../helpers/script-stage.ts';

type Read = { isStrict?: boolean; prepare?: (stage: ScriptStage) => void };

/** What `read` makes of the packet, on a view. */
async function ofPacket<T>(record: Uint8Array, read: (packet: PacketView) => T, { isStrict, prepare }: Read = {}): Promise<T> {
	let result: T | undefined;
	const stage = await ScriptStage.open(
		definePlugin({
			setup: () => ({
				onPacket(packet) {
					result = read(packet);
				},
			}),
		}),
		{ isStrict: isStrict ?? true },
	);

	prepare?.(stage);
	t.same(stage.run([record]), [1], stage.fake.of('log').join());

	return result!;
}

async function ofMessage<T>(record: Uint8Array, read: (message: MessageView) => T): Promise<T> {
	let result: T | undefined;
	const onData = (message: MessageView): void => void (result = read(message));
	const stage = await ScriptStage.open(definePlugin({ setup: () => ({ onData }) }));

	stage.tell({ type: 15, producer: 4, producerId: 'chat' });
	t.same(stage.run([record], 'data'), [1], stage.fake.of('log').join());

	return result!;
}

/** Names of all that a view has as properties, but for what is the runner's own and stands there without a record, too. */
function accessorsOf(view: typeof PacketView | typeof MessageView): string[] {
	const runners = ['staged', 'isLeftOpen'];
	const names: string[] = [];

	for (let prototype = view.prototype as object; prototype !== Object.prototype; prototype = Object.getPrototypeOf(prototype) as object) {
		for (const [name, { get }] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
			if (get && !runners.includes(name)) {
				names.push(name);
			}
		}
	}

	return names;
}

t.test('every field of a packet is read where the layout has it', async (t) => {
	const record = packetBytes({
		...{ ticket: 2n ** 40n, receivedAtNs: 5_000_000_500n, deadlineNs: 6_000_000_000n, producer: 3, ssrc: 0xfedcba98, timestamp: 0x80000001 },
		...{ sequenceNumber: 65_535, payloadType: 101, kind: MediaKind.Video, codec: Codec.Vp8, recordFlags: RecordFlag.Redelivered | 128 },
		...{ packetFlags: PacketFlag.Marker | PacketFlag.KeyFrame, encodingIndex: 1, spatialLayer: 2, temporalLayer: 0, paddingLength: 1 },
	});
	const prepare = (stage: ScriptStage): void => {
		stage.tell({ type: 1, routerId: 'r' });
		stage.tell({ type: 7, attachment: 5, attachmentId: 'a', context: '{"room":1}' });
		stage.tell({ type: 3, producer: 3, producerId: 'p', mimeType: 'video/VP8' });
	};

	for (const isStrict of [true, false]) {
		const seen = await ofPacket(
			record,
			(packet) => ({
				...{ ssrc: packet.ssrc, timestamp: packet.timestamp, sequenceNumber: packet.sequenceNumber, payloadType: packet.payloadType },
				...{ marker: packet.marker, isKeyFrame: packet.isKeyFrame, voice: packet.voice, audioLevel: packet.audioLevel, kind: packet.kind },
				...{ codec: packet.codec, mimeType: packet.mimeType, producer: packet.producer, producerId: packet.producerId, router: packet.router },
				...{ routerId: packet.routerId, attachment: packet.attachment, context: packet.context, receivedAt: packet.receivedAt },
				...{ deadline: packet.deadline, length: packet.length, copiedLength: packet.copiedLength, headerLength: packet.headerLength },
				...{ paddingLength: packet.paddingLength, payloadLength: packet.payloadLength, encodingIndex: packet.encodingIndex },
					...{ spatialLayer: packet.spatialLayer, temporalLayer: packet.temporalLayer, isAwaited: packet.isAwaited },
					...{ redelivered: packet.redelivered, replaced: packet.replaced, cause: packet.cause, ticket: packet.ticket },
			}),
			{ isStrict, prepare },
		);

		t.same(seen, {
			...{ ssrc: 0xfedcba98, timestamp: 0x80000001, sequenceNumber: 65_535, payloadType: 101, marker: true, isKeyFrame: true, voice: false },
			...{ audioLevel: undefined, kind: 'video', codec: 'vp8', mimeType: 'video/VP8', producer: 3, producerId: 'p', router: 9, routerId: 'r' },
			...{ attachment: 5, context: { room: 1 }, receivedAt: 5_000.000_5, deadline: 6_000, length: 16, copiedLength: 16, headerLength: 12 },
			...{ paddingLength: 1, payloadLength: 3, encodingIndex: 1, spatialLayer: 2, temporalLayer: 0, isAwaited: true, redelivered: true },
			...{ replaced: true, cause: 100n, ticket: 2 ** 40 },
		});
	}
	t.ok(isSharedLayout, 'packets and messages have in common what is read in common');
});

t.test('what is unknown is undefined', async (t) => {
	const seen = await ofPacket(packetBytes({ ticket: 0n, audioLevel: 30, packetFlags: PacketFlag.Voice }), (packet) => [
		...[packet.encodingIndex, packet.spatialLayer, packet.temporalLayer, packet.producerId, packet.mimeType, packet.context, packet.deadline],
		...[packet.isAwaited, packet.audioLevel, packet.voice, packet.kind, packet.codec, packet.redelivered, packet.replaced],
	]);

	t.same(seen, [undefined, undefined, undefined, undefined, undefined, undefined, undefined, false, 30, true, 'audio', 'opus', false, false]);
});

t.test('bytes are counted from the RTP header, those of the payload from its beginning', async (t) => {
	const record = packetBytes({ bytes: rtp([1, 2, 3, 4, 5, 1], 0x1234), paddingLength: 1 });

	await ofPacket(record, (packet) => {
		t.same([packet.u8(0), packet.u16(2), packet.u32(12)], [0x80, 0x1234, 0x01020304]);
		t.same([packet.payloadU8(4), packet.payloadU16(3), packet.payloadU32(1)], [5, 0x0405, 0x02030405]);
		t.same([...packet.bytes].length, 18);
		t.same([...packet.payload], [1, 2, 3, 4, 5], 'without the padding');
		t.throws(() => packet.u8(18), { name: 'RangeError', message: '1 of the packet\'s bytes at 18: 18 are here' });
		t.throws(() => packet.u32(15), RangeError);
		t.throws(() => packet.u8(-1), RangeError);
		t.throws(() => packet.u8(NaN), RangeError);
		t.throws(() => packet.payloadU8(5), RangeError, 'padding is no payload');
		t.throws(() => packet.payloadU16(4), RangeError);
	});
	await ofPacket(packetBytes({ bytes: rtp([1, 2, 3]), copiedLength: 12 }), (packet) => {
		t.same([packet.length, packet.copiedLength, packet.payloadLength, packet.payload.length, packet.bytes.length], [15, 12, 3, 0, 12]);
		t.throws(() => packet.payloadU8(0), { message: '1 of the packet\'s payload at 0: 0 of 3 (option "copy" of attach()) are here' });
	});
	await ofPacket(packetBytes({ copiedLength: 0 }), (packet) => {
		t.same([packet.bytes.length, packet.payload.length, packet.csrcCount, packet.extensionOffset(1), packet.headerLength], [0, 0, 0, -1, 12]);
		t.throws(() => packet.u8(0), RangeError);
	});
});

t.test('header extensions are found by their id, in both forms, and CSRCs by their place', async (t) => {
	const extended = (profile: number, extensions: readonly number[], csrcs: readonly number[] = []): Uint8Array => {
		const header = Buffer.alloc(12 + csrcs.length * 4 + 4 + extensions.length);

		header[0] = 0x90 | csrcs.length;
		csrcs.forEach((csrc, i) => header.writeUInt32BE(csrc, 12 + i * 4));
		header.writeUInt16BE(profile, 12 + csrcs.length * 4);
		header.writeUInt16BE(extensions.length / 4, 14 + csrcs.length * 4);
		header.set(extensions, 16 + csrcs.length * 4);

		return packetBytes({ bytes: Buffer.concat([header, Buffer.from([9, 9])]), headerLength: header.length });
	};

	// One byte of id 1; padding; two of id 3.
	await ofPacket(extended(0xbede, [0x10, 0xaa, 0x00, 0x31, 0xbb, 0xcc, 0x00, 0x00], [7, 0xffffffff]), (packet) => {
		t.same(packet.csrcs, [7, 0xffffffff]);
		t.equal(packet.csrc(1), 0xffffffff);
		t.throws(() => packet.csrc(2), { name: 'RangeError', message: /has 2 of them/ });
		t.same([...packet.extension(1)!], [0xaa]);
		t.same([...packet.extension(3)!], [0xbb, 0xcc]);
		t.equal(packet.u16(packet.extensionOffset(3)), 0xbbcc);
		t.equal(packet.extensionLength(3), 2);
		t.same([packet.extension(2), packet.extensionOffset(0), packet.extensionLength(15)], [undefined, -1, -1]);
	});
	// 15 ends the block; an extension that reaches past the block is none.
	await ofPacket(extended(0xbede, [0xf0, 0x00, 0x10, 0xaa]), (packet) => t.equal(packet.extensionOffset(1), -1));
	await ofPacket(extended(0xbede, [0x00, 0x00, 0x13, 0xaa]), (packet) => t.equal(packet.extensionOffset(1), -1));
	await ofPacket(extended(0x1000, [0x01, 0x00, 0x00, 0x10, 0x03, 0xaa, 0xbb, 0xcc]), (packet) => {
		t.same([...packet.extension(1)!], [], 'it may be empty');
		t.same([...packet.extension(16)!], [0xaa, 0xbb, 0xcc]);
		t.equal(packet.extension(2), undefined);
	});
	await ofPacket(extended(0x1005, [0x01, 0x05, 0xaa, 0xbb]), (packet) => t.equal(packet.extension(1), undefined, 'it says that it is longer than it can be'));
	await ofPacket(extended(0x1234, [0x10, 0xaa, 0x00, 0x00]), (packet) => t.equal(packet.extension(1), undefined, 'of neither form'));
	// The length of the block reaches past the header.
	await ofPacket(packetBytes({ bytes: Uint8Array.from([0x90, ...Array(11).fill(0), 0xbe, 0xde, 0xff, 0xff, 0x10]), headerLength: 16 }), (packet) =>
		t.equal(packet.extension(1), undefined),
	);
});

t.test('in development a view is of no use after its callback, and neither are its bytes', async (t) => {
	const kept: { packet?: PacketView; bytes?: PacketView['bytes']; payload?: PacketView['payload']; edited?: Uint8Array } = {};

	await ofPacket(packetBytes(), (packet) => {
		kept.packet = packet;
		kept.bytes = packet.bytes;
		kept.payload = packet.payload;
		kept.edited = packet.edit();
		t.same([kept.bytes.length, kept.payload.length, kept.edited.length], [16, 4, 4]);
	});

	const { packet } = kept;

	t.same([kept.bytes!.length, kept.payload!.length, kept.edited!.length], [0, 0, 0], 'detached');

	for (const name of accessorsOf(PacketView)) {
		t.throws(() => packet![name as 'ssrc'], { code: 'MPH_ERR_VIEW_EXPIRED' }, name);
	}
	for (const use of [
		...[() => packet!.u16(0), () => packet!.u32(0), () => packet!.payloadU8(0), () => packet!.payloadU16(0), () => packet!.payloadU32(0)],
		...[() => packet!.csrc(0), () => packet!.extensionOffset(1), () => packet!.extensionLength(1)],
		...[() => packet!.ssrc, () => packet!.u8(0), () => packet!.payload, () => packet!.edit(), () => packet!.copy(), () => packet!.extend(5)],
		...[() => packet!.later(), () => packet!.bypass(), () => packet!.replace(new Uint8Array(1)), () => packet!.extension(1)],
	]) {
		t.throws(use, { code: 'MPH_ERR_VIEW_EXPIRED' }, `${use}`);
	}
});

t.test('in development a message is of no use after its callback either', async (t) => {
	let kept: MessageView | undefined;
	let bytes: MessageView['bytes'] | undefined;

	await ofMessage(messageBytes({ subchannels: [3] }), (message) => {
		kept = message;
		bytes = message.bytes;
	});
	t.equal(bytes!.length, 0, 'detached');

	for (const name of accessorsOf(MessageView)) {
		t.throws(() => kept![name as 'ppid'], { code: 'MPH_ERR_VIEW_EXPIRED' }, name);
	}
	for (const use of [
		...[() => kept!.u8(0), () => kept!.u16(0), () => kept!.u32(0), () => kept!.edit(), () => kept!.replace('x'), () => kept!.copy()],
		...[() => kept!.bypass(), () => kept!.extend(5), () => kept!.later()],
	]) {
		t.throws(use, { code: 'MPH_ERR_VIEW_EXPIRED' }, `${use}`);
	}
});

t.test('bytes of a view are for reading, as the compiler has it; those of edit() and copy() are one\'s own', async (t) => {
	await ofPacket(packetBytes(), (packet) => {
		const writeTo = (): void => {
			// @ts-expect-error They stand in read-only memory.
			packet.bytes[0] = 1;
			// @ts-expect-error Likewise.
			packet.payload[0] = 1;
			// @ts-expect-error Likewise.
			packet.extension(1)![0] = 1;
			// @ts-expect-error Nothing of it writes.
			packet.payload.fill(0);
			// @ts-expect-error What takes an array to write to does not take it.
			packet.bytes satisfies Uint8Array;
			// @ts-expect-error Fields are what they are.
			packet.ssrc = 5;
		};

		t.type(writeTo, 'function');
		packet.edit()[0] = 9;
		packet.copy().payload[0] = 9;
		packet.payload.slice()[0] = 9;
		t.equal(packet.payloadU8(0), 1, 'as it came');
	});
	await ofMessage(messageBytes(), (message) => {
		const writeTo = (): void => {
			// @ts-expect-error They stand in read-only memory.
			message.bytes[0] = 1;
		};

		t.type(writeTo, 'function');
		message.edit()[0] = 9;
		message.copy().bytes[0] = 9;
		t.equal(message.text, 'hello');
	});
});

t.test('in production one view serves all packets, and bytes stand in the ring', async (t) => {
	const views = new Set<PacketView>();
	const seen: number[] = [];
	let bytes: PacketView['bytes'] | undefined;
	const stage = await ScriptStage.open(
		definePlugin({
			setup: () => ({
				onPacket(packet) {
					views.add(packet);
					seen.push(packet.sequenceNumber);
					bytes ??= packet.bytes;
				},
			}),
		}),
		{ isStrict: false },
	);

	stage.run([1, 2, 3].map((sequenceNumber) => packetBytes({ sequenceNumber })));
	t.same(seen, [1, 2, 3]);
	t.equal(views.size, 1);
	t.equal((bytes as Uint8Array).buffer, stage.memories.of(9, 0).bytes.buffer, 'nothing is copied');
	t.throws(() => [...views][0]!.ssrc, { code: 'MPH_ERR_VIEW_EXPIRED' }, 'no packet is in hand now');
});

t.test('a copy outlives the packet, its producer and its neighbours', async (t) => {
	let copy: OwnedPacket | undefined;

	for (const isStrict of [true, false]) {
		const stage = await ScriptStage.open(
			definePlugin({
				setup: () => ({
					onPacket(packet) {
						copy ??= packet.copy();
					},
				}),
			}),
			{ isStrict },
		);

		copy = undefined;
		stage.tell({ type: 3, producer: 3, producerId: 'p', mimeType: 'audio/opus' });
		stage.tell({ type: 7, attachment: 5, context: '{"room":2}' });
		stage.run([packetBytes({ sequenceNumber: 5, ticket: 8n }), packetBytes({ sequenceNumber: 6 })]);
		stage.tell({ type: 4, producer: 3 });
		stage.tell({ type: 8, attachment: 5 });

		const { sequenceNumber, producerId, mimeType, context, cause, routerId } = copy!;

		t.same({ sequenceNumber, producerId, mimeType, context, cause, routerId }, {
			...{ sequenceNumber: 5, producerId: 'p', mimeType: 'audio/opus', context: { room: 2 }, cause: 100n, routerId: '' },
		});
		t.same([...copy!.payload], [1, 2, 3, 4]);
		copy!.payload[0] = 9;
		t.equal(copy!.payloadU8(0), 9, 'its bytes are its own');
		t.equal(copy!.copy().payloadU8(0), 9);

		const [one, other] = [copy!.edit(), copy!.edit()];

		one[0] = 1;
		t.equal(other[0], 9, 'copies may be many at a time, so they share nothing');
	}
});

t.test('records that stand elsewhere are read there', async (t) => {
	const seen: number[] = [];
	const onPacket = (packet: PacketView): void => void seen.push(packet.sequenceNumber);
	const stage = await ScriptStage.open(definePlugin({ setup: () => ({ onPacket }) }));
	const elsewhere = packetBytes({ sequenceNumber: 42 });

	stage.lay([packetBytes({ sequenceNumber: 1 }), packetBytes({ sequenceNumber: 2 })]);
	stage.memories.use(undefined, Uint8Array.from(elsewhere).buffer);
	stage.arrays.memories[1] = 1;
	stage.arrays.offsets[1] = 0;
	stage.instance.packets(9, 2);
	t.same(seen, [1, 42]);
});

t.test('a data message is read whole', async (t) => {
	await ofMessage(messageBytes({ message: 'grüezi', subchannels: [3, 500], requiredSubchannel: 3 }), (message) => {
		t.same(
			[message.ppid, message.isString, message.text, message.length, message.copiedLength, message.dataProducer, message.dataProducerId, message.attachment],
			[51, true, 'grüezi', 7, 7, 4, 'chat', 5],
		);
		t.same([message.subchannels, message.requiredSubchannel, message.ignoredSubchannel], [[3, 500], 3, undefined]);
		t.same([message.u8(0), message.u16(0), message.u32(0), message.bytes.length], [0x67, 0x6772, 0x6772c3bc, 7]);
		t.throws(() => message.u8(7), { name: 'RangeError', message: /at 7: 7 of 7 are here/ });
		t.equal(message.copy().text, 'grüezi');
		t.same(message.copy().subchannels, [3, 500]);
	});
	await ofMessage(messageBytes({ ppid: 57, message: '\0' }), (message) => {
		t.same([message.isString, message.length, message.text, message.bytes.length], [false, 0, '', 0], 'one byte stands for an empty message');
	});
	await ofMessage(messageBytes({ ppid: 56, message: '\0' }), (message) => t.same([message.isString, message.copy().text], [true, '']));
	await ofMessage(messageBytes({ ppid: 53, message: Uint8Array.from([1, 2]) }), (message) => t.same([message.isString, [...message.bytes]], [false, [1, 2]]));
});
