// For every code that the library exports, what triggers it. test/unit/errors.test.ts runs what needs no real worker, and fails for a code
// that has no case; test/integration/bad-input.test.ts runs the rest, and looks whether calls stayed as they were.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import * as mediasoup from 'mediasoup';
import type { types } from 'mediasoup';

import { verdictNumber } from '../../plugin-host/runner/instance/decisions.ts';
import { directoryVariable } from '../../src/app-dir.ts';
import { Body, ErrorCode as FailureCode } from '../../src/generated/control.js';
import { createPluginHost } from '../../src/index.ts';
import { PluginHost } from '../../src/plugin-host.ts';
import { definePlugin } from '../../src/plugin/define-plugin.ts';
import { KnownRouter } from '../../src/plugin/known-objects.ts';
import { PacketView } from '../../src/plugin/packet-view.ts';
import type { ViewServices } from '../../src/plugin/record-view.ts';
import type { ErrorCode, Plugin, PluginHostOptions } from '../../src/types.ts';
import { findWorkerBin } from '../../src/worker-bin.ts';
import { fixturePlugin } from './binaries.ts';
import { mediaCodecs } from './call.ts';
import { nextEvent } from './events.ts';
import { hostScript, standInHost } from './processes.ts';
import { ScriptStage, packetBytes } from './script-stage.ts';
import type { StandInOptions } from './stand-in-worker.ts';
import { StandInRouter, StandInWorker, standInMediasoup } from './stand-in-worker.ts';
import { tempDir } from './temp-dir.ts';
import type { Request } from './worker-messages.ts';
import { failure, ok, welcome } from './worker-messages.ts';

/** What a case that needs a real worker finds: an open plugin host with a plugin, a worker with a router. */
export type World = {
	readonly pluginHost: PluginHost;
	readonly worker: types.Worker;
	readonly router: types.Router;
	readonly plugin: Plugin;
};

export type ErrorCase = {
	readonly code: ErrorCode;
	readonly title: string;
	/** The value that the message must name. */
	readonly names: RegExp;
};

export type CaseWithoutWorker = ErrorCase & {
	/** Must reject. */
	readonly run: () => Promise<unknown>;
};

export type CaseWithWorker = ErrorCase & {
	/** Must reject. */
	readonly run: (world: World) => Promise<unknown>;
};

