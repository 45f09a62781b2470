// A controller that has the right token and no manners: every message of a controller with fields of any value, in any order, and frames that are
// none. What it attaches, it attaches to streams that are nobody's concern.

import { once } from 'node:events';
import { type Socket, createConnection } from 'node:net';

import { encodeFrame } from '../../src/control/outgoing.ts';
import type { Outgoing } from '../../src/control/outgoing.ts';
import { LayoutVersion } from '../../src/generated/layout.js';
import { Limit, ProtocolVersion, Role } from '../../src/generated/control.js';
import { Random } from './random.ts';

export type ControllerPrey = {
	readonly socketPath: string;
	readonly token: string;
	readonly routerId: string;
	readonly producerIds: readonly string[];
	readonly dataProducerIds: readonly string[];
};

type Options = ControllerPrey & { readonly seed: number; readonly messages: number };

const messagesPerConnection = 100;
/** The worker answers what it has been asked before it reads on; one that is cut off is not waited for. */
const answerMs = 2_000;

/** Returns how many messages were sent. */
export async function playController(options: Options): Promise<number> {
	const random = new Random(options.seed);
	let said = 0;

	while (said < options.messages) {
		const socket = await connect(options.socketPath);
		const count = Math.min(options.messages - said, 1 + random.below(messagesPerConnection));

		socket.write(hello(options.token));
		for (let i = 0; i < count && !socket.destroyed; i++) {
			const frame = anyMessage(random, options);

			// Of hundreds that are answered one that ends the connection.
			socket.write(random.oneIn(60) ? spoilt(random, frame) : frame);
			said++;
			if (random.oneIn(10)) {
				await new Promise((resolve) => setImmediate(resolve));
			}
		}
		await hangUp(socket, random.oneIn(3));
	}

	return said;
}

async function connect(path: string): Promise<Socket> {
	const socket = createConnection(path);

	socket.on('error', () => {});
	await once(socket, 'connect');

	return socket;
}

/** At once, or when all is read that the worker had to say. */
async function hangUp(socket: Socket, atOnce: boolean): Promise<void> {
	if (!atOnce && !socket.destroyed) {
		// events' once() would fail with the socket, which is nothing new here.
		const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
		const timer = setTimeout(() => socket.destroy(), answerMs);

		socket.resume();
		socket.end();
		await closed;
		clearTimeout(timer);
	}
	socket.destroy();
}

function hello(token: string): Uint8Array {
	return encodeFrame(1, 'Hello', { protocolVersion: ProtocolVersion.Current, layoutVersion: LayoutVersion.Current, role: Role.Controller, token, pid: process.pid });
}

function anyMessage(random: Random, { routerId, producerIds, dataProducerIds, token }: Options): Uint8Array {
	const number = (): number => (random.oneIn(4) ? random.next() : random.below(5));
	const id = random.oneIn(8) ? 0 : random.next();
	const text = (...usual: readonly string[]): string => (random.oneIn(8) ? anyText(random) : random.of(usual));
	const plugin = (): string => text('first', 'second', 'third');
	const attachment = (): string => text('a', 'b', 'c', 'd');
	const producer = (): string => text(...producerIds);
	const dataProducer = (): string => text(...dataProducerIds);
	const some = (make: () => string): string[] => Array.from({ length: random.below(random.oneIn(20) ? 200 : 4) }, make);
	const size = (): number => (random.oneIn(2) ? 2 ** random.below(32) : number());

	switch (random.below(14)) {
		case 0:
			return encodeFrame(id, 'IssueHostToken', { pluginId: plugin(), token: text('x'.repeat(64)), hangMs: number() });
		case 1:
			return encodeFrame(id, 'RemovePlugin', { pluginId: plugin() });
		case 2:
			// What is asked for is mapped: a gigabyte more or less is the machine's concern, not the worker's.
			return encodeFrame(id, 'ConfigureRouter', { routerId: text(routerId), packetRingSize: Math.min(size(), 2 ** 24 + 1), verdictRingSize: Math.min(size(), 2 ** 24 + 1) });
		case 3:
			return encodeFrame(id, 'Detach', { attachmentId: attachment() });
		case 4:
			return encodeFrame(id, 'PauseAttachment', { attachmentId: attachment(), paused: random.oneIn(2) });
		case 5:
			return encodeFrame(id, 'GetStats', {});
		case 6:
			return encodeFrame(id, 'PromoteHost', { pluginId: plugin(), hostPid: number() });
		case 7:
			return encodeFrame(id, 'SetLimits', { pluginId: plugin(), packetsPerSecond: number(), bytesPerSecond: number() });
		case 8:
		case 9: {
			const change = { attachmentId: attachment(), producerId: random.oneIn(2) ? producer() : undefined, dataProducerId: random.oneIn(2) ? dataProducer() : undefined };

			return encodeFrame(id, random.oneIn(2) ? 'AddTarget' : 'RemoveTarget', change);
		}
		case 10:
			return random.oneIn(10) ? hello(random.oneIn(2) ? token : anyText(random)) : encodeFrame(id, 'LoadPlugin', { pluginId: plugin(), file: anyText(random), config: '{', placement: number() });
		default:
			return encodeFrame(id, 'Attach', {
				...{ attachmentId: attachment(), pluginId: plugin(), member: text('one', ''), routerId: text(routerId), context: anyText(random) },
				targets: random.oneIn(2) ? { producerIds: some(producer), dataProducerIds: some(dataProducer), keepWithoutTargets: random.oneIn(2) } : undefined,
				...anySelection(random, number),
			});
	}
}

type Selection = Omit<Outgoing['Attach'], 'attachmentId' | 'pluginId' | 'member' | 'routerId' | 'targets' | 'context'>;

function anySelection(random: Random, number: () => number): Selection {
	const flag = (): boolean => random.oneIn(2);
	const policy = (): number => (random.oneIn(30) ? number() & 0xff : 1 + random.below(2));

	return {
		...{ audio: flag(), video: flag(), data: flag(), pipe: flag(), subscribe: flag(), wholeFrames: flag(), keyFramesOnly: flag() },
		...{ mode: random.oneIn(20) ? number() & 0xff : 1 + random.below(3), order: number() | 0, deadlineUs: random.oneIn(2) ? 10_000 : number() },
		...{ onTimeout: policy(), onAbsent: policy(), onOverflow: policy(), onError: policy(), copy: random.oneIn(10) ? number() & 0xff : random.below(3) },
		...{ spatialLayers: number() & 0xff, temporalLayers: number() & 0xff, everyNth: number(), audioLevel: random.oneIn(2) ? 0 : number() & 0xff },
	};
}

function anyText(random: Random): string {
	return random.of(['', '{}', '\u0000', '{"a":'.repeat(100), 'ü'.repeat(random.below(50)), 'x'.repeat(random.below(random.oneIn(10) ? 100_000 : 100))]);
}

function spoilt(random: Random, frame: Uint8Array): Uint8Array {
	const bytes = Buffer.from(frame);

	switch (random.below(4)) {
		case 0:
			return bytes.subarray(0, random.below(bytes.length));
		case 1:
			bytes.writeUInt32LE(random.of([0, 1, 3, Limit.MaxFrameBytes, Limit.MaxFrameBytes + 1, 0xffff_ffff, random.next()]));

			return bytes;
		case 2:
			return Buffer.from(Array.from({ length: 1 + random.below(1000) }, () => random.next() & 0xff));
		default:
			for (let i = random.below(8); i >= 0; i--) {
				bytes[random.below(bytes.length)]! ^= 1 << random.below(8);
			}

			return bytes;
	}
}
