// Crash captures: the packets that a plugin had before it died, as a pcapng file that Wireshark opens and `mediasoup-plugin-host replay` hands
// to the plugin again. docs/drill.md describes what stands where.
//
// A record of the packet ring, RTP or a data message, becomes a packet of UDP over IPv4, ports by producer; the record's own header goes along as an option of the
// packet. In front of them stands an announcement (SDP over SAP), without which Wireshark would not know that they are RTP. What cannot be said in pcapng's own terms stands in options whose codes are for local use (highest bit set).

import { readFile, writeFile } from 'node:fs/promises';

import { CrashCaptureError, type CrashPacket, type CrashRecord, parseRecords, recordFrom } from './crash-records.ts';
import { Codec } from './generated/layout.js';

/** What died, and of which packets. */
export type CrashCapture = {
	readonly pluginName: string;
	readonly pluginVersion: string;
	readonly pluginFile: string;
	/** As it was given to `createPlugin()`; the plugin gets it as JSON. */
	readonly config: unknown;
	readonly routerId: string;
	readonly hostPid: number;
	/** Null: it ended by itself, or hung. */
	readonly signal: string | null;
	/**
	 * Records as they stood in the packet ring, each aligned to 8 bytes; only those of type `Packet` or `Data` are kept. The last one is the poison.
	 */
	readonly records: Uint8Array;
};

const block = { section: 0x0a0d0d0a, interface: 1, enhancedPacket: 6 } as const;
const option = { end: 0, comment: 1, userApplication: 4, interfaceName: 2, timeResolution: 9, identity: 0x8001, recordHeader: 0x8002 } as const;
const byteOrderMagic = 0x1a2b3c4d;
const majorVersion = 1;
/** LINKTYPE_RAW: packets begin with their IP header. */
const linkTypeRaw = 101;
const nanoseconds = 9;
const maxOptionLength = 65_532;
/** 65 packets do not come near it, whatever they are. */
const maxFileLength = 64 * 1024 * 1024;

const ipHeaderLength = 20;
const udpHeaderLength = 8;
const networkLength = ipHeaderLength + udpHeaderLength;
/** What a length of IPv4 or UDP can say. */
const maxNetworkLength = 65_535;
const protocolUdp = 17;
/** Addresses for documentation (RFC 5737): nobody takes them for somebody's. */
const producerAddress = 0xc0_00_02_01;
const pluginAddress = 0xc0_00_02_02;
/** The ports that are registered for RTP and for announcements. */
const rtpPort = 5004;
const sapPort = 9875;
/** The first that is nobody's: a message is no RTP. */
const messagePort = 49_152;
const firstProducerPort = 10_000;

/** As SDP spells them. A codec that is none of them stays a number. */
const rtpMaps: ReadonlyMap<Codec, string> = new Map([
	[Codec.Opus, 'opus/48000/2'],
	[Codec.MultiOpus, 'multiopus/48000/2'],
	[Codec.Pcma, 'PCMA/8000'],
	[Codec.Pcmu, 'PCMU/8000'],
	[Codec.G722, 'G722/8000'],
	[Codec.Vp8, 'VP8/90000'],
	[Codec.Vp9, 'VP9/90000'],
	[Codec.H264, 'H264/90000'],
	[Codec.Av1, 'AV1/90000'],
]);

/** Replaces the file. Only its owner may read it: it has what people said. Throws CrashCaptureError when the records make no sense. */
export async function writeCrashCapture(path: string, capture: CrashCapture): Promise<void> {
	const wallClockNs = BigInt(Date.now()) * 1_000_000n;

	await writeFile(path, encodeCrashCapture(capture, wallClockNs - process.hrtime.bigint()), { mode: 0o600 });
}

export type ReadCrashCapture = Omit<CrashCapture, 'records'> & { readonly packets: readonly CrashRecord[] };

