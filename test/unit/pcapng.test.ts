// Crash captures: what is written can be read, by Wireshark too, and whatever is wrong with a file is named with its place.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { Builder } from 'flatbuffers';
import t from 'tap';

import { CrashCaptureError, recordsOf } from '../../src/crash-records.ts';
import { DataRecord, PacketRecord, RecordType } from '../../src/generated/layout.js';
import { decodeCrashCapture, encodeCrashCapture, readCrashCapture, writeCrashCapture } from '../../src/pcapng.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const identity = {
	pluginName: 'throttle',
	pluginVersion: '1.2.3',
	pluginFile: '/plugins/throttle.so',
	config: { packetsPerSecond: 200 },
	routerId: 'b6f9e2a1',
	hostPid: 4711,
	signal: 'SIGSEGV',
};
const capture = { ...identity, records: Buffer.concat([record(1), record(2, { producer: 70_000 }), record(3)]) };
/** 2023-11-14T22:13:20Z when the machine was started. */
const startedAtNs = 1_700_000_000_000_000_000n;

type RecordFields = { readonly type?: RecordType; readonly producer?: number; readonly full?: number; readonly copied?: number; readonly length?: number };

/** A packet of 20 + n bytes as it stands in the ring. */
function record(n: number, { type = RecordType.Packet, producer = 1, full, copied, length }: RecordFields = {}): Buffer {
	const bytes = rtp(n);
	const builder = new Builder();

	PacketRecord.createPacketRecord(
		...([builder, length ?? PacketRecord.sizeOf() + bytes.length, type, 0, PacketRecord.sizeOf()] as const),
		...([BigInt(n), BigInt(n) * 1_000_000n, 0n, producer, 9, 77, n * 960, full ?? bytes.length, copied ?? bytes.length, n, 12] as const),
		...([0, 111, 1, 1, 0, 0, 255, 255, 255, 0, 0, 0, 0] as const),
	);

	const header = builder.dataBuffer().bytes().subarray(builder.dataBuffer().capacity() - builder.offset());

	return Buffer.concat([header, bytes, Buffer.alloc((8 - (bytes.length % 8)) % 8)]);
}

type MessageFields = { readonly subchannels?: readonly number[]; readonly count?: number; readonly full?: number };

/** A data message as it stands in the ring. */
function message(bytes: Buffer, { subchannels = [], count = subchannels.length, full = bytes.length }: MessageFields = {}): Buffer {
	const builder = new Builder();
	const numbers = Buffer.alloc(Math.ceil((subchannels.length * 2) / 8) * 8);
	const headerLength = DataRecord.sizeOf() + numbers.length;

	subchannels.forEach((subchannel, index) => numbers.writeUInt16LE(subchannel, 2 * index));
	DataRecord.createDataRecord(
		...([builder, headerLength + bytes.length, RecordType.Data, 0, headerLength] as const),
		...([5n, 1_000_000n, 0n, 3, 9, 51, full, bytes.length, count, 1, -1, -1, 0, 0] as const),
	);

	const header = builder.dataBuffer().bytes().subarray(builder.dataBuffer().capacity() - builder.offset());

	return Buffer.concat([header, numbers, bytes, Buffer.alloc((8 - (bytes.length % 8)) % 8)]);
}

function rtp(n: number): Buffer {
	const bytes = Buffer.alloc(20 + n, n);

	bytes[0] = 0x80;
	bytes[1] = 111;
	bytes.writeUInt16BE(n, 2);
	bytes.writeUInt32BE(n * 960, 4);
	bytes.writeUInt32BE(77, 8);

	return bytes;
}

/** A file with bytes of its own at a place. */
function damaged(at: number, bytes: readonly number[]): Buffer {
	const file = Buffer.from(encodeCrashCapture(capture, 0n));

	file.set(bytes, at);

	return file;
}

/** Where the nth block begins, counted from 0. */
function blockAt(file: Buffer, n: number): number {
	let offset = 0;

	for (let i = 0; i < n; i++) {
		offset += file.readUInt32LE(offset + 4);
	}

	return offset;
}

t.test('what was written is read again, byte by byte', async (t) => {
	const file = join(tempDir(), 'crash.pcapng');

	await writeCrashCapture(file, capture);

	const { packets, ...read } = await readCrashCapture(file);

	t.same(read, identity);
	t.same(recordsOf(packets), capture.records);
	t.match(packets, [
		{ type: 'packet', producer: 1, attachment: 9, ssrc: 77, sequenceNumber: 1 },
		{ type: 'packet', producer: 70_000, attachment: 9, ssrc: 77, sequenceNumber: 2 },
		{ type: 'packet', producer: 1, attachment: 9, ssrc: 77, sequenceNumber: 3 },
	]);
	t.equal(statSync(file).mode & 0o777, 0o600, 'only its owner may read it');
});

