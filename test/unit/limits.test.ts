// What a plugin may inject, as each worker is told.

import t from 'tap';

import { Body, ErrorCode } from '../../src/generated/control.js';
import { stage } from '../helpers/stage.ts';
import type { StandInWorker } from '../helpers/stand-in-worker.ts';
import { until } from '../helpers/until.ts';
import { failure, readIssueHostToken, readSetLimits } from '../helpers/worker-messages.ts';

function limitsIn(worker: StandInWorker): [string | null, number, number][] {
	return worker.requestsOf(Body.SetLimits).map(readSetLimits).map((sent) => [sent.pluginId(), sent.packetsPerSecond(), sent.bytesPerSecond()]);
}

/** By which the worker knows the plugin. */
function idIn(worker: StandInWorker): string {
	return readIssueHostToken(worker.requestsOf(Body.IssueHostToken)[0]!).pluginId()!;
}

t.test('limits reach every worker, those to come included, once it knows the plugin', async (t) => {
	const { plugin, worker, addWorker } = await stage(t, { plugin: { limits: { packetsPerSecond: 100 } } });

	await until('the limits', () => limitsIn(worker).length > 0);
	t.same(limitsIn(worker), [[idIn(worker), 100, 0]], 'what is left out is left to the worker');
	t.ok(worker.requests.findIndex(({ type }) => type === Body.IssueHostToken) < worker.requests.findIndex(({ type }) => type === Body.SetLimits));

	const later = await addWorker();

	await plugin.attach({ router: later.createRouter('router-2') });
	await until('the limits', () => limitsIn(later).length > 0);
	t.same(limitsIn(later), [[idIn(later), 100, 0]]);
});

t.test('without limits nothing is said', async (t) => {
	const { plugin, worker, router } = await stage(t);

	await plugin.attach({ router });
	t.same(limitsIn(worker), []);
});

t.test('limits change at run time, and what is left out stays', async (t) => {
	const { plugin, worker, addWorker } = await stage(t, { plugin: { limits: { packetsPerSecond: 100, bytesPerSecond: 5_000 } } });

	await plugin.setLimits({ bytesPerSecond: 9_000 });
	t.same(limitsIn(worker).at(-1), [idIn(worker), 100, 9_000]);

	const later = await addWorker();

	await plugin.attach({ router: later.createRouter('router-2') });
	await until('the limits', () => limitsIn(later).length > 0);
	t.same(limitsIn(later), [[idIn(later), 100, 9_000]]);
});

t.test('bad limits are named as they were written', async (t) => {
	const { plugin, worker } = await stage(t);

	await t.rejects(plugin.setLimits({ packetsPerSecond: 0 }), { code: 'MPH_ERR_OPTION_VALUE', message: /setLimits\(\): option "packetsPerSecond" is 0/ });
	await t.rejects(plugin.setLimits({ packets: 1 } as object), { code: 'MPH_ERR_UNKNOWN_OPTION', message: /setLimits\(\): unknown option "packets"/ });
	t.same(limitsIn(worker), []);
	plugin.close();
	await t.rejects(plugin.setLimits({}), { code: 'MPH_ERR_CLOSED', message: /setLimits\(\)/ });
});

t.test('a worker that refuses is told of', async (t) => {
	const { plugin, log } = await stage(t, {
		answers: { [Body.SetLimits]: ({ id }) => failure(id, ErrorCode.NotFound, 'there is no plugin') },
		plugin: { limits: { packetsPerSecond: 100 } },
	});

	await until('a line', () => log.length > 0);
	t.match(log, [/was not told what plugin .* may inject: .*there is no plugin/]);
	await t.rejects(plugin.setLimits({ packetsPerSecond: 5 }), { name: 'WorkerRefusedError', code: 'MPH_ERR_WORKER_REFUSED', message: /there is no plugin/ });
});
