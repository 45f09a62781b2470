// Adoption and the environment, with workers that stand in.

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import t from 'tap';

import { directoryVariable } from '../../src/app-dir.ts';
import { Body, ErrorCode, ProtocolVersion, Role } from '../../src/generated/control.js';
import { LayoutVersion } from '../../src/generated/layout.js';
import { createPluginHost } from '../../src/index.ts';
import type { CodedError, PluginHost, PluginHostOptions } from '../../src/types.ts';
import { fixturePlugin } from '../helpers/binaries.ts';
import { nextEvent } from '../helpers/events.ts';
import { isAlive, standInHost } from '../helpers/processes.ts';
import { StandInWorker, standInMediasoup } from '../helpers/stand-in-worker.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { until } from '../helpers/until.ts';
import { failure, ok, readHello, readIssueHostToken, readRemovePlugin } from '../helpers/worker-messages.ts';

const file = fixturePlugin('accept-all');

async function open(t: Test, options: Partial<PluginHostOptions> = {}): Promise<{ pluginHost: PluginHost; mediasoup: PluginHostOptions['mediasoup']; dir: string }> {
	const mediasoup = standInMediasoup();
	const pluginHost = await createPluginHost({ mediasoup, hostBin: standInHost, ...options });

	t.teardown(() => pluginHost.close());

	return { pluginHost, mediasoup, dir: (await pluginHost.dump()).dir };
}

t.test('workers find the directory in their environment, and it is as before when all is closed', async (t) => {
	for (const before of [undefined, '/of/a/parent/app']) {
		delete process.env[directoryVariable];
		if (before !== undefined) {
			process.env[directoryVariable] = before;
		}

		const { pluginHost, dir } = await open(t);

		t.equal(process.env[directoryVariable], dir);
		t.ok(existsSync(join(dir, 'token')));
		pluginHost.close();
		t.equal(process.env[directoryVariable], before);
		t.notOk(existsSync(dir));
	}
	delete process.env[directoryVariable];
});

t.test('`dir` says where the directory is made', async (t) => {
	const parent = tempDir();
	const { dir } = await open(t, { dir: parent });

	t.same(readdirSync(parent).map((name) => join(parent, name)), [dir]);
});

t.test('only one is open at a time, also while it opens, and one that failed does not count', async (t) => {
	const mediasoup = standInMediasoup();

	await t.rejects(createPluginHost({ mediasoup, dir: '/nowhere' }), { code: 'MPH_ERR_DIR' });

	const first = createPluginHost({ mediasoup });

	await t.rejects(createPluginHost({ mediasoup }), { name: 'InvalidStateError', code: 'MPH_ERR_ALREADY_OPEN' });
	(await first).close();
});

t.test('it introduces itself as the controller, with the token of the directory', async (t) => {
	const { pluginHost, mediasoup, dir } = await open(t);
	const adopted = nextEvent(pluginHost, 'workeradopted');
	const worker = await StandInWorker.create(mediasoup, dir);

	t.equal(await adopted, worker);

	const hello = readHello(worker.requests[0]!);

	t.same([hello.role(), hello.pid()], [Role.Controller, process.pid]);
	t.same([hello.protocolVersion(), hello.layoutVersion()], [ProtocolVersion.Current, LayoutVersion.Current]);
	t.match(hello.token(), /^[0-9a-f]{64}$/);
});

t.test('a router may be attached to before its worker has answered the first word', async (t) => {
	const { pluginHost, mediasoup, dir } = await open(t);
	const plugin = await pluginHost.createPlugin({ file });
	const worker = await StandInWorker.create(mediasoup, dir);

	t.same(worker.requests, []);
	t.ok((await plugin.attach({ router: worker.createRouter('router-1') })).active);
});

t.test('a plugin is introduced to each worker, those to come included, with a token for each', async (t) => {
	const { pluginHost, mediasoup, dir } = await open(t);
	const before = await StandInWorker.create(mediasoup, dir);
	const plugin = await pluginHost.createPlugin({ file });
	const after = await StandInWorker.create(mediasoup, dir);

	await until('both know it', () => [before, after].every((worker) => worker.requestsOf(Body.IssueHostToken).length === 1));

	const [one, two] = [before, after].map((worker) => readIssueHostToken(worker.requestsOf(Body.IssueHostToken)[0]!));

	t.same([one!.pluginId(), two!.pluginId()], [plugin.id, plugin.id]);
	t.not(one!.token(), two!.token());
});

t.test('a plugin says how it was placed, its stats where it is', async (t) => {
	const { pluginHost } = await open(t);
	const [byDefault, shared] = [await pluginHost.createPlugin({ file }), await pluginHost.createPlugin({ file, placement: 'shared' })];

	t.equal(byDefault.placement, 'auto');
	t.equal(shared.placement, 'shared');
	t.match(await shared.dump(), { placement: 'shared' });
	t.match((await shared.getStats()).instances, [{ placement: { now: 'shared', reason: 'it was told so', cpu: 0, moves: 1 }, sleeps: 2, spins: 3 }]);
});

