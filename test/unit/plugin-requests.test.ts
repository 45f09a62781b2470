// What app and plugin say to one another, with hosts and workers that stand in.

import type { Test } from 'tap';
import t from 'tap';

import { Body, HostPhase } from '../../src/generated/control.js';
import { createPluginHost } from '../../src/index.ts';
import type { MediasoupModule } from '../../src/options.ts';
import type { Plugin, PluginHost, PluginMessage, PluginOptions } from '../../src/types.ts';
import { fixturePlugin } from '../helpers/binaries.ts';
import { nextEvent } from '../helpers/events.ts';
import { standInHost } from '../helpers/processes.ts';
import type { StandInConfig } from '../helpers/stand-in-host.ts';
import { StandInWorker, standInMediasoup } from '../helpers/stand-in-worker.ts';
import { until } from '../helpers/until.ts';
import { hostStateChanged, ok, readPromoteHost } from '../helpers/worker-messages.ts';

const file = fixturePlugin('accept-all');

type Stage = {
	readonly mediasoup: MediasoupModule;
	readonly dir: string;
	readonly pluginHost: PluginHost;
	readonly plugin: Plugin<StandInConfig>;
	/** The oldest first. */
	readonly workers: readonly StandInWorker[];
	readonly log: readonly string[];
};

type Who = { readonly plugin: string; readonly host: number; readonly worker: number };

async function stage(t: Test, workerCount = 1, options: Partial<PluginOptions<StandInConfig>> = {}): Promise<Stage> {
	const mediasoup = standInMediasoup();
	const log: string[] = [];
	const pluginHost = await createPluginHost({ mediasoup, hostBin: standInHost, logger: { warn: (line) => log.push(line) } });
	const { dir } = await pluginHost.dump();
	const workers: StandInWorker[] = [];

	for (let count = 0; count < workerCount; count++) {
		workers.push(await StandInWorker.create(mediasoup, dir));
	}
	t.teardown(() => (pluginHost.close(), workers.forEach((worker) => worker.close())));

	return { mediasoup, dir, pluginHost, plugin: await pluginHost.createPlugin<StandInConfig>({ file, ...options }), workers, log };
}

const who = (plugin: Plugin<StandInConfig>, worker?: StandInWorker): Promise<Who> =>
	plugin.request('who', undefined, worker ? { worker: worker.pid } : {}) as Promise<Who>;

t.test('a request is answered: JSON by JSON, bytes by bytes, nothing by nothing', async (t) => {
	const { plugin } = await stage(t);

	t.same(await plugin.request('echo', { room: 'ä', list: [1, null] }), { room: 'ä', list: [1, null] });
	t.same(await plugin.request('echo', new Uint8Array([0, 255])), new Uint8Array([0, 255]));
	t.equal(await plugin.request('echo'), undefined);

	const largest = new Uint8Array(1_048_576).fill(7);

	t.same(await plugin.request('echo', largest), largest);
});

t.test('every worker is asked, the oldest one answers', async (t) => {
	const { plugin, workers } = await stage(t, 3);
	const pids = workers.map(({ pid }) => pid);

	t.equal((await who(plugin)).worker, pids[0]);
	t.same((await plugin.request('methods')) as string[], ['who', 'who', 'who']);

	const answers = (await plugin.requestAll('who')) as Map<number, Who>;

	t.same([...answers.keys()], pids);
	t.same([...answers.values()].map(({ worker }) => worker), pids);
});

t.test('one worker is asked if it is named', async (t) => {
	const { plugin, workers } = await stage(t, 2);

	t.equal((await who(plugin, workers[1]!)).worker, workers[1]!.pid);
	t.equal(((await plugin.request('who', undefined, { worker: workers[1]! })) as Who).worker, workers[1]!.pid);
	t.same(await plugin.request('methods'), ['who', 'who']);
});

