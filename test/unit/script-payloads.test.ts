// Payload descriptors, read from what ffmpeg's encoders and packetizers make, and from bytes laid out by hand where those never make them.

import t from 'tap';

import {
	av1LayersOf,
	payloadSource,
	readAv1,
	readAv1Dependency,
	readH264,
	readOpus,
	readVp8,
	readVp9,
} from '../../src/plugin/index.ts';
import type { PacketView } from '../../src/plugin/index.ts';
import { definePlugin } from '../../src/plugin/define-plugin.ts';
import { av1Units, ffmpegRtp, testPicture, testSound } from '../helpers/encoded.ts';
import { ScriptStage, packetBytes } from '../helpers/script-stage.ts';

const bytes = (...values: number[]) => payloadSource(Uint8Array.from(values));

/** What `read` makes of each packet, on a view, as a plugin does. */
async function read<T>(packets: readonly Uint8Array[], reader: (packet: PacketView) => T | undefined): Promise<T[]> {
	const seen: (T | undefined)[] = [];
	const onPacket = (packet: PacketView): void => void seen.push(reader(packet));
	const stage = await ScriptStage.open(definePlugin({ setup: () => ({ onPacket }) }), { isStrict: false });

	for (let i = 0; i < packets.length; i += 64) {
		stage.run(packets.slice(i, i + 64).map((packet) => packetBytes({ bytes: packet })));
	}
	t.same(stage.fake.of('log'), []);
	t.notOk(seen.includes(undefined), 'each of them can be read');

	return seen as T[];
}

const marker = (packet: Uint8Array): boolean => packet[1]! >= 0x80;
const timestamp = (packet: Uint8Array): number => Buffer.from(packet).readUInt32BE(4);
/** Whether the packet before ends a frame: then this one begins one. */
const isAfterMarker = (packets: readonly Uint8Array[], i: number): boolean => i === 0 || marker(packets[i - 1]!);

t.test('Opus of an encoder', async (t) => {
	const speech = await read(await ffmpegRtp(testSound(1), ['-c:a', 'libopus', '-b:a', '12k', '-application', 'voip', '-frame_duration', '60', '-ac', '1']), readOpus);
	const music = await read(await ffmpegRtp(testSound(1), ['-c:a', 'libopus', '-b:a', '128k', '-frame_duration', '20', '-application', 'lowdelay']), readOpus);

	t.ok(speech.length > 10 && music.length > 40);
	t.ok(speech.every(({ durationMs, stereo }) => durationMs === 60 && !stereo));
	t.ok(speech.some(({ mode }) => mode === 'silk'), JSON.stringify(speech[5]));
	t.ok(music.every(({ mode, bandwidth, durationMs, stereo }) => mode === 'celt' && bandwidth === 'full' && durationMs === 20 && stereo), JSON.stringify(music[5]));
});

t.test('Opus by its table', async (t) => {
	t.same(readOpus(bytes(0x00)), { mode: 'silk', bandwidth: 'narrow', frameMs: 10, stereo: false, frames: 1, durationMs: 10 });
	t.same(readOpus(bytes((15 << 3) | 4 | 1)), { mode: 'hybrid', bandwidth: 'full', frameMs: 20, stereo: true, frames: 2, durationMs: 40 });
	t.same(readOpus(bytes((16 << 3) | 3, 0x83)), { mode: 'celt', bandwidth: 'narrow', frameMs: 2.5, stereo: false, frames: 3, durationMs: 7.5 });
	t.same(readOpus(bytes((28 << 3) | 3, 48))?.durationMs, 120);
	t.equal(readOpus(bytes((31 << 3) | 3, 7)), undefined, 'longer than a packet may be');
	t.equal(readOpus(bytes(3, 0)), undefined, 'no frames');
	t.equal(readOpus(bytes(3)), undefined, 'cut short');
	t.equal(readOpus(bytes()), undefined);
});

t.test('VP8 of an encoder', async (t) => {
	const packets = await ffmpegRtp(testPicture(30), ['-c:v', 'libvpx', '-b:v', '2M', '-g', '10', '-deadline', 'realtime']);
	const seen = await read(packets, readVp8);

	t.ok(packets.length > 40, `${packets.length} packets`);
	t.equal(packets.filter(marker).length, 30);
	seen.forEach((payload, i) => t.equal(payload.startOfFrame, isAfterMarker(packets, i), `packet ${i}`));
	t.same(
		seen.filter(({ isKeyFrame }) => isKeyFrame).map(({ width, height }) => [width, height]),
		[[320, 240], [320, 240], [320, 240]],
	);

	const ids = seen.filter(({ startOfFrame }) => startOfFrame).map(({ pictureId }) => pictureId!);

	t.same(ids.map((id) => id - ids[0]!), Array.from({ length: 30 }, (_, i) => i), 'one picture after the other');
});