t.test('the bytes are those of a pcapng file', async (t) => {
	const file = encodeCrashCapture({ ...capture, records: record(1) }, startedAtNs);
	const packet = file.subarray(blockAt(file, 3));

	t.equal(file.subarray(0, 24).toString('hex'), `0a0d0d0a${hex32(blockAt(file, 1))}4d3c2b1a01000000ffffffffffffffff`);
	t.equal(file.subarray(blockAt(file, 1)).subarray(0, 16).toString('hex'), `01000000${hex32(blockAt(file, 2) - blockAt(file, 1))}6500000000000000`);
	t.equal(
		packet.subarray(0, 28 + 28 + 21).toString('hex'),
		[
			...['06000000', hex32(packet.length), '00000000', 'fe9c9717', '40423936', hex32(49), hex32(49)],
			...['4500', '0031', '0000', '0000', '40', '11', 'f6b8', 'c0000201', 'c0000202', '2711', '138c', '001d', '0000'],
			...['806f', '0001', '000003c0', '0000004d', '010101010101010101'],
		].join(''),
	);
	t.equal(sha(file), '5ed00fd06df3d3e1db39aba4767009005a65bb573ab07bb0aa04138e51a3050e', 'and nothing else has changed');
});

t.test('Wireshark decodes it as RTP', { skip: existsSync('/usr/bin/tshark') ? false : 'tshark is not installed' }, async (t) => {
	const file = join(tempDir(), 'crash.pcapng');

	await writeCrashCapture(file, capture);

	const fields = ['udp.srcport', 'rtp.ssrc', 'rtp.seq', 'ip.checksum.status'].flatMap((field) => ['-e', field]);
	const text = execFileSync('/usr/bin/tshark', ['-r', file, '-o', 'ip.check_checksum:TRUE', '-Y', 'rtp', '-T', 'fields', ...fields], {
		encoding: 'utf8',
		stdio: ['ignore', 'pipe', 'ignore'],
	});

	t.same(text.trimEnd().split('\n'), [1, 70_000, 1].map((producer, index) => `${10_000 + (producer % 55_536)}\t0x0000004d\t${index + 1}\t1`));
});

t.test('a config that is longer than an option comes back whole', async (t) => {
	const config = { text: 'ä'.repeat(100_000) };

	t.same(decodeCrashCapture(encodeCrashCapture({ ...capture, config }, 0n)).config, config);
});

t.test('records that are no packets are left out', async (t) => {
	const others = [RecordType.Padding, RecordType.Event, RecordType.Skipped].map((type) => record(5, { type }));

	t.equal(decodeCrashCapture(encodeCrashCapture({ ...capture, records: Buffer.concat([...others, record(6), ...others]) }, 0n)).packets.length, 1);
	t.throws(() => encodeCrashCapture({ ...capture, records: Buffer.concat(others) }, 0n), { message: /no packet among the records/ });
});

t.test('data messages are kept among the packets, with their subchannels', async (t) => {
	const records = Buffer.concat([message(Buffer.from('hello'), { subchannels: [1, 2, 40_000] }), record(1), message(Buffer.alloc(0), { full: 12 })]);
	const { packets } = decodeCrashCapture(encodeCrashCapture({ ...capture, records }, 0n));

	t.same(recordsOf(packets), records);
	t.match(packets, [{ type: 'message', producer: 3, attachment: 9, ppid: 51, fullLength: 5 }, { type: 'packet', producer: 1 }, { type: 'message', fullLength: 12 }]);
});

t.test('without RTP nothing is announced', async (t) => {
	const file = encodeCrashCapture({ ...capture, records: message(Buffer.from('hello')) }, 0n);
	const packet = file.subarray(blockAt(file, 2));

	t.equal(packet.readUInt16BE(28 + 22), 49_152, 'the only packet, to a port that is not for RTP');
	t.equal(blockAt(file, 3), file.length);
});

t.test('a message may be longer than a packet of IPv4', async (t) => {
	const records = message(Buffer.alloc(100_000, 7));
	const file = encodeCrashCapture({ ...capture, records }, 0n);
	const packet = file.subarray(blockAt(file, 2));

	t.same([packet.readUInt32LE(20), packet.readUInt16BE(28 + 2), packet.readUInt16BE(28 + 24)], [28 + 100_000, 0, 0]);
	t.same(recordsOf(decodeCrashCapture(file).packets), records);
});

t.test('a packet that was copied in part keeps its length on the wire', async (t) => {
	const file = encodeCrashCapture({ ...capture, records: record(1, { full: 1200 }) }, 0n);
	const packet = file.subarray(blockAt(file, 3));

	t.same([packet.readUInt32LE(20), packet.readUInt32LE(24)], [28 + 21, 28 + 1200]);
	t.equal(decodeCrashCapture(file).packets[0]!.bytes.length, 21);
});