t.test('if one fails, the request fails, with the words of the plugin', async (t) => {
	const { plugin, workers } = await stage(t, 2);
	const { pid } = workers[1]!;

	await t.rejects(plugin.request('fail', {}, { worker: pid }), {
		...{ name: 'RequestFailedError', code: 'MPH_ERR_REQUEST_FAILED' },
		message: `request "fail" failed in worker ${pid}: worker ${pid} will not have it`,
	});
	await t.rejects(plugin.request('fail in', pid), { code: 'MPH_ERR_REQUEST_FAILED' });
	await t.rejects(plugin.requestAll('fail in', pid), { code: 'MPH_ERR_REQUEST_FAILED' });
	await t.rejects(plugin.request('garbage'), { code: 'MPH_ERR_REQUEST_FAILED', message: /no JSON/ });
	t.equal(await plugin.request('fail in', 0), 'no');
});

t.test('without a worker there is nobody to ask', async (t) => {
	const { plugin, mediasoup, dir } = await stage(t, 0);

	await t.rejects(plugin.request('echo'), { name: 'NotFoundError', code: 'MPH_ERR_NO_INSTANCE', message: /"echo" cannot be sent: there is no worker/ });
	await t.rejects(plugin.notify('echo'), { code: 'MPH_ERR_NO_INSTANCE' });

	const worker = await StandInWorker.create(mediasoup, dir);

	t.teardown(() => worker.close());
	await until('its adoption', () => worker.requestsOf(Body.IssueHostToken).length === 1);
	// The host is on its way there.
	t.equal((await who(plugin)).worker, worker.pid);
	await t.rejects(plugin.request('echo', 1, { worker: 1 }), { code: 'MPH_ERR_NO_INSTANCE', message: /no worker 1$/ });
});

t.test('what is not answered in time fails, and what comes after it does not', async (t) => {
	const { plugin } = await stage(t);

	await t.rejects(plugin.request('never', {}, { timeoutMs: 20 }), {
		...{ name: 'TimeoutError', code: 'MPH_ERR_REQUEST_TIMEOUT' },
		message: 'request "never" was not answered within 20 ms',
	});
	t.equal(await plugin.request('echo', 'well'), 'well');
});

t.test('a notification has no answer, and stands in order with requests', async (t) => {
	const { plugin } = await stage(t);

	void plugin.notify('first', { n: 1 });
	await plugin.notify('second');
	t.same(await plugin.request('methods'), ['first', 'second']);
});

t.test('that a notification failed is in the log for whoever does not wait for it', async (t) => {
	const { plugin, log } = await stage(t, 0);

	void plugin.notify('lost');
	await until('the line', () => log.some((line) => /notification "lost" for plugin stand-in: .*no worker/.test(line)));
});

t.test('what the plugin says is an event', async (t) => {
	const { plugin, workers, log } = await stage(t, 2);
	const message = nextEvent<PluginMessage>(plugin, 'message');

	await plugin.notify('post', { level: 3 }, { worker: workers[1]! });
	t.same(await message, { name: 'posted', body: { level: 3 }, worker: workers[1]!.pid });

	const bytes = nextEvent<PluginMessage>(plugin, 'message');

	await plugin.notify('post', new Uint8Array([1]), { worker: workers[0]! });
	t.same(await bytes, { name: 'posted', body: new Uint8Array([1]), worker: workers[0]!.pid });
	t.same(log, []);
});

t.test('a request that the host had when it died fails, and is not asked again', async (t) => {
	const { plugin } = await stage(t);
	const pid = plugin.hostPid!;

	await t.rejects(plugin.request('exit'), { name: 'HostDiedError', code: 'MPH_ERR_HOST_DIED', message: new RegExp(`host ${pid} of .* exited with code 3`) });
	await until('the next one', () => plugin.hostPid !== undefined && plugin.hostPid !== pid);
	t.same(await plugin.request('methods'), []);
});

