import t from 'tap';

import { MessageLimit } from '../../src/generated/control.js';
import { decodeAnswer, decodeBody, encodeCall, failureOf, parseRequestOptions } from '../../src/plugin-protocol.ts';
import type { Plugin } from '../../src/types.ts';

const text = (value: string): Uint8Array => Buffer.from(value);

t.test('a body is JSON, bytes or nothing', async (t) => {
	t.same(encodeCall('request()', 'm', { n: 1 }), { method: 'm', body: text('{"n":1}'), binary: false });
	t.same(encodeCall('request()', 'm', null), { method: 'm', body: text('null'), binary: false });
	t.same(encodeCall('request()', 'm', new Uint8Array([0, 1])), { method: 'm', body: new Uint8Array([0, 1]), binary: true });
	t.same(encodeCall('request()', 'm', undefined), { method: 'm', body: undefined, binary: false });
	t.same(decodeBody({ body: text('{"n":1}'), binary: false }), { n: 1 });
	t.same(decodeBody({ body: text('{'), binary: true }), text('{'));
	t.equal(decodeBody({ body: undefined, binary: false }), undefined);
});

t.test('bytes are copied, so that the app may go on with its own', async (t) => {
	const bytes = new Uint8Array([1, 2]);
	const { body } = encodeCall('notify()', 'm', bytes);

	bytes.fill(0);
	t.same(body, new Uint8Array([1, 2]));
});

t.test('a body is as long as it may be, and no longer', async (t) => {
	const { MaxBodyBytes } = MessageLimit;

	t.equal(encodeCall('request()', 'm', new Uint8Array(MaxBodyBytes)).body!.length, MaxBodyBytes);
	t.throws(() => encodeCall('request()', 'm', new Uint8Array(MaxBodyBytes + 1)), {
		code: 'MPH_ERR_OPTION_VALUE',
		message: /^request\(\): the body of "m" has 1048577 bytes; at most 1048576/,
	});
	// Two quotes are part of it.
	t.throws(() => encodeCall('request()', 'm', 'x'.repeat(MaxBodyBytes - 1)), { code: 'MPH_ERR_OPTION_VALUE' });
});

t.test('what is neither JSON nor bytes is refused', async (t) => {
	const circle: Record<string, unknown> = {};

	circle['self'] = circle;

	for (const body of [circle, 1n, () => {}, Symbol('s'), new Float32Array(1), new ArrayBuffer(1)]) {
		t.throws(() => encodeCall('request()', 'm', body), { name: 'InvalidOptionError', code: 'MPH_ERR_OPTION_TYPE', message: /^request\(\): body is/ });
	}
});

t.test('a method is text that C can hold', async (t) => {
	t.throws(() => encodeCall('notify()', 5, 1), { code: 'MPH_ERR_OPTION_TYPE', message: /^notify\(\): method is 5/ });

	for (const method of ['', 'a\0b', 'x'.repeat(1_025)]) {
		t.throws(() => encodeCall('notify()', method, 1), { code: 'MPH_ERR_OPTION_VALUE' });
	}
});

t.test('options are checked, and a worker is named by itself or by its pid', async (t) => {
	const known = ['timeoutMs', 'worker'] as const;

	t.same(parseRequestOptions('request()', {}, known), { timeoutMs: 5_000, workerPid: undefined });
	t.same(parseRequestOptions('request()', { timeoutMs: 1, worker: 7 }, known), { timeoutMs: 1, workerPid: 7 });
	t.same(parseRequestOptions('request()', { worker: { pid: 7 } }, known).workerPid, 7);
	t.throws(() => parseRequestOptions('request()', { worker: 'all' }, known), { code: 'MPH_ERR_OPTION_TYPE', message: /"worker" is 'all'/ });
	t.throws(() => parseRequestOptions('request()', { timeoutMs: 0 }, known), { code: 'MPH_ERR_OPTION_VALUE' });
	t.throws(() => parseRequestOptions('requestAll()', { worker: 7 }, ['timeoutMs']), { code: 'MPH_ERR_UNKNOWN_OPTION' });
});

t.test('an answer that is no JSON is a failed request, and one that failed has the words of the plugin', async (t) => {
	t.throws(() => decodeAnswer('m', 7, { body: text('{'), binary: false }), { code: 'MPH_ERR_REQUEST_FAILED', message: /"m" was answered in worker 7 with what is no JSON/ });
	t.match(failureOf('m', 7, { body: text('no such room'), binary: false }), {
		...{ name: 'RequestFailedError', code: 'MPH_ERR_REQUEST_FAILED' },
		message: 'request "m" failed in worker 7: no such room',
	});
	t.match(failureOf('m', 7, { body: undefined, binary: false }).message, /it does not say why/);
});

t.test('what app and plugin say may be typed', async (t) => {
	type Protocol = {
		requests: { setLimit: { body: { n: number }; answer: boolean } };
		notifications: { flush: undefined };
		messages: { full: { room: string }; level: number };
	};
	const use = (plugin: Plugin<unknown, {}, Protocol>): unknown => [
		plugin.request('setLimit', { n: 5 }) satisfies Promise<boolean>,
		// @ts-expect-error It is a number.
		plugin.request('setLimit', { n: '5' }),
		// @ts-expect-error There is none of that name.
		plugin.request('setLimits', { n: 5 }),
		plugin.notify('flush'),
		plugin.on('message', (message) => message.name === 'full' && (message.body.room satisfies string)),
	];

	t.type(use, 'function');
});