/** Throws CrashCaptureError with the place of what is wrong. */
export async function readCrashCapture(path: string): Promise<ReadCrashCapture> {
	const bytes = await readFile(path);

	try {
		return decodeCrashCapture(bytes);
	} catch (error) {
		throw error instanceof CrashCaptureError ? new CrashCaptureError(error.offset, error.problem, path, { cause: error }) : error;
	}
}

/** `monotonicToWallNs`: what turns the packets' times, of CLOCK_MONOTONIC, into nanoseconds since 1970. */
export function encodeCrashCapture({ records, ...identity }: CrashCapture, monotonicToWallNs: bigint): Buffer {
	const packets = parseRecords(records);
	const { pluginName, pluginVersion, routerId, hostPid, signal } = identity;
	const how = signal === null ? 'ended' : `was ended by ${signal}`;

	if (packets.length === 0) {
		throw new CrashCaptureError(0, 'there is no packet among the records');
	}

	return Buffer.concat([
		sectionBlock([
			...splitOption(option.identity, Buffer.from(JSON.stringify(identity))),
			[option.userApplication, Buffer.from('mediasoup-plugin-host')],
			[option.comment, Buffer.from(cut(`host ${hostPid} of plugin ${pluginName} ${pluginVersion} ${how}; the last packet is the one that it died of`))],
		]),
		interfaceBlock([
			[option.interfaceName, Buffer.from(cut(`router ${routerId}`))],
			[option.timeResolution, Buffer.from([nanoseconds])],
		]),
		...announcementBlocks(packets, monotonicToWallNs),
		...packets.map((packet, index) => packetBlock(packet, index === packets.length - 1, monotonicToWallNs)),
	]);
}

export function decodeCrashCapture(file: Uint8Array): ReadCrashCapture {
	const bytes = asBuffer(file);
	const identity: Buffer[] = [];
	const packets: CrashRecord[] = [];
	let interfaces = 0;

	if (bytes.length > maxFileLength) {
		throw new CrashCaptureError(maxFileLength, `the file is ${bytes.length} bytes long, a crash capture has at most ${maxFileLength}`);
	}

	for (const { offset, type, body } of blocksOf(bytes)) {
		switch (type) {
			case block.section:
				identity.push(...readSection(body, offset));
				break;
			case block.interface:
				++interfaces;
				readInterface(body, offset);
				break;
			case block.enhancedPacket:
				packets.push(...readPacket(body, offset, interfaces));
				break;
			default:
				// Whoever saved the file again may have put in more: statistics, names.
				break;
		}
	}
	if (packets.length === 0) {
		throw new CrashCaptureError(bytes.length, 'the file ends without a packet');
	}

	return { ...readIdentity(Buffer.concat(identity)), packets };
}

type Option = readonly [code: number, value: Uint8Array];

function sectionBlock(options: readonly Option[]): Buffer {
	const head = Buffer.alloc(16);

	head.writeUInt32LE(byteOrderMagic, 0);
	head.writeUInt16LE(majorVersion, 4);
	// The section's length is not given.
	head.fill(0xff, 8);

	return makeBlock(block.section, [head, ...options.map(makeOption)]);
}

function interfaceBlock(options: readonly Option[]): Buffer {
	const head = Buffer.alloc(8);

	head.writeUInt16LE(linkTypeRaw, 0);

	return makeBlock(block.interface, [head, ...options.map(makeOption)]);
}