t.test('VP8 with all that a descriptor can have', async (t) => {
	// X, N, S; I, L, T and K; fifteen bits of picture id; layer 2 with Y; an inter frame.
	t.match(readVp8(bytes(0xb0, 0xf0, 0x92, 0x34, 0x56, 0xa5, 0x01)), {
		...{ startOfFrame: true, isKeyFrame: false, nonReference: true, pictureId: 0x1234, tl0PicIdx: 0x56, temporalLayer: 2, layerSync: true },
		...{ keyIndex: 5, headerLength: 6, width: undefined },
	});
	t.match(readVp8(bytes(0x80, 0x80, 0x7f, 0x00)), { startOfFrame: false, isKeyFrame: false, pictureId: 127, tl0PicIdx: undefined, temporalLayer: undefined });
	t.match(readVp8(bytes(0x11, 0x00)), { startOfFrame: false, partition: 1, isKeyFrame: false }, 'a later partition');
	t.match(readVp8(bytes(0x10, 0x00)), { isKeyFrame: true, width: undefined }, 'cut behind the first byte of the frame');
	t.equal(readVp8(bytes(0x80, 0xf0, 0x92)), undefined);
	t.equal(readVp8(bytes(0x10)), undefined);
});

t.test('VP9 of an encoder', async (t) => {
	const packets = await ffmpegRtp(testPicture(20), ['-c:v', 'libvpx-vp9', '-b:v', '2M', '-g', '10', '-deadline', 'realtime', '-cpu-used', '8', '-lag-in-frames', '0']);
	const seen = await read(packets, readVp9);

	t.ok(packets.length > 20, `${packets.length} packets`);
	seen.forEach(({ startOfFrame, endOfFrame }, i) => {
		t.equal(startOfFrame, isAfterMarker(packets, i), `packet ${i}`);
		t.equal(endOfFrame, marker(packets[i]!));
	});
	t.ok(seen.every(({ headerLength, flexible }) => headerLength > 0 && typeof flexible === 'boolean'));
});

t.test('VP9 with all that a descriptor can have', async (t) => {
	// I, L, B, V of a key frame: two spatial layers with their sizes, two pictures.
	t.same(readVp9(bytes(0xaa, 0x81, 0x02, 0x30, 0x07, 0x38, 0x01, 0x40, 0x00, 0xf0, 0x02, 0x80, 0x01, 0xe0, 0x02, 0x00, 0x34, 0x01, 0xff)), {
		...{ startOfFrame: true, endOfFrame: false, isKeyFrame: true, interPicture: false, interLayer: false, notForInterLayer: false, flexible: false },
		...{ pictureId: 0x102, tl0PicIdx: 7, spatialLayer: 0, temporalLayer: 1, switchingUp: true, references: [], headerLength: 18 },
		structure: {
			...{ spatialLayers: 2, sizes: [{ width: 320, height: 240 }, { width: 640, height: 480 }] },
			pictures: [{ temporalLayer: 0, switchingUp: false, references: [] }, { temporalLayer: 1, switchingUp: true, references: [1] }],
		},
	});
	// I, P, L, F, B, E, Z: spatial layer 1 upon the one below it, two references back.
	t.match(readVp9(bytes(0xfd, 0x05, 0x43, 0x03, 0x04)), {
		...{ startOfFrame: true, endOfFrame: true, isKeyFrame: false, interLayer: true, notForInterLayer: true, flexible: true, pictureId: 5 },
		...{ tl0PicIdx: undefined, spatialLayer: 1, temporalLayer: 2, references: [1, 2], structure: undefined, headerLength: 5 },
	});
	t.match(readVp9(bytes(0x28, 0x02, 0x07)), { spatialLayer: 1, isKeyFrame: false }, 'a key picture begins with its lowest layer');
	t.equal(readVp9(bytes(0x02, 0x18)), undefined, 'cut short in its structure');
});

t.test('H264 of an encoder', async (t) => {
	const packets = await ffmpegRtp(testPicture(30), ['-c:v', 'libx264', '-b:v', '2M', '-g', '10', '-bf', '0', '-preset', 'ultrafast', '-tune', 'zerolatency', '-slices', '1']);
	const seen = await read(packets, readH264);
	const packagings = new Set(seen.map(({ packaging }) => packaging));

	t.ok(packagings.has('fu-a') && (packagings.has('stap-a') || packagings.has('single')), [...packagings].join());
	t.equal(new Set(packets.filter((_, i) => seen[i]!.isIdr).map(timestamp)).size, 3, 'three pictures, of as many slices as there may be');
	t.ok(seen.filter(({ isKeyFrame }) => isKeyFrame).length >= 3);
	seen.forEach(({ packaging, startOfNal, endOfNal }, i) => {
		const before = seen[i - 1];

		if (packaging === 'fu-a') {
			t.equal(startOfNal, before === undefined || before.endOfNal, `packet ${i}`);
		} else {
			t.ok(startOfNal && endOfNal);
		}
	});
});