t.test('a request that no host had waits for the next one', async (t) => {
	const { plugin, workers } = await stage(t);
	const pid = plugin.hostPid!;
	const gone = nextEvent(plugin, 'crash');

	workers[0]!.say(hostStateChanged(plugin.id, pid, HostPhase.Gone, 'too many strikes'));
	await until('that is known', () => plugin.hostPid !== pid);

	const answer = who(plugin);

	t.not((await answer).host, pid);
	process.kill(pid, 'SIGKILL');
	await gone;
});

t.test('but no longer than its time limit', async (t) => {
	const { plugin } = await stage(t, 1, { crashBudget: 1_000 });
	let pid = plugin.hostPid!;

	// From the second death in a row on they are followed by a delay that doubles: at last it is one in which nobody can miss the break.
	for (let deaths = 0; deaths < 6; deaths++) {
		await until('a host', () => plugin.hostPid !== undefined && (pid = plugin.hostPid));
		process.kill(pid, 'SIGABRT');
		await until('its end', () => plugin.hostPid !== pid);
	}
	await until('a break', async () => (await plugin.dump()).hostState === 'backoff');
	await t.rejects(plugin.request('echo', {}, { timeoutMs: 5 }), { code: 'MPH_ERR_REQUEST_TIMEOUT', message: /there was no host that it could be sent to/ });
	t.equal(await plugin.request('echo', 1), 1);
});

t.test('in quarantine requests are refused, those that wait included', async (t) => {
	const { plugin, workers } = await stage(t, 1, { crashBudget: 1 });
	const held = plugin.request('hold');

	held.catch(() => {});
	await until('it is there', async () => ((await plugin.request('methods')) as string[]).includes('hold'));

	const quarantine = nextEvent(plugin, 'quarantine');

	workers[0]!.say(hostStateChanged(plugin.id, plugin.hostPid!, HostPhase.Gone, 'too many strikes'));
	await until('that is known', () => plugin.hostPid === undefined);

	const waiting = t.rejects(plugin.request('echo'), { code: 'MPH_ERR_QUARANTINED' });

	await quarantine;
	await waiting;
	await t.rejects(plugin.request('echo'), { code: 'MPH_ERR_QUARANTINED' });
	await t.rejects(held, { code: 'MPH_ERR_QUARANTINED' });
});

t.test('closing rejects what is pending', async (t) => {
	const { plugin } = await stage(t);
	const held = t.rejects(plugin.request('hold'), { name: 'InvalidStateError', code: 'MPH_ERR_CLOSED' });

	plugin.close();
	await held;
	await t.rejects(plugin.request('echo'), { code: 'MPH_ERR_CLOSED' });
	await t.rejects(plugin.notify('echo'), { code: 'MPH_ERR_CLOSED' });
});

t.test('a host gets 64 requests at a time; the others wait in order', async (t) => {
	const { plugin } = await stage(t);
	const held = Array.from({ length: 64 }, (_, index) => plugin.request('hold', index));
	const beyond = plugin.request('beyond', {}, { timeoutMs: 60_000 });
	const late = t.rejects(plugin.request('late', {}, { timeoutMs: 20 }), { code: 'MPH_ERR_REQUEST_TIMEOUT' });

	beyond.catch(() => {});
	await late;
	void plugin.notify('release');

	// It waits behind the request that has no place, so that nothing is released by it.
	const some = Symbol('some');

	t.equal(await Promise.race([...held, new Promise((resolve) => setImmediate(() => resolve(some)))]), some);
	plugin.close();
	await t.rejects(beyond, { code: 'MPH_ERR_CLOSED' });
	await Promise.allSettled(held);
});

t.test('what has a place again goes to whoever waited longest', async (t) => {
	const { plugin } = await stage(t);
	const held = Array.from({ length: 63 }, (_, index) => plugin.request('hold', index));
	const answers = ['a', 'b', 'c', 'd'].map((letter) => plugin.request('echo', letter));

	t.same(await Promise.all(answers), ['a', 'b', 'c', 'd'], 'one place is enough');
	await plugin.notify('release');
	t.same(await Promise.all(held), held.map((_, index) => index));
	t.same((await plugin.request('methods')) as string[], [...held.map(() => 'hold'), ...answers.map(() => 'echo'), 'release']);
});