/** None if there is no RTP. */
function announcementBlocks(records: readonly CrashRecord[], monotonicToWallNs: bigint): Buffer[] {
	const packets = records.filter((record): record is CrashPacket => record.type === 'packet');
	const codecs = new Map(packets.map(({ payloadType, codec }) => [payloadType, codec]));

	if (packets.length === 0) {
		return [];
	}

	const sdp = [
		...['v=0', 'o=- 0 0 IN IP4 192.0.2.1', 's=crash capture', 'c=IN IP4 192.0.2.2', 't=0 0'],
		`m=audio ${rtpPort} RTP/AVP ${[...codecs.keys()].join(' ')}`,
		...[...codecs].filter(([, codec]) => rtpMaps.has(codec)).map(([payloadType, codec]) => `a=rtpmap:${payloadType} ${rtpMaps.get(codec)}`),
	].join('\r\n');
	const sap = Buffer.alloc(8);

	// Version 1; who announces it.
	sap[0] = 0x20;
	sap.writeUInt32BE(producerAddress, 4);

	const bytes = Buffer.concat([sap, Buffer.from('application/sdp\0'), Buffer.from(`${sdp}\r\n`)]);

	return [
		networkBlock({
			...{ bytes, fullLength: bytes.length, sourcePort: sapPort, port: sapPort },
			atNs: wallClockNsOf(records[0]!, monotonicToWallNs),
			options: [],
		}),
	];
}

function packetBlock(record: CrashRecord, isPoison: boolean, monotonicToWallNs: bigint): Buffer {
	const { header, bytes, fullLength, producer } = record;
	const options: Option[] = [[option.recordHeader, header]];

	if (isPoison) {
		options.push([option.comment, Buffer.from('two hosts had this packet in hand as they died')]);
	}

	return networkBlock({
		...{ bytes, fullLength, options },
		port: record.type === 'packet' ? rtpPort : messagePort,
		sourcePort: firstProducerPort + (producer % (65_536 - firstProducerPort)),
		atNs: wallClockNsOf(record, monotonicToWallNs),
	});
}

function wallClockNsOf({ receivedAtNs }: CrashRecord, monotonicToWallNs: bigint): bigint {
	return BigInt.asUintN(64, receivedAtNs + monotonicToWallNs);
}

type NetworkPacket = {
	readonly bytes: Uint8Array;
	readonly fullLength: number;
	readonly sourcePort: number;
	readonly port: number;
	readonly atNs: bigint;
	readonly options: readonly Option[];
};

/**
 * IPv4 and UDP; UDP's checksum is left out, as IPv4 allows. Of a message that is longer than they can say both lengths are 0, which Wireshark takes for
 * segmentation offload and a jumbogram: then the block's length counts.
 */
function networkBlock({ bytes, fullLength, sourcePort, port, atNs, options }: NetworkPacket): Buffer {
	const head = Buffer.alloc(20);
	const headers = Buffer.alloc(networkLength);
	const isLong = networkLength + fullLength > maxNetworkLength;

	head.writeUInt32LE(Number(atNs >> 32n), 4);
	head.writeUInt32LE(Number(atNs & 0xffff_ffffn), 8);
	head.writeUInt32LE(networkLength + bytes.length, 12);
	head.writeUInt32LE(Math.min(networkLength + fullLength, 0xffff_ffff), 16);

	headers[0] = 0x45;
	headers.writeUInt16BE(isLong ? 0 : networkLength + fullLength, 2);
	headers[8] = 64;
	headers[9] = protocolUdp;
	headers.writeUInt32BE(producerAddress, 12);
	headers.writeUInt32BE(pluginAddress, 16);
	headers.writeUInt16BE(internetChecksum(headers.subarray(0, ipHeaderLength)), 10);
	headers.writeUInt16BE(sourcePort, ipHeaderLength);
	headers.writeUInt16BE(port, ipHeaderLength + 2);
	headers.writeUInt16BE(isLong ? 0 : udpHeaderLength + fullLength, ipHeaderLength + 4);

	return makeBlock(block.enhancedPacket, [head, pad(Buffer.concat([headers, bytes])), ...options.map(makeOption)]);
}

function internetChecksum(words: Buffer): number {
	let sum = 0;

	for (let at = 0; at < words.length; at += 2) {
		sum += words.readUInt16BE(at);
	}
	while (sum > 0xffff) {
		sum = (sum & 0xffff) + (sum >>> 16);
	}

	return ~sum & 0xffff;
}

