// Against a real server on a real socket that speaks the protocol.

import type { Socket } from 'node:net';
import { createConnection, createServer } from 'node:net';
import { join } from 'node:path';
import type { Test } from 'tap';
import t from 'tap';

import { ControlClient } from '../../../src/control/control-client.ts';
import { FrameReader } from '../../../src/control/framing.ts';
import type { IncomingMessage } from '../../../src/control/incoming.ts';
import { AttachmentState, Body, ErrorCode } from '../../../src/generated/control.js';
import { inTime, nextEvent } from '../../helpers/events.ts';
import { tempDir } from '../../helpers/temp-dir.ts';
import type { Request } from '../../helpers/worker-messages.ts';
import { attachmentStateChanged, failure, ok, readPauseAttachment, readRequest, stats } from '../../helpers/worker-messages.ts';

type Serve = (request: Request, socket: Socket) => void;

/** A client whose requests go to `serve`. */
async function connect(t: Test, serve: Serve, timeoutMs = 10_000): Promise<ControlClient> {
	const path = join(tempDir(), 'socket');
	const server = createServer((socket) => {
		const reader = new FrameReader();

		socket.on('error', () => {});
		socket.on('data', (chunk) => {
			for (const frame of reader.push(chunk)) {
				serve(readRequest(frame), socket);
			}
		});
	});

	await new Promise<void>((resolve) => server.listen(path, resolve));

	const client = new ControlClient({ socket: createConnection(path), peer: 'worker 4711', timeoutMs });

	t.teardown(() => {
		client.close();
		server.close();
	});

	return client;
}

t.test('a request resolves with its answer', async (t) => {
	const client = await connect(t, (request, socket) => socket.write(stats(request.id, new Map([['plugin', 5]]))));

	t.match(await client.request('GetStats', {}), { plugins: [{ pluginId: 'plugin', verdicts: 5 }] });
});

t.test('fields arrive as they were given', async (t) => {
	const seen = Promise.withResolvers<Request>();
	const client = await connect(t, (request, socket) => {
		seen.resolve(request);
		socket.write(ok(request.id));
	});

	await client.request('PauseAttachment', { attachmentId: 'a-1', paused: true });

	const request = await inTime('the request', seen.promise);

	t.equal(request.type, Body.PauseAttachment);
	t.equal(readPauseAttachment(request).attachmentId(), 'a-1');
	t.equal(readPauseAttachment(request).paused(), true);
});

t.test('answers may come in any order, and several in one chunk', async (t) => {
	const requests: Request[] = [];
	const client = await connect(t, (request, socket) => {
		requests.push(request);
		if (requests.length === 3) {
			socket.write(Buffer.concat([failure(requests[2]!.id, ErrorCode.Budget, 'third'), ok(requests[0]!.id), ok(requests[1]!.id)]));
		}
	});
	const [first, second, third] = await Promise.allSettled([
		client.request('Detach', { attachmentId: 'a' }),
		client.request('Detach', { attachmentId: 'b' }),
		client.request('Detach', { attachmentId: 'c' }),
	]);

	t.match([first?.status, second?.status, third?.status], ['fulfilled', 'fulfilled', 'rejected']);
});

t.test('a Failure rejects with its code and words', async (t) => {
	const client = await connect(t, (request, socket) => socket.write(failure(request.id, ErrorCode.NotFound, 'there is no router r')));

	await t.rejects(client.request('GetStats', {}), { name: 'FailureReply', failureCode: ErrorCode.NotFound, message: 'there is no router r' });
});

t.test('an answer of the wrong type rejects', async (t) => {
	const client = await connect(t, (request, socket) => socket.write(ok(request.id)));

	await t.rejects(client.request('GetStats', {}), { name: 'ProtocolError', message: /answered GetStats with Ok/ });
});

t.test('messages that nobody asked for are events', async (t) => {
	const client = await connect(t, (request, socket) => {
		socket.write(Buffer.concat([attachmentStateChanged('a-1', AttachmentState.Active), ok(request.id)]));
	});
	const message = nextEvent<IncomingMessage>(client, 'message');

	await client.request('Detach', { attachmentId: 'a-1' });
	t.match(await message, { type: 'AttachmentStateChanged', body: { attachmentId: 'a-1', state: AttachmentState.Active } });
});

t.test("a request that is not answered in time rejects, and its late answer is nobody's", async (t) => {
	let first: Request | undefined;
	const client = await connect(
		t,
		(request, socket) => {
			if (first) {
				socket.write(Buffer.concat([ok(first.id), ok(request.id)]));
			}
			first ??= request;
		},
		// Long enough for the second one on a slow machine.
		1_000,
	);

	await t.rejects(client.request('Detach', { attachmentId: 'a' }), {
		name: 'TimeoutError',
		code: 'MPH_ERR_TIMEOUT',
		message: /worker 4711 did not answer Detach within 1000 ms/,
	});
	await client.request('Detach', { attachmentId: 'b' });
});

t.test('what waits when the peer hangs up rejects, and so does what comes later', async (t) => {
	const client = await connect(t, (_, socket) => socket.end());
	const closed = nextEvent(client, 'close');
	const outcomes = await Promise.allSettled([client.request('GetStats', {}), client.request('Detach', { attachmentId: 'a' })]);

	t.match(outcomes, [{ reason: { name: 'ConnectionEndedError' } }, { reason: { name: 'ConnectionEndedError' } }]);
	t.equal(await closed, undefined);
	t.ok(client.closed);
	await t.rejects(client.request('GetStats', {}), { name: 'ConnectionEndedError' });
});

t.test('a peer that breaks the protocol is cut off, and whoever waits hears why', async (t) => {
	const client = await connect(t, (_, socket) => socket.write('this is no frame'));

	await t.rejects(client.request('GetStats', {}), {
		name: 'ProtocolError',
		code: 'MPH_ERR_PROTOCOL',
		message: /worker 4711 broke the control protocol/,
	});
	await t.rejects(client.request('GetStats', {}), { name: 'ProtocolError' });
});

t.test('a socket that cannot be connected says why', async (t) => {
	const client = new ControlClient({ socket: createConnection('/nowhere/4711.sock'), peer: 'worker 4711', timeoutMs: 1_000 });

	await t.rejects(client.request('GetStats', {}), { name: 'ConnectionEndedError', cause: { code: 'ENOENT' } });
});

t.test('close() sends what was written before it', async (t) => {
	const seen = Promise.withResolvers<Request>();
	const client = await connect(t, (request) => seen.resolve(request));
	const request = client.request('RemovePlugin', { pluginId: 'p' });

	client.close();
	await t.rejects(request, { name: 'ConnectionEndedError' });
	t.equal((await inTime('the request', seen.promise)).type, Body.RemovePlugin);
});
