// Bad input while a call runs: each is an error with its code, and the worker and the call stay as they were.

import * as mediasoup from 'mediasoup';
import t from 'tap';

import { isCodedError } from '../../src/errors.ts';
import { createPluginHost } from '../../src/index.ts';
import { fixturePlugin } from '../helpers/binaries.ts';
import { isGapless, mediaCodecs, openCall } from '../helpers/call.ts';
import { casesWithWorker } from '../helpers/error-cases.ts';
import { until } from '../helpers/until.ts';

t.test('bad input leaves the worker and its calls as they were', async (t) => {
	const pluginHost = await createPluginHost({ mediasoup });
	const worker = await mediasoup.createWorker({ workerBin: pluginHost.workerBin });
	const router = await worker.createRouter({ mediaCodecs });
	const plugin = await pluginHost.createPlugin({ file: fixturePlugin('accept-all') });
	const attachment = await plugin.attach({ router, mode: 'filter', deadlineMs: 5_000 });
	const call = await openCall(router);
	const { hostPid } = plugin;
	let sent = 0;

	t.teardown(() => (call.close(), pluginHost.close(), worker.close()));

	for (const { code, title, names, run } of casesWithWorker) {
		await t.test(`${title}: ${code}`, async (t) => {
			try {
				await run({ pluginHost, worker, router, plugin });
				t.fail('it did not reject');
			} catch (error) {
				t.ok(isCodedError(error), `${error}`);
				t.match(error, { code, message: names });
			}

			await call.sendRange(sent + 1, sent + 10);
			sent += 10;
			await until('the call goes on', () => call.received.length === sent);
			t.match(await attachment.getStats(), { accepted: sent, timeoutAccepted: 0, absentAccepted: 0 });
		});
	}

	t.notOk(worker.closed);
	t.ok(isGapless(call.received));
	t.equal(plugin.hostPid, hostPid);
	t.match(await pluginHost.dump(), { workerPids: [worker.pid], pluginIds: [plugin.id] });
});