t.test('a host gets 4 MiB at a time', async (t) => {
	const { plugin } = await stage(t);
	const held = Array.from({ length: 3 }, () => plugin.request('hold', new Uint8Array(1_048_576)));
	const methods = async (): Promise<number> => ((await plugin.request('methods')) as string[]).length;

	// With the method's name the fourth one is more than 4 MiB.
	await until('three', async () => (await methods()) === 3);
	await t.rejects(plugin.request('hold', new Uint8Array(1_048_576), { timeoutMs: 20 }), { code: 'MPH_ERR_REQUEST_TIMEOUT' });
	t.equal(await methods(), 3);
	void plugin.notify('release');
	await Promise.all(held);
	t.equal(((await plugin.request('echo', new Uint8Array(1_048_576))) as Uint8Array).length, 1_048_576);
});

t.test('what is small does not overtake what has no room', async (t) => {
	const { plugin } = await stage(t);
	const held = Array.from({ length: 3 }, () => plugin.request('hold', new Uint8Array(1_048_576)));
	const large = t.rejects(plugin.request('echo', new Uint8Array(1_048_576), { timeoutMs: 60_000 }), { code: 'MPH_ERR_CLOSED' });

	await t.rejects(plugin.request('echo', 1, { timeoutMs: 200 }), { code: 'MPH_ERR_REQUEST_TIMEOUT' });
	plugin.close();
	await large;
	await Promise.allSettled(held);
});

t.test('only the host that serves is asked and heard', async (t) => {
	const heard: unknown[] = [];
	const { plugin, workers } = await stage(t, 1, { standby: true, config: { hello: true } });
	const worker = workers[0]!;
	const pid = plugin.hostPid!;

	plugin.on('message', ({ body }) => heard.push(body));
	worker.say(hostStateChanged(plugin.id, pid, HostPhase.Serving));

	const standby = await until('a standby', async () => (await plugin.dump()).hostPids.find((other) => other !== pid));

	worker.say(hostStateChanged(plugin.id, standby, HostPhase.Warm));
	await until('it is ready', () => plugin.standbyPid === standby);
	t.equal((await who(plugin)).host, pid);
	t.notOk(heard.includes(standby));

	// The worker promotes by itself: from then on the other one counts.
	worker.say(hostStateChanged(plugin.id, pid, HostPhase.Warm));
	worker.say(hostStateChanged(plugin.id, standby, HostPhase.Serving));
	await until('the change', async () => (await who(plugin)).host === standby);

	const message = nextEvent<PluginMessage>(plugin, 'message');

	await plugin.notify('post', 1);
	t.match(await message, { name: 'posted', body: 1 });
});

t.test('while the host is replaced as planned, requests go to whom each worker has promoted', async (t) => {
	const { plugin, workers } = await stage(t);
	const worker = workers[0]!;
	const pid = plugin.hostPid!;

	worker.say(hostStateChanged(plugin.id, pid, HostPhase.Serving));

	const restarting = plugin.restart();
	const next = await until('one more host', async () => (await plugin.dump()).hostPids.find((other) => other !== pid));

	t.equal((await who(plugin)).host, pid);
	worker.say(hostStateChanged(plugin.id, next, HostPhase.Warm));
	await until('the promotion', () => worker.requestsOf(Body.PromoteHost).some((request) => readPromoteHost(request).hostPid() === next));
	worker.say(Buffer.concat([hostStateChanged(plugin.id, pid, HostPhase.Warm), hostStateChanged(plugin.id, next, HostPhase.Serving), ok(0)]));
	await until('the change', async () => (await who(plugin)).host === next);
	await restarting;
});