t.test('H264 in every packaging', async (t) => {
	t.same(readH264(bytes(0x65, 1, 2)), { packaging: 'single', nalTypes: [5], startOfNal: true, endOfNal: true, isIdr: true, isKeyFrame: true, isReference: true });
	t.match(readH264(bytes(0x01, 1)), { nalTypes: [1], isIdr: false, isKeyFrame: false, isReference: false });
	t.match(readH264(bytes(0x78, 0, 2, 0x67, 9, 0, 1, 0x68)), { packaging: 'stap-a', nalTypes: [7, 8], isIdr: false, isKeyFrame: true });
	t.match(readH264(bytes(0x7c, 0x85, 1)), { packaging: 'fu-a', nalTypes: [5], startOfNal: true, endOfNal: false, isIdr: true, isReference: true });
	t.match(readH264(bytes(0x7c, 0x45, 1)), { startOfNal: false, endOfNal: true, isIdr: false, isKeyFrame: false });
	t.match(readH264(bytes(0x79, 0, 0)), { packaging: 'other', nalTypes: [] });
	t.equal(readH264(bytes(0x78, 0, 9, 0x67)), undefined, 'an aggregate that is cut short');
	t.equal(readH264(bytes(0x7c)), undefined);
	t.equal(readH264(bytes(0x60)), undefined, 'type 0');
});

t.test('AV1 with OBUs of an encoder', async (t) => {
	const units = await av1Units(12, ['-c:v', 'libaom-av1', '-cpu-used', '8', '-usage', 'realtime', '-g', '6', '-b:v', '200k', '-lag-in-frames', '0']);
	// As the format has it: each OBU with its length, N where a sequence begins.
	const packets = units.map((obus) =>
		Buffer.concat([Buffer.alloc(12), Uint8Array.of(obus.some((obu) => typeOf(obu) === 1) ? 0x08 : 0), ...obus.flatMap((obu) => [leb128(obu.length), obu])]),
	);
	const seen = await read(packets, readAv1);

	t.equal(units.length, 12);
	t.same(seen.map(({ obuTypes }) => obuTypes), units.map((obus) => obus.map(typeOf)));
	t.equal(seen.filter(({ isKeyFrame }) => isKeyFrame).length, 2);
	t.ok(seen.every(({ obuTypes }) => obuTypes.includes(6) || obuTypes.includes(3)), 'frames are in them');
});

const typeOf = (obu: Uint8Array): number => (obu[0]! >> 3) & 0x0f;

function leb128(value: number): Uint8Array {
	return value < 128 ? Uint8Array.of(value) : Uint8Array.of((value & 0x7f) | 0x80, ...leb128(value >> 7));
}

t.test('AV1 in fragments, with layers', async (t) => {
	// Z and Y, two elements: one that goes on, and a frame of spatial layer 1, temporal layer 2 that is continued.
	t.same(readAv1(bytes(0xe0, 2, 9, 9, 0x34, 0x48, 7)), { continues: true, isContinued: true, isKeyFrame: false, obuTypes: [6], spatialLayer: 1, temporalLayer: 2 });
	t.match(readAv1(bytes(0x10, 0x0a, 1)), { continues: false, isContinued: false, obuTypes: [1], spatialLayer: undefined });
	t.equal(readAv1(bytes(0x20, 9, 0x30)), undefined, 'an element that is longer than what is there');
	t.equal(readAv1(bytes(0x00, 0x80, 0x80)), undefined, 'a length that does not end');
	t.equal(readAv1(bytes()), undefined);
});

t.test('the dependency descriptor of AV1', async (t) => {
	t.same(readAv1Dependency(Uint8Array.of(0x83, 0x12, 0x34)), { startOfFrame: true, endOfFrame: false, templateId: 3, frameNumber: 0x1234, structure: undefined });

	// The structure flag and four more; offset 62; two decode targets; three templates: 0/0, temporal up, spatial up, end.
	const bits = ['1', '0000', '111110', '00001', '01', '10', '11'].join('').padEnd(24, '0');
	const extended = Uint8Array.of(0xfe, 0, 1, ...bits.match(/.{8}/g)!.map((byte) => parseInt(byte, 2)));
	const { structure, templateId } = readAv1Dependency(extended)!;

	t.same(structure, {
		...{ templateIdOffset: 62, decodeTargets: 2 },
		templates: [{ spatialLayer: 0, temporalLayer: 0 }, { spatialLayer: 0, temporalLayer: 1 }, { spatialLayer: 1, temporalLayer: 0 }],
	});
	t.same([62, 63, 0, 1].map((id) => av1LayersOf({ templateId: id }, structure!)), [...structure!.templates, undefined], 'ids go round');
	t.equal(templateId, 62);
	t.equal(readAv1Dependency(extended.subarray(0, 5)), undefined, 'cut short');
	t.equal(readAv1Dependency(Uint8Array.of(1, 2)), undefined);
	t.equal(readAv1Dependency(undefined), undefined);
});

t.test('of a payload that is not here nothing is read', async (t) => {
	const stage = await ScriptStage.open(
		definePlugin({
			setup: () => ({
				onPacket(packet) {
					t.same([readOpus(packet), readVp8(packet), readVp9(packet), readH264(packet), readAv1(packet)], Array(5).fill(undefined));
				},
			}),
		}),
	);

	t.same(stage.run([packetBytes({ copiedLength: 12 }), packetBytes({ copiedLength: 0 })]), [1, 1]);
});