function makeBlock(type: number, parts: readonly Uint8Array[]): Buffer {
	const length = 12 + parts.reduce((sum, part) => sum + part.length, 0);
	const frame = Buffer.alloc(12);

	frame.writeUInt32LE(type, 0);
	frame.writeUInt32LE(length, 4);
	frame.writeUInt32LE(length, 8);

	return Buffer.concat([frame.subarray(0, 8), ...parts, frame.subarray(8)]);
}

function makeOption([code, value]: Option): Buffer {
	const head = Buffer.alloc(4);

	head.writeUInt16LE(code, 0);
	head.writeUInt16LE(value.length, 2);

	return pad(Buffer.concat([head, value]));
}

/** An option holds less than 64 KiB, a plugin's config may be longer. */
function splitOption(code: number, value: Uint8Array): Option[] {
	const options: Option[] = [];

	for (let at = 0; at < value.length; at += maxOptionLength) {
		options.push([code, value.subarray(at, at + maxOptionLength)]);
	}

	return options;
}

type Block = { readonly offset: number; readonly type: number; readonly body: Buffer };

function* blocksOf(bytes: Buffer): Generator<Block> {
	for (let offset = 0; offset < bytes.length; ) {
		const left = bytes.length - offset;

		if (left < 12) {
			throw new CrashCaptureError(offset, `the file is cut off: ${left} bytes are no block`);
		}

		const type = bytes.readUInt32LE(offset);

		// Before the length, which the byte order decides.
		if (offset === 0) {
			checkBeginning(bytes, type);
		}

		const length = bytes.readUInt32LE(offset + 4);

		if (length < 12 || length % 4 !== 0) {
			throw new CrashCaptureError(offset + 4, `a block cannot be ${length} bytes long`);
		}
		if (length > left) {
			throw new CrashCaptureError(offset + 4, `the file is cut off: a block of ${length} bytes begins ${left} before its end`);
		}
		if (bytes.readUInt32LE(offset + length - 4) !== length) {
			throw new CrashCaptureError(offset + length - 4, `a block begins with a length of ${length} and ends with one of ${bytes.readUInt32LE(offset + length - 4)}`);
		}
		if (offset > 0 && type === block.section) {
			throw new CrashCaptureError(offset, 'a second section begins; a crash capture has one');
		}
		yield { offset, type, body: bytes.subarray(offset + 8, offset + length - 4) };
		offset += length;
	}
}

function checkBeginning(bytes: Buffer, type: number): void {
	if (type !== block.section) {
		throw new CrashCaptureError(0, 'this is not a pcapng file');
	}
	if (bytes.readUInt32BE(8) === byteOrderMagic) {
		throw new CrashCaptureError(8, 'the file is big endian; crash captures are little endian');
	}
	if (bytes.readUInt32LE(8) !== byteOrderMagic) {
		throw new CrashCaptureError(8, 'this is not a pcapng file: its byte order is neither');
	}
}

/** The identity's parts. */
function readSection(body: Buffer, offset: number): Buffer[] {
	checkLength(body, 16, offset, "a section's block");
	if (body.readUInt16LE(4) !== majorVersion) {
		throw new CrashCaptureError(offset + 12, `version ${body.readUInt16LE(4)} of pcapng is not known here, ${majorVersion} is`);
	}

	return valuesOf(body, 16, offset, option.identity);
}

function readInterface(body: Buffer, offset: number): void {
	checkLength(body, 8, offset, "an interface's block");
	if (body.readUInt16LE(0) !== linkTypeRaw) {
		throw new CrashCaptureError(offset + 8, `link type ${body.readUInt16LE(0)} is not that of a crash capture, ${linkTypeRaw}`);
	}
	// Only to see that they can be read.
	valuesOf(body, 8, offset, option.interfaceName);
}