t.test('records that make no sense are refused, with their place', async (t) => {
	const header = PacketRecord.sizeOf();
	const { length } = record(1);

	for (const [records, offset, problem] of [
		[Buffer.alloc(7), 0, /7 bytes are no record's header/],
		[Buffer.concat([record(4), record(1, { length: 4 })]), length, /a record is 4 bytes long/],
		[record(1, { length: 4_000_000_000 }), 0, new RegExp(`4000000000 bytes long, with ${length} left`)],
		[record(1, { length: 16 }), 0, new RegExp(`its header alone has ${header}`)],
		[record(1, { copied: 30 }), 0, /30 of them the packet's/],
		[record(1, { full: 3 }), 0, /a packet of 3 bytes cannot have 21/],
		[record(1, { full: 70_000 }), 0, /a packet of 70000 bytes/],
		[message(Buffer.alloc(8), { full: 7 }), 0, /a packet of 7 bytes cannot have 8/],
		[message(Buffer.alloc(8), { count: 1 }), 0, /no room for 1 subchannels/],
	] as const) {
		t.throws(() => encodeCrashCapture({ ...capture, records }, 0n), { name: 'CrashCaptureError', offset, message: problem });
	}
});

t.test('a file that is cut off anywhere is refused, and never read wrongly', async (t) => {
	const file = encodeCrashCapture(capture, 0n);
	const boundaries = [4, 5].map((n) => blockAt(file, n));

	for (let length = 0; length < file.length; length++) {
		if (boundaries.includes(length)) {
			t.equal(decodeCrashCapture(file.subarray(0, length)).packets.length, boundaries.indexOf(length) + 1);
		} else {
			t.throws(() => decodeCrashCapture(file.subarray(0, length)), CrashCaptureError, `${length} bytes`);
		}
	}
});

t.test('a file with any byte changed is read or refused, but breaks nothing', async (t) => {
	const file = encodeCrashCapture(capture, 0n);
	let refused = 0;

	for (let at = 0; at < file.length; at++) {
		for (const value of [0x00, 0x7f, 0xff]) {
			try {
				decodeCrashCapture(damaged(at, [value]));
			} catch (error) {
				t.ok(error instanceof CrashCaptureError, `byte ${at}: ${String(error)}`);
				++refused;
			}
		}
	}
	t.not(refused, 0);
});

t.test('what is wrong with a file is named, with its place', async (t) => {
	const file = encodeCrashCapture(capture, 0n);
	const [second, third, fourth] = [1, 3, 4].map((n) => blockAt(file, n)) as [number, number, number];

	for (const [bytes, offset, problem] of [
		[Buffer.alloc(0), 0, /ends without a packet/],
		[Buffer.from('this is no capture at all'), 0, /not a pcapng file/],
		[damaged(8, [0x1a, 0x2b, 0x3c, 0x4d]), 8, /big endian/],
		[damaged(8, [0, 0, 0, 0]), 8, /its byte order is neither/],
		[damaged(12, [9]), 12, /version 9 of pcapng/],
		[damaged(second + 4, [13, 0, 0, 0]), second + 4, /cannot be 13 bytes/],
		[damaged(second + 4, [0, 0, 0, 0]), second + 4, /cannot be 0 bytes/],
		[damaged(third + 4, [0, 0, 0, 0x40]), third + 4, /the file is cut off: a block of 1073741824 bytes/],
		[damaged(fourth - 4, [1]), fourth - 4, /begins with a length of/],
		[damaged(second + 8, [1]), second + 8, /link type 1 /],
		[damaged(third + 8, [3]), third + 8, /interface 3, 1 were announced/],
		[damaged(third + 20, [0xff, 0xff]), third + 20, /does not fit into its block/],
		[damaged(third + 28, [0x60]), third + 28, /not UDP over IPv4/],
		[Buffer.concat([file, file]), file.length, /a second section/],
		[Buffer.concat([file.subarray(0, second), file.subarray(third)]), second + 8, /interface 0, 0 were announced/],
	] as const) {
		t.throws(() => decodeCrashCapture(bytes), { name: 'CrashCaptureError', offset, message: problem });
	}
});

t.test('a capture of something else is told from one of ours', async (t) => {
	const file = encodeCrashCapture(capture, 0n);
	// The codes of our options become those of options that nobody knows.
	const foreign = (code: number): Buffer => {
		const bytes = Buffer.from(file);

		for (let at = bytes.indexOf(Buffer.from([code, 0x80])); at >= 0; at = bytes.indexOf(Buffer.from([code, 0x80]), at + 1)) {
			bytes[at] = 0x7f;
		}

		return bytes;
	};

	t.throws(() => decodeCrashCapture(foreign(1)), { message: /does not say which plugin it is of/ });
	t.throws(() => decodeCrashCapture(foreign(2)), { message: /has no record of the ring with it/ });
});

t.test('an error of reading names the file', async (t) => {
	const file = join(tempDir(), 'broken.pcapng');

	writeFileSync(file, 'no capture');
	await t.rejects(readCrashCapture(file), { message: `${file}: at byte 0: the file is cut off: 10 bytes are no block` });
});

function hex32(value: number): string {
	const bytes = Buffer.alloc(4);

	bytes.writeUInt32LE(value);

	return bytes.toString('hex');
}

function sha(bytes: Buffer): string {
	return createHash('sha256').update(bytes).digest('hex');
}
