// Whoever can reach the worker's socket, and does not behave: the worker refuses, cuts off, and goes on.

import { randomBytes } from 'node:crypto';
import { createConnection } from 'node:net';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';

import * as mediasoup from 'mediasoup';
import type { types } from 'mediasoup';
import type { Test } from 'tap';
import t from 'tap';

import { AppDirectory, directoryVariable } from '../../src/app-dir.ts';
import { encodeFrame } from '../../src/control/outgoing.ts';
import { Copy, Mode, Policy, ProtocolVersion, Role } from '../../src/generated/control.js';
import { LayoutVersion } from '../../src/generated/layout.js';
import { completeLogger } from '../../src/logger.ts';
import { findWorkerBin } from '../../src/worker-bin.ts';
import { WorkerLink } from '../../src/worker-link.ts';
import { isGapless, mediaCodecs, openCall } from '../helpers/call.ts';
import { until } from '../helpers/until.ts';

let directory: AppDirectory;
let worker: types.Worker;
let controller: WorkerLink;
let deaths = 0;

t.before(async () => {
	directory = await AppDirectory.create(tmpdir(), completeLogger({}));
	process.env[directoryVariable] = directory.path;
	worker = await mediasoup.createWorker({ workerBin: findWorkerBin(undefined) });
	worker.on('died', () => deaths++);
	controller = new WorkerLink({
		worker,
		socketPath: directory.socketPathOf(worker.pid),
		token: directory.token,
		mediasoupVersion: mediasoup.version,
		timeoutMs: 10_000,
	});
	await controller.ready();
});

t.after(() => {
	controller.close();
	worker.close();
	directory.remove();
});

/** Writes and hangs up, or waits for the worker to do so. */
function speak(bytes: readonly Uint8Array[], { hangUp }: { readonly hangUp: boolean }): Promise<void> {
	return new Promise((resolve) => {
		const socket: Socket = createConnection(controller.socketPath, () => {
			socket.write(Buffer.concat(bytes), () => {
				if (hangUp) {
					socket.destroy();
				}
			});
		});

		socket.resume();
		socket.on('error', () => {});
		socket.once('close', () => resolve());
	});
}

function hello(fields: Partial<{ protocolVersion: number; layoutVersion: number; role: number; token: string }>): Uint8Array {
	return encodeFrame(1, 'Hello', {
		...{ protocolVersion: ProtocolVersion.Current, layoutVersion: LayoutVersion.Current },
		...{ role: Role.Host, token: 'x'.repeat(64), pid: process.pid, ...fields },
	});
}

async function callsGoOn(t: Test): Promise<void> {
	const router = await worker.createRouter({ mediaCodecs });
	const call = await openCall(router);

	await call.sendRange(1, 100);
	await until('100 packets', () => call.received.length === 100);
	t.ok(isGapless(call.received), 'calls go on');
	t.equal(deaths, 0, 'the worker lives');
	t.equal((await controller.getStats()).applyErrors, 0);
	call.close();
	router.close();
}

t.test('hosts that hang up right after their Hello', async (t) => {
	for (let i = 0; i < 300; i++) {
		const token = String(i).padStart(64, '0');

		await controller.issueHostToken('rude', token);
		await speak([hello({ token })], { hangUp: true });
	}
	await callsGoOn(t);
});

t.test('peers that speak rubbish are cut off', async (t) => {
	const length = Buffer.alloc(4);

	length.writeUInt32LE(0xffff_fff0);

	for (const bytes of [
		[randomBytes(4096)],
		[length, randomBytes(100)],
		[Buffer.alloc(4)],
		[hello({ protocolVersion: 99 })],
		[hello({ layoutVersion: 99 })],
		[hello({ role: 77 })],
		[hello({ token: '' })],
		[hello({})],
		[hello({ role: Role.Controller })],
		[encodeFrame(1, 'GetStats', {})],
	]) {
		await speak(bytes, { hangUp: false });
	}
	await callsGoOn(t);
});

t.test('a policy that is none is refused, whichever it is', async (t) => {
	const router = await worker.createRouter({ mediaCodecs });
	const attach = {
		...{ attachmentId: 'rude-attachment', pluginId: 'rude', member: 'rude', routerId: router.id, targets: undefined, context: '{}' },
		...{ audio: true, video: true, data: false, pipe: false, mode: Mode.Filter, order: 0, deadlineUs: 10_000 },
		...{ onTimeout: Policy.Accept, onAbsent: Policy.Accept, onOverflow: Policy.Accept, onError: Policy.Accept, copy: Copy.Full },
		...{ keyFramesOnly: false, spatialLayers: 0, temporalLayers: 0, everyNth: 1, audioLevel: 0, subscribe: false, wholeFrames: false },
	};

	await controller.issueHostToken('rude', 'p'.repeat(64));
	for (const [name, field] of [
		['onTimeout', 'on_timeout'],
		['onAbsent', 'on_absent'],
		['onOverflow', 'on_overflow'],
		['onError', 'on_error'],
	] as const) {
		for (const policy of [Policy.None, 3, 255] as Policy[]) {
			await t.rejects(controller.attach({ ...attach, [name]: policy }, { onStateChanged: () => {} }), {
				message: new RegExp(`${field} is ${policy}, must be accept or drop`),
			});
		}
	}
	router.close();
});

t.test('frames that were tampered with, byte by byte', async (t) => {
	const token = 'f'.repeat(64);
	const frame = hello({ token });

	for (let i = 4; i < frame.length; i++) {
		const tampered = Uint8Array.from(frame);

		tampered[i] = tampered[i]! ^ 0xff;
		await controller.issueHostToken('rude', token);
		await speak([tampered], { hangUp: true });
	}
	await callsGoOn(t);
});

t.test('more connections than the worker keeps', async (t) => {
	const sockets = Array.from({ length: 400 }, () => {
		const socket = createConnection(controller.socketPath);

		socket.on('error', () => {});
		socket.resume();

		return socket;
	});
	const closed = () => sockets.filter((socket) => socket.closed).length;

	await until('the worker refuses some', () => closed() > 0);
	await callsGoOn(t);
	await until('it has had enough of the others, who never say Hello', () => closed() === sockets.length);
	await callsGoOn(t);
});

// The root test would wait for the worker's handles, and the worker for the root test's end.
t.end();
