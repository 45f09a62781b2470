// RTP packets as ffmpeg makes them, and OBUs of its AV1 encoder.

import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { buffer, text } from 'node:stream/consumers';

const picture = ['-f', 'lavfi', '-i', 'testsrc=size=320x240:rate=25'];
const bye = 203;

/** RTP packets of so many frames of a picture or sound, the payload from byte 12 on. */
export async function ffmpegRtp(input: readonly string[], encoder: readonly string[]): Promise<Uint8Array[]> {
	const socket = createSocket('udp4');
	const packets: Uint8Array[] = [];

	socket.bind(0, '127.0.0.1');
	await once(socket, 'listening');
	socket.setRecvBufferSize(4_194_304);

	const { port } = socket.address();
	// The last that is sent.
	const ended = new Promise<void>((resolve) => {
		socket.on('message', (packet) => {
			if (packet[1]! < 200 || packet[1]! > 207) {
				packets.push(Uint8Array.from(packet));
			} else if (packet.includes(bye) && isBye(packet)) {
				resolve();
			}
		});
	});
	const output = ['-f', 'rtp', '-rtpflags', 'send_bye', '-strict', 'experimental', `rtp://127.0.0.1:${port}?rtcpport=${port}&pkt_size=1200`];

	try {
		await ffmpeg(['-re', ...input, ...encoder, ...output]);
		await ended;
	} finally {
		socket.close();
	}

	return packets;
}

/** Of a compound RTCP packet: whether one of its parts says that the sender leaves. */
function isBye(packet: Uint8Array): boolean {
	const view = new DataView(packet.buffer, packet.byteOffset, packet.length);

	for (let at = 0; at + 4 <= packet.length; at += (view.getUint16(at + 2) + 1) * 4) {
		if (packet[at + 1] === bye) {
			return true;
		}
	}

	return false;
}

export const testPicture = (frames: number): string[] => [...picture, '-frames:v', `${frames}`];
export const testSound = (seconds: number): string[] => ['-f', 'lavfi', '-i', 'sine=frequency=440:sample_rate=48000', '-t', `${seconds}`, '-ac', '2'];

/** OBUs as a stream of AV1 has them, by temporal unit, without the delimiters. */
export async function av1Units(frames: number, encoder: readonly string[]): Promise<Uint8Array[][]> {
	const stream = await ffmpeg([...testPicture(frames), ...encoder, '-f', 'obu', 'pipe:1']);
	const units: Uint8Array[][] = [];

	for (let at = 0; at < stream.length; ) {
		const type = (stream[at]! >> 3) & 0x0f;
		const headLength = (stream[at]! & 4) !== 0 ? 2 : 1;
		let size = 0;
		let i = at + headLength;

		for (let shift = 0, more = true; more; shift += 7, ++i) {
			size |= (stream[i]! & 0x7f) << shift;
			more = stream[i]! >= 0x80;
		}
		if (type === 2) {
			units.push([]);
		} else {
			// Without its size, as RTP has it.
			units.at(-1)!.push(Buffer.concat([Uint8Array.of(stream[at]! & ~2), stream.subarray(at + 1, at + headLength), stream.subarray(i, i + size)]));
		}
		at = i + size;
	}

	return units;
}

async function ffmpeg(args: readonly string[]): Promise<Buffer> {
	const child = spawn('ffmpeg', ['-hide_banner', '-loglevel', 'error', '-nostdin', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
	const [stdout, stderr, [code]] = await Promise.all([buffer(child.stdout), text(child.stderr), once(child, 'close') as Promise<[number]>]);

	if (code !== 0) {
		throw new Error(`ffmpeg ${args.join(' ')} ended with ${code}: ${stderr}`);
	}

	return stdout;
}