/** These need nothing but sockets and processes. */
export const casesWithoutWorker: readonly CaseWithoutWorker[] = [
	{
		code: 'MPH_ERR_UNKNOWN_OPTION',
		title: 'an option that does not exist',
		names: /"bogus"/,
		run: () => createPluginHost({ mediasoup, bogus: true } as PluginHostOptions),
	},
	{
		code: 'MPH_ERR_OPTION_TYPE',
		title: 'an option of the wrong type',
		names: /"dir" is 5/,
		run: () => createPluginHost({ mediasoup, dir: 5 } as unknown as PluginHostOptions),
	},
	{
		code: 'MPH_ERR_OPTION_VALUE',
		title: 'an option out of range',
		names: /"timeoutMs" is -1/,
		run: () => createPluginHost({ mediasoup, timeoutMs: -1 }),
	},
	{
		code: 'MPH_ERR_PLATFORM',
		title: 'another platform than Linux',
		names: /"darwin"/,
		run: () => PluginHost.open({ mediasoup }, 'darwin'),
	},
	{
		code: 'MPH_ERR_DIR',
		title: 'a directory that cannot be written to',
		// Not even root can make a directory there.
		names: /"\/proc\/self"/,
		run: () => createPluginHost({ mediasoup, dir: '/proc/self' }),
	},
	{
		code: 'MPH_ERR_WORKER_BIN',
		title: 'a worker binary that is not there',
		names: /"\/nowhere\/mediasoup-worker"/,
		run: () => createPluginHost({ mediasoup, workerBin: '/nowhere/mediasoup-worker' }),
	},
	{
		code: 'MPH_ERR_HOST_BIN',
		title: 'a native host that is not there',
		names: /"\/nowhere\/host"/,
		run: () => createPluginHost({ mediasoup, hostBin: '/nowhere/host' }),
	},
	{
		code: 'MPH_ERR_ALREADY_OPEN',
		title: 'a second plugin host in one process',
		names: /one/,
		run: () => opened({}, () => createPluginHost({ mediasoup })),
	},
	{
		code: 'MPH_ERR_CLOSED',
		title: 'a closed plugin host',
		names: /createPlugin\(\)/,
		run: () =>
			opened({}, (pluginHost) => {
				pluginHost.close();

				return pluginHost.createPlugin({ file: fixturePlugin('accept-all') });
			}),
	},
	{
		code: 'MPH_ERR_CLOSED',
		title: 'a closed plugin',
		names: /attach\(\)/,
		run: () =>
			attached({}, async (plugin, router) => {
				plugin.close();
				await plugin.attach({ router });
			}),
	},
	{
		code: 'MPH_ERR_CLOSED',
		title: 'a closed attachment',
		names: /pause\(\)/,
		run: () =>
			attached({}, async (plugin, router) => {
				const attachment = await plugin.attach({ router });

				attachment.close();
				await attachment.pause();
			}),
	},
	{
		code: 'MPH_ERR_PLUGIN_FILE',
		title: 'a plugin file that is missing',
		names: /\/nowhere\/plugin\.so/,
		run: () => opened({}, (pluginHost) => pluginHost.createPlugin({ file: '/nowhere/plugin.so' })),
	},
	{
		code: 'MPH_ERR_PLUGIN_FILE',
		title: 'a plugin file that is no shared object',
		names: /text\.so/,
		run: () => opened({}, (pluginHost) => pluginHost.createPlugin({ file: textFile() })),
	},
	{
		code: 'MPH_ERR_PLUGIN_FILE',
		title: 'a plugin file of no known kind',
		names: /"\/etc\/passwd"/,
		run: () => opened({}, (pluginHost) => pluginHost.createPlugin({ file: '/etc/passwd' })),
	},
	{
		code: 'MPH_ERR_PLUGIN_FILE',
		title: 'a plugin file that is a directory',
		names: /directory\.so/,
		run: () => opened({}, (pluginHost) => pluginHost.createPlugin({ file: directory() })),
	},
	{
		code: 'MPH_ERR_PLUGIN_ABI',
		title: 'a plugin of another ABI version',
		names: /wrong-abi\.so has ABI version 99/,
		run: () => opened({}, (pluginHost) => pluginHost.createPlugin({ file: fixturePlugin('wrong-abi') })),
	},
	{
		code: 'MPH_ERR_PLUGIN_CREATE',
		title: 'a plugin that throws in create',
		names: /throws-in-create/,
		run: () => opened({}, (pluginHost) => pluginHost.createPlugin({ file: fixturePlugin('throws-in-create') })),
	},
	{
		code: 'MPH_ERR_PLUGIN_KIND',
		title: 'a script in a group of shared objects',
		names: /script\.mjs" is a script, and the host of group "first" runs shared objects alone/,
		run: () =>
			opened({ hostBin: standInHost }, async (pluginHost) => {
				await pluginHost.createPlugin({ file: fixturePlugin('accept-all'), group: 'first' });
				await pluginHost.createPlugin({ file: script(), group: 'first' });
			}),
	},
	{
		code: 'MPH_ERR_HOST_DIED',
		title: 'a host that ends while it loads the plugin',
		names: /exited with code 3/,
		run: () => opened({ hostBin: hostScript('exit 3') }, (pluginHost) => pluginHost.createPlugin({ file: fixturePlugin('accept-all') })),
	},
	{
		code: 'MPH_ERR_TIMEOUT',
		title: 'a host that does not answer',
		names: /LoadPlugin within 50 ms/,
		run: () =>
			opened({ hostBin: hostScript('exec sleep 1000'), timeoutMs: 50 }, (pluginHost) => pluginHost.createPlugin({ file: fixturePlugin('accept-all') })),
	},
	{
		code: 'MPH_ERR_TIMEOUT',
		title: 'an attachment that no host serves in time',
		names: /router-1 did not become active within 2000 ms/,
		// It also has to do for starting the host.
		run: () =>
			attached({ answers: { [Body.Attach]: ({ id }) => ok(id) } }, (plugin, router) => plugin.attach({ router }), { timeoutMs: 2_000 }),
	},
	{
		code: 'MPH_ERR_NO_INSTANCE',
		title: 'a request when there is no worker',
		names: /"setLimit" cannot be sent: there is no worker/,
		run: () =>
			opened({ hostBin: standInHost }, async (pluginHost) => {
				const plugin = await pluginHost.createPlugin({ file: fixturePlugin('accept-all') });

				await plugin.request('setLimit', { packetsPerSecond: 5 });
			}),
	},
	{
		code: 'MPH_ERR_REQUEST_TIMEOUT',
		title: 'a request that the plugin does not answer',
		names: /request "never" was not answered within 20 ms/,
		run: () => attached({}, (plugin) => plugin.request('never', {}, { timeoutMs: 20 })),
	},
	{
		code: 'MPH_ERR_REQUEST_FAILED',
		title: 'a request that the plugin refuses',
		names: /request "fail" failed in worker \d+: worker \d+ will not have it/,
		run: () => attached({}, (plugin) => plugin.request('fail')),
	},
	{
		code: 'MPH_ERR_VIEW_EXPIRED',
		title: 'a packet that a plugin kept',
		names: /copy\(\)/,
		run: async () => {
			let kept: PacketView | undefined;
			const onPacket = (packet: PacketView): void => void (kept = packet);

			(await ScriptStage.open(definePlugin({ setup: () => ({ onPacket }) }))).run([packetBytes()]);

			return kept!.ssrc;
		},
	},
	{
		code: 'MPH_ERR_VERDICT',
		title: 'a verdict that is none',
		names: /'maybe'; verdicts are 'accept', 'drop'/,
		run: async () => verdictNumber('maybe', new PacketView({} as ViewServices, new KnownRouter(1))),
	},
	{
		code: 'MPH_ERR_HOST_USER',
		title: 'hosts under another user by an app that is not root',
		names: /user 65534: .*this app runs as user 1234/,
		run: () => asUser(1_234, () => createPluginHost({ mediasoup, hostUser: { uid: 65_534, gid: 65_534 } })),
	},
	{
		code: 'MPH_ERR_BUSY',
		title: 'a second restart while one is under way',
		names: /^upgrade\(\): restart\(\) of the plugin .*accept-all\.so is under way/,
		run: () =>
			attached({}, async (plugin) => {
				const restarting = plugin.restart();

				restarting.catch(() => {});
				await plugin.upgrade();
			}),
	},
	{
		code: 'MPH_ERR_QUARANTINED',
		title: 'a plugin that is quarantined',
		names: /accept-all\.so died 1 times in a row/,
		run: () =>
			attached({}, async (plugin, router) => {
				const quarantined = nextEvent(plugin, 'quarantine');

				process.kill(plugin.hostPid!, 'SIGABRT');
				await quarantined;
				await plugin.attach({ router });
			}),
	},
	{
		code: 'MPH_ERR_STOCK_WORKER',
		title: 'a worker that does not listen',
		names: /worker \d+ does not support plugins: .*pluginHost\.workerBin/,
		run: async () => {
			const stock = standInMediasoup();

			return opened({ mediasoup: stock, hostBin: standInHost }, async (pluginHost) => {
				const plugin = await pluginHost.createPlugin({ file: fixturePlugin('accept-all') });
				const worker = await StandInWorker.create(stock, undefined);

				await plugin.attach({ router: worker.createRouter('router-1') });
			});
		},
	},
	{
		code: 'MPH_ERR_VERSION_MISMATCH',
		title: 'a worker of another mediasoup version',
		names: /mediasoup 3\.26\.0.*3\.27\.1/,
		run: () => attached({ mediasoupVersion: '3.26.0' }, (plugin, router) => plugin.attach({ router })),
	},
	{
		code: 'MPH_ERR_PROTOCOL_VERSION',
		title: 'a worker of another protocol version',
		names: /control protocol 99 .*3/,
		run: () => attached({ answers: { [Body.Hello]: ({ id }) => welcome(id, 99, 1, 1, '3.27.1') } }, (plugin, router) => plugin.attach({ router })),
	},
	{
		code: 'MPH_ERR_PROTOCOL_VERSION',
		title: 'a worker that refuses our protocol version',
		names: /only version 7/,
		run: () =>
			attached({ answers: { [Body.Hello]: ({ id }) => failure(id, FailureCode.Version, 'only version 7') } }, (plugin, router) =>
				plugin.attach({ router }),
			),
	},
	{
		code: 'MPH_ERR_PROTOCOL',
		title: 'a worker that does not speak the protocol',
		names: /worker \d+ broke the control protocol/,
		run: () => attached({ answers: { [Body.Hello]: () => Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n') } }, (plugin, router) => plugin.attach({ router })),
	},
	{
		code: 'MPH_ERR_WORKER_REFUSED',
		title: 'a worker whose token is another one',
		names: /wrong controller token/,
		run: () =>
			attached({ answers: { [Body.Hello]: ({ id }) => failure(id, FailureCode.Forbidden, 'wrong controller token') } }, (plugin, router) =>
				plugin.attach({ router }),
			),
	},
	{
		code: 'MPH_ERR_WORKER_BUDGET',
		title: 'a worker that has no room for one more ring',
		names: /4096 pairs/,
		run: () =>
			attached({ answers: { [Body.Attach]: ({ id }) => failure(id, FailureCode.Budget, 'its budget is 4096 pairs') } }, (plugin, router) =>
				plugin.attach({ router }),
			),
	},
	{
		code: 'MPH_ERR_WORKER_CLOSED',
		title: 'a worker that dies before it answers',
		names: /worker \d+ closed or died/,
		run: () =>
			attached({ answers: { [Body.Attach]: (_, worker) => (worker.hangUp(), undefined) } }, (plugin, router) => plugin.attach({ router })),
	},
	{
		code: 'MPH_ERR_ROUTER_CLOSED',
		title: 'a router that is closed',
		names: /router-1 is closed/,
		run: () =>
			attached({}, (plugin, router) => {
				router.close();

				return plugin.attach({ router });
			}),
	},
	{
		code: 'MPH_ERR_ROUTER_CLOSED',
		title: 'a router that closes meanwhile',
		names: /router-1 closed/,
		run: () =>
			attached({ answers: { [Body.Attach]: () => undefined } }, (plugin, router, worker) => {
				worker.events.on('request', ({ type }: Request) => type === Body.Attach && router.close());

				return plugin.attach({ router });
			}),
	},
	{
		code: 'MPH_ERR_ROUTER_NOT_FOUND',
		title: 'a router of a worker that was not adopted',
		names: /elsewhere/,
		run: () => attached({}, (plugin) => plugin.attach({ router: new StandInRouter('elsewhere') })),
	},
	{
		code: 'MPH_ERR_PRODUCER_NOT_FOUND',
		title: 'a producer that nobody knows',
		names: /producer-9/,
		run: () => attached({}, (plugin) => plugin.attach({ producerId: 'producer-9' })),
	},
	{
		code: 'MPH_ERR_PRODUCER_CLOSED',
		title: 'a producer that closes meanwhile',
		names: /producer-1 closed/,
		run: () =>
			attached({ answers: { [Body.Attach]: () => undefined } }, (plugin, router, worker) => {
				const producer = router.produce('producer-1');

				worker.events.on('request', ({ type }: Request) => type === Body.Attach && producer.close());

				return plugin.attach({ producerId: 'producer-1' });
			}),
	},
	{
		code: 'MPH_ERR_DATA_PRODUCER_NOT_FOUND',
		title: 'a data producer that nobody knows',
		names: /data producer data-9/,
		run: () => attached({}, (plugin) => plugin.attach({ dataProducerId: 'data-9', onAbsent: 'accept', onOverflow: 'accept' })),
	},
	{
		code: 'MPH_ERR_DATA_PRODUCER_CLOSED',
		title: 'a data producer that closes meanwhile',
		names: /data producer data-1 closed/,
		run: () =>
			attached({ answers: { [Body.Attach]: () => undefined } }, (plugin, router, worker) => {
				const dataProducer = router.produceData('data-1');

				worker.events.on('request', ({ type }: Request) => type === Body.Attach && dataProducer.close());

				return plugin.attach({ dataProducerId: 'data-1', onAbsent: 'accept', onOverflow: 'accept' });
			}),
	},
	{
		code: 'MPH_ERR_TRANSPORT_NOT_FOUND',
		title: 'a DirectTransport that nobody knows',
		names: /DirectTransport transport-9/,
		run: () =>
			attached({}, (plugin) => plugin.attach({ transport: { id: 'transport-9', closed: false, type: 'direct' }, onAbsent: 'accept', onOverflow: 'accept' })),
	},
	{
		code: 'MPH_ERR_TRANSPORT_CLOSED',
		title: 'a DirectTransport that closes meanwhile',
		names: /transport transport-1 closed/,
		run: () =>
			attached({ answers: { [Body.Attach]: () => undefined } }, (plugin, router, worker) => {
				const transport = router.createDirectTransport('transport-1');

				worker.events.on('request', ({ type }: Request) => type === Body.Attach && transport.close());

				return plugin.attach({ transport, onAbsent: 'accept', onOverflow: 'accept' });
			}),
	},
	{
		code: 'MPH_ERR_NOT_TARGETED',
		title: 'a target for an attachment to a whole router',
		names: /addProducer\(\): attachment .* is to router router-1/,
		run: () => attached({}, async (plugin, router) => (await plugin.attach({ router })).addProducer('producer-1')),
	},
	{
		code: 'MPH_ERR_RING_SIZE',
		title: 'a data producer whose messages are too long for the ring',
		names: /1048577 bytes, .* has 1048576/,
		run: () =>
			attached({}, (plugin, router) => {
				router.produceData('data-1', { sctpParameters: { maxReceiveMessageSize: 1_048_577 } });

				return plugin.attach({ dataProducerId: 'data-1', onAbsent: 'accept', onOverflow: 'accept' });
			}),
	},
];

/** These need our worker. */
export const casesWithWorker: readonly CaseWithWorker[] = [
	{
		code: 'MPH_ERR_STOCK_WORKER',
		title: "a worker that is mediasoup's own",
		names: /worker \d+ does not support plugins/,
		run: async ({ plugin }) => {
			const stock = await createStockWorker();

			try {
				await plugin.attach({ router: await stock.createRouter({ mediaCodecs }) });
			} finally {
				stock.close();
			}
		},
	},
	{
		code: 'MPH_ERR_ROUTER_CLOSED',
		title: 'a router that was closed',
		names: /router [0-9a-f-]{36} is closed/,
		run: async ({ plugin, worker }) => {
			const router = await worker.createRouter({ mediaCodecs });

			router.close();
			await plugin.attach({ router });
		},
	},
	{
		code: 'MPH_ERR_PRODUCER_NOT_FOUND',
		title: 'a producer that the router does not have',
		names: /no-such-producer/,
		run: ({ plugin, router }) => plugin.attach({ router, producerId: 'no-such-producer' }),
	},
	{
		code: 'MPH_ERR_ROUTER_NOT_FOUND',
		title: 'ring sizes for a router that nobody knows',
		names: /elsewhere/,
		run: ({ pluginHost }) => pluginHost.configureRouter(new StandInRouter('elsewhere'), { packetRingSize: 2 ** 20 }),
	},
	{
		code: 'MPH_ERR_OPTION_VALUE',
		title: 'a ring size that is no power of two',
		names: /"packetRingSize" is 300000/,
		run: ({ pluginHost, router }) => pluginHost.configureRouter(router, { packetRingSize: 300_000 }),
	},
	{
		code: 'MPH_ERR_PLUGIN_CREATE',
		title: 'a plugin whose create fails',
		names: /fails-in-create/,
		run: ({ pluginHost }) => pluginHost.createPlugin({ file: fixturePlugin('fails-in-create') }),
	},
	{
		code: 'MPH_ERR_PLUGIN_FILE',
		title: 'a plugin that is no shared object',
		names: /text\.so/,
		run: ({ pluginHost }) => pluginHost.createPlugin({ file: textFile() }),
	},
	{
		code: 'MPH_ERR_WORKER_CLOSED',
		title: 'a worker that was killed',
		names: /worker \d+ closed or died/,
		run: async ({ plugin, pluginHost }) => {
			const worker = await mediasoup.createWorker({ workerBin: pluginHost.workerBin });
			const router = await worker.createRouter({ mediaCodecs });
			const attaching = plugin.attach({ router });

			process.kill(worker.pid, 'SIGKILL');
			await attaching;
		},
	},
];

async function opened<T>(options: Partial<PluginHostOptions>, run: (pluginHost: PluginHost) => Promise<T>): Promise<T> {
	const pluginHost = await createPluginHost({ mediasoup, ...options });

	try {
		return await run(pluginHost);
	} finally {
		pluginHost.close();
	}
}

/** With a plugin whose host does nothing, and a worker that stands in with a router in it. */
async function attached<T>(
	options: StandInOptions,
	run: (plugin: Plugin, router: StandInRouter, worker: StandInWorker) => Promise<T>,
	hostOptions: Partial<PluginHostOptions> = {},
): Promise<T> {
	const module = standInMediasoup();

	return opened({ mediasoup: module, hostBin: standInHost, ...hostOptions }, async (pluginHost) => {
		const worker = await StandInWorker.create(module, (await pluginHost.dump()).dir, options);
		const router = worker.createRouter('router-1');

		try {
			return await run(await pluginHost.createPlugin({ file: fixturePlugin('accept-all'), crashBudget: 1 }), router, worker);
		} finally {
			worker.close();
		}
	});
}

/** For as long as `run` takes; the system is not asked. */
async function asUser<T>(uid: number, run: () => Promise<T>): Promise<T> {
	const { getuid } = process;

	process.getuid = () => uid;

	try {
		return await run();
	} finally {
		process.getuid = getuid!;
	}
}

/** Without the variable our worker is as good as mediasoup's own. */
async function createStockWorker(): Promise<types.Worker> {
	const dir = process.env[directoryVariable];

	delete process.env[directoryVariable];

	try {
		return await mediasoup.createWorker({ workerBin: findWorkerBin(undefined) });
	} finally {
		process.env[directoryVariable] = dir;
	}
}

function textFile(): string {
	const file = join(tempDir(), 'text.so');

	writeFileSync(file, 'this is no shared object');

	return file;
}

function script(): string {
	const file = join(tempDir(), 'script.mjs');

	writeFileSync(file, 'export default undefined;');

	return file;
}

function directory(): string {
	const path = join(tempDir(), 'directory.so');

	mkdirSync(path);

	return path;
}