/** Nothing for the announcement. */
function readPacket(body: Buffer, offset: number, interfaces: number): CrashRecord[] {
	checkLength(body, 20, offset, "a packet's block");

	const captured = body.readUInt32LE(12);

	if (body.readUInt32LE(0) >= interfaces) {
		throw new CrashCaptureError(offset + 8, `a packet is of interface ${body.readUInt32LE(0)}, ${interfaces} were announced`);
	}
	if (captured < networkLength || captured > body.length - 20) {
		throw new CrashCaptureError(offset + 20, `a packet of ${captured} bytes does not fit into its block, or has no room for IPv4 and UDP`);
	}

	const packet = body.subarray(20, 20 + captured);

	if (packet[0] !== 0x45 || packet[9] !== protocolUdp) {
		throw new CrashCaptureError(offset + 28, 'a packet is not UDP over IPv4 as a crash capture has it');
	}

	if (packet.readUInt16BE(ipHeaderLength + 2) === sapPort) {
		return [];
	}

	const [header, ...more] = valuesOf(body, 20 + captured + padding(captured, 4), offset, option.recordHeader);

	if (!header || more.length > 0) {
		throw new CrashCaptureError(offset, 'a packet has no record of the ring with it; was the file saved again by another program, or is it no crash capture?');
	}

	return [recordFrom(header, packet.subarray(networkLength), offset)];
}

function checkLength(body: Buffer, least: number, offset: number, what: string): void {
	if (body.length < least) {
		throw new CrashCaptureError(offset, `${what} is ${body.length + 12} bytes long, it has at least ${least + 12}`);
	}
}

/** Values of all options with that code; `from`: where the options begin in the body of the block at `offset`. */
function valuesOf(body: Buffer, from: number, offset: number, wanted: number): Buffer[] {
	const values: Buffer[] = [];

	for (let at = from; at < body.length; ) {
		if (body.length - at < 4) {
			throw new CrashCaptureError(offset + 8 + at, 'an option is cut off');
		}

		const code = body.readUInt16LE(at);
		const length = body.readUInt16LE(at + 2);

		if (code === option.end) {
			break;
		}
		if (length > body.length - at - 4) {
			throw new CrashCaptureError(offset + 8 + at, `option ${code} of ${length} bytes does not fit into its block`);
		}
		if (code === wanted) {
			values.push(body.subarray(at + 4, at + 4 + length));
		}
		at += 4 + length + padding(length, 4);
	}

	return values;
}

function readIdentity(json: Buffer): Omit<CrashCapture, 'records'> {
	let identity: unknown;

	try {
		identity = JSON.parse(json.toString());
	} catch (error) {
		throw new CrashCaptureError(0, 'the file does not say which plugin it is of; is it no crash capture?', undefined, { cause: error });
	}

	const { pluginName, pluginVersion, pluginFile, config, routerId, hostPid, signal } = (identity ?? {}) as Record<string, unknown>;

	if (
		typeof pluginName !== 'string' ||
		typeof pluginVersion !== 'string' ||
		typeof pluginFile !== 'string' ||
		typeof routerId !== 'string' ||
		typeof hostPid !== 'number' ||
		(signal !== null && typeof signal !== 'string')
	) {
		throw new CrashCaptureError(0, `the file does not say properly which plugin it is of: ${json.toString().slice(0, 200)}`);
	}

	return { pluginName, pluginVersion, pluginFile, config, routerId, hostPid, signal };
}

/** A view of the same bytes. */
function asBuffer(bytes: Uint8Array): Buffer {
	return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function padding(length: number, alignment: number): number {
	return (alignment - (length % alignment)) % alignment;
}

function pad(bytes: Buffer): Buffer {
	return Buffer.concat([bytes, Buffer.alloc(padding(bytes.length, 4))]);
}

/** For people; a name that fills an option is none. */
function cut(text: string): string {
	return text.length > 1000 ? `${text.slice(0, 1000)}…` : text;
}