t.test('a closed plugin is removed from every worker', async (t) => {
	const { pluginHost, mediasoup, dir } = await open(t);
	const workers = [await StandInWorker.create(mediasoup, dir), await StandInWorker.create(mediasoup, dir)];
	const plugin = await pluginHost.createPlugin({ file });

	plugin.close();
	plugin.close();
	await until('both know it', () => workers.every((worker) => worker.requestsOf(Body.RemovePlugin).length === 1));
	t.equal(readRemovePlugin(workers[0]!.requestsOf(Body.RemovePlugin)[0]!).pluginId(), plugin.id);
	await t.rejects(plugin.getStats(), { code: 'MPH_ERR_CLOSED' });
});

t.test('a plugin that cannot be created is removed again, and its host ends', async (t) => {
	const { pluginHost, mediasoup, dir } = await open(t);
	const worker = await StandInWorker.create(mediasoup, dir, {
		answers: { [Body.IssueHostToken]: ({ id }) => failure(id, ErrorCode.Budget, 'no more plugins') },
	});

	await t.rejects(pluginHost.createPlugin({ file }), { code: 'MPH_ERR_WORKER_BUDGET', message: /no more plugins/ });
	await until('it is removed', () => worker.requestsOf(Body.RemovePlugin).length === 1);
	t.same((await pluginHost.dump()).pluginIds, []);
});

t.test('a plugin host that is closed while a plugin starts says so', async (t) => {
	const { pluginHost } = await open(t);
	const creating = pluginHost.createPlugin({ file });

	// The file is looked at first; the host is on its way when the next turn comes.
	setImmediate(() => setImmediate(() => pluginHost.close()));
	await t.rejects(creating, { code: 'MPH_ERR_CLOSED' });
});

t.test('a worker that hangs up and lives on has let go of its plugins', async (t) => {
	const { pluginHost, mediasoup, dir } = await open(t);
	const worker = await StandInWorker.create(mediasoup, dir);
	const plugin = await pluginHost.createPlugin({ file });
	const router = worker.createRouter('router-1');
	const attachment = await plugin.attach({ router });
	const closed = nextEvent(attachment, 'workerclose');

	worker.hangUp();
	await closed;
	t.ok(attachment.closed);
	t.notOk(plugin.closed);
	t.same((await pluginHost.dump()).workerPids, []);
	await t.rejects(plugin.attach({ router }), { code: 'MPH_ERR_WORKER_CLOSED' });
});

t.test('a worker that cannot be used is told of, once, and the others are none the worse', async (t) => {
	const warnings: string[] = [];
	const { pluginHost, mediasoup, dir } = await open(t, { logger: { warn: (line) => warnings.push(line) } });
	const refusals: CodedError[] = [];

	pluginHost.on('workerrefused', (_, error) => refusals.push(error));
	await StandInWorker.create(mediasoup, undefined);

	const well = await StandInWorker.create(mediasoup, dir);
	const plugin = await pluginHost.createPlugin({ file });

	t.match(refusals, [{ code: 'MPH_ERR_STOCK_WORKER' }]);
	t.match(warnings, [/does not support plugins/]);
	t.ok((await plugin.attach({ router: well.createRouter('router-1') })).active);
	t.same((await pluginHost.dump()).workerPids, [well.pid]);
});

t.test('stats do without a worker that does not answer', async (t) => {
	const { pluginHost, mediasoup, dir } = await open(t, { timeoutMs: 5_000 });
	const [mute, well] = [
		await StandInWorker.create(mediasoup, dir, { answers: { [Body.GetStats]: () => undefined } }),
		await StandInWorker.create(mediasoup, dir),
	];
	const plugin = await pluginHost.createPlugin({ file });

	well.verdicts.set(plugin.id, 42);
	well.verdicts.set('another plugin', 1);

	const { workers, plugins } = await pluginHost.getStats();

	t.ok(mute.requestsOf(Body.GetStats).length > 0);
	t.same(workers.map(({ workerPid }) => workerPid), [well.pid]);
	t.match(plugins.get(plugin.id), { host: { pid: plugin.hostPid, starts: 1 }, workers: [{ workerPid: well.pid, verdicts: 42 }] });
	t.equal(plugins.get(plugin.id)!.workers.length, 1);
});

t.test('hosts end with the plugin host, when the workers have let go of them', async (t) => {
	const { pluginHost, mediasoup, dir } = await open(t);
	const answers: (() => void)[] = [];
	const worker = await StandInWorker.create(mediasoup, dir, {
		answers: {
			[Body.RemovePlugin]: ({ id }, worker) => {
				answers.push(() => worker.say(ok(id)));

				return undefined;
			},
		},
	});
	const { hostPid } = await pluginHost.createPlugin({ file });
	const disconnected = nextEvent(worker.events, 'disconnect');

	pluginHost.close();
	await until('the request', () => answers.length === 1);
	t.ok(isAlive(hostPid!));
	answers[0]!();
	await disconnected;
	await until('the end of the host', () => !isAlive(hostPid!));
});

t.test('what mediasoup makes after it was closed is none of its business', async (t) => {
	const { pluginHost, mediasoup } = await open(t);
	const dir = tempDir();

	pluginHost.close();

	const worker = await StandInWorker.create(mediasoup, dir);

	t.equal(mediasoup.observer.listenerCount('newworker'), 0);
	t.same(worker.requests, []);
	await t.rejects(pluginHost.configureRouter(worker.createRouter('router-1'), {}), { code: 'MPH_ERR_CLOSED' });
	await t.rejects(pluginHost.getStats(), { code: 'MPH_ERR_CLOSED' });
});
