// The sender and the receiver of tools/rtp: what every figure of the demo rests on.

import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

import t, { type Test } from 'tap';

import { buildRtpTools } from '../../tools/rtp/build.ts';

type Report = {
	final: boolean;
	packets: number;
	lost: number;
	duplicates: number;
	reordered: number;
	rtcp: number;
	invalid: number;
	streams: { ssrc: number; packets: number; lost: number; skippedCounters: number | null }[];
};

const tools = buildRtpTools();

/** Lines of JSON from a tool, and its last one once its standard input is closed. */
function start(t: Test, binary: string, args: readonly string[]) {
	const child: ChildProcess = spawn(binary, args, { stdio: ['pipe', 'pipe', 'inherit'] });
	const lines: string[] = [];
	const firstLine = new Promise<string>((resolve) => {
		createInterface({ input: child.stdout! }).on('line', (line) => {
			lines.push(line);
			resolve(line);
		});
	});
	const ended = once(child, 'close');

	t.teardown(() => child.kill());

	return {
		firstLine: async () => JSON.parse(await firstLine) as { ports: number[] },
		stop: async () => {
			child.stdin!.end();
			await ended;

			return JSON.parse(lines.at(-1)!) as Report;
		},
	};
}

/** Sends datagrams, waits until the receiver counted them, and returns its last report. */
async function receive(t: Test, datagrams: readonly Buffer[]): Promise<Report> {
	const receiver = start(t, tools.receive, []);
	const { ports } = await receiver.firstLine();
	const socket = createSocket('udp4');

	for (const datagram of datagrams) {
		await new Promise<void>((resolve, reject) => {
			socket.send(datagram, ports[0], '127.0.0.1', (error) => (error ? reject(error) : resolve()));
		});
	}
	socket.close();

	// On the loopback what was sent is in the receiver's buffer, and it empties that before it ends.
	return receiver.stop();
}

function rtp(sequenceNumber: number, payload: Buffer = Buffer.alloc(10)): Buffer {
	const header = Buffer.alloc(12);

	header[0] = 0x80;
	header[1] = 100;
	header.writeUInt16BE(sequenceNumber & 0xffff, 2);
	header.writeUInt32BE(7, 8);

	return Buffer.concat([header, payload]);
}

function counted(sequenceNumber: number, counter: number): Buffer {
	const payload = Buffer.alloc(24);

	payload.write('\x08MPHR', 'latin1');
	payload.writeBigUInt64LE(BigInt(counter), 16);

	return rtp(sequenceNumber, payload);
}

t.test('what is sent arrives, across the wrap of the sequence numbers', async (t) => {
	const receiver = start(t, tools.receive, ['--sockets', '2']);
	const { ports } = await receiver.firstLine();
	const sender = start(t, tools.send, ['--json', '--count', '1000', '--stream', `1:100:9000:200:${ports[0]}`, '--stream', `2:100:9000:1200:${ports[1]}`]);

	await sender.firstLine();

	const sent = await sender.stop();
	const received = await receiver.stop();

	t.equal(sent.packets, 2000);
	t.match(received, { final: true, packets: 2000, lost: 0, duplicates: 0, reordered: 0, invalid: 0 });
	t.same(
		received.streams.map(({ ssrc, packets, skippedCounters }) => ({ ssrc, packets, skippedCounters })).sort((a, b) => a.ssrc - b.ssrc),
		[
			{ ssrc: 1, packets: 1000, skippedCounters: 0 },
			{ ssrc: 2, packets: 1000, skippedCounters: 0 },
		],
	);
});

t.test('a gap is lost, unless it is filled later', async (t) => {
	t.match(await receive(t, [rtp(65534), rtp(1), rtp(65535)]), { packets: 3, lost: 1, reordered: 1, duplicates: 0 });
});

t.test('a packet that came twice counts once', async (t) => {
	t.match(await receive(t, [rtp(5), rtp(6), rtp(5), rtp(6)]), { packets: 4, lost: 0, reordered: 0, duplicates: 2 });
});

t.test('a number from before the first one extends the stream to the front', async (t) => {
	t.match(await receive(t, [rtp(3), rtp(1)]), { packets: 2, lost: 1, reordered: 1 });
});

t.test('gapless numbers over jumping counters are told from loss', async (t) => {
	t.match(await receive(t, [counted(10, 0), counted(11, 5), counted(12, 6)]), { lost: 0, streams: [{ skippedCounters: 4 }] });
});

t.test('a foreign payload has sequence numbers and nothing else', async (t) => {
	t.match(await receive(t, [rtp(1), rtp(2)]), { latencyMicros: null, streams: [{ lost: 0, skippedCounters: null }] });
});

t.test('RTCP and what is no RTP at all are counted apart', async (t) => {
	const rtcp = Buffer.alloc(28);

	rtcp[0] = 0x80;
	rtcp[1] = 200;
	t.match(await receive(t, [rtcp, Buffer.from('hello'), rtp(1)]), { packets: 1, rtcp: 1, invalid: 1 });
});
