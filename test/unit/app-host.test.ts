// Hosts within this very process, with the real addon: how they load what they are given, say things, and end without a trace.

import { readdirSync, readFileSync } from 'node:fs';

import type { Test } from 'tap';
import t from 'tap';

import { AppHost } from '../../src/app-host.ts';
import { Placement } from '../../src/generated/control.js';
import { loadAppRunner } from '../../src/host-command.ts';
import type { PluginDefinition } from '../../src/plugin/define-plugin.ts';
import { definePlugin } from '../../src/plugin/index.ts';
import { inTime } from '../helpers/events.ts';
import { until } from '../helpers/until.ts';

const { runner, addon } = await loadAppRunner();
const load = { pluginId: 'plugin-1', file: '/direct.ts', config: '{}', placement: Placement.Auto };

function open(t: Test, definition: PluginDefinition): AppHost {
	const host = new AppHost({ runner, addon, definition, name: 'direct.ts', timeoutMs: 60_000 });

	t.teardown(() => host.kill());

	return host;
}

const descriptors = (): number => readdirSync('/proc/self/fd').length;
const threads = (): string[] => readdirSync('/proc/self/task').map((id) => readFileSync(`/proc/self/task/${id}/comm`, 'utf8').trim());
const hostThreads = (): number => threads().filter((name) => name === 'mph-host').length;
const handles = (): string[] => process.getActiveResourcesInfo().filter((name) => !name.startsWith('FS') && name !== 'Immediate');

t.test('it runs a definition on this thread, logs, and ends as it is told to', async (t) => {
	const lines: string[] = [];
	let heap: unknown;
	const host = open(
		t,
		definePlugin({
			name: 'here',
			version: '1.2.3',
			setup({ log }) {
				heap = t;
				log.info('set up');

				return { close: () => log.info('closed') };
			},
		}),
	);

	host.on('log', (level, line, pluginId) => lines.push(`${level} ${pluginId}: ${line}`));
	t.equal(host.pid, process.pid);
	t.match(await host.loadPlugin(load), { name: 'here', version: '1.2.3' });
	t.equal(heap, t, 'it has the objects of this heap');
	await until('its line', () => lines.length > 0);
	t.match(await host.getStats(), [{ pluginId: 'plugin-1', workerPid: 0 }]);
	host.shutdown(60_000);
	t.same(await inTime('its end', host.exited), { code: 0, signal: null });
	t.same(lines, ['info plugin-1: set up', 'info plugin-1: closed']);
});

t.test('signals, the CPU and the memory stay as they are', async (t) => {
	const status = (): string[] => readFileSync('/proc/self/status', 'utf8').split('\n').filter((line) => /^(Sig(Blk|Ign|Cgt)|Cpus_allowed):/.test(line));
	const score = readFileSync('/proc/self/oom_score_adj', 'utf8');
	const before = status();
	const host = open(t, definePlugin({ setup: () => ({}) }));

	await host.loadPlugin(load);
	t.same(status(), before);
	t.equal(readFileSync('/proc/self/oom_score_adj', 'utf8'), score);
	await t.rejects(host.loadPlugin({ ...load, pluginId: 'limited', memoryLimit: 1e9 }), { message: /a memory limit of 1000000000 bytes would be the app's own/ });
});

t.test('several are there at once, each with a plugin of its own', async (t) => {
	const seen: string[] = [];
	const hosts = ['a', 'b', 'c'].map((name) => open(t, definePlugin({ name, tickMs: 1, setup: () => ({ onTick: () => void seen.push(name) }) })));

	for (const host of hosts) {
		await host.loadPlugin(load);
	}
	await until('a tick of each', () => new Set(seen).size === 3);
	hosts[1]!.kill();
	await inTime('the end of one', hosts[1]!.exited);
	seen.length = 0;
	await until('ticks of the others', () => new Set(seen).size === 2);
	t.notOk(seen.includes('b'));
});

t.test('a setup() that fails is told with its reason, and the next one has a chance', async (t) => {
	let starts = 0;
	const host = open(
		t,
		definePlugin({
			setup() {
				if (++starts === 1) {
					throw new RangeError('too far');
				}

				return {};
			},
		}),
	);

	await t.rejects(host.loadPlugin(load), { code: 'MPH_ERR_PLUGIN_CREATE', message: /too far/ });
	await host.loadPlugin(load);
	t.equal(starts, 2);
});

t.test('what is told to it while this thread is busy is done later, and nothing is killed', async (t) => {
	const host = open(t, definePlugin({ setup: () => ({}) }));

	await host.loadPlugin(load);
	host.shutdown(1);

	const stop = performance.now() + 1_500;

	while (performance.now() < stop) {
		// Longer than a host of its own would wait for a thread without an app.
	}
	t.same(await inTime('its end', host.exited), { code: 0, signal: null });
});

t.test('a hundred after one another leave no thread, descriptor or handle', async (t) => {
	const once = async (): Promise<void> => {
		const host = open(t, definePlugin({ setup: () => ({}) }));

		await host.loadPlugin(load);
		host.kill();
		await inTime('its end', host.exited);
	};

	await once();
	await until('the first one to be gone', () => hostThreads() === 0);

	const before = { descriptors: descriptors(), handles: handles() };

	for (let i = 0; i < 100; ++i) {
		await once();
	}
	await until('the last one to be gone', () => hostThreads() === 0 && descriptors() <= before.descriptors);
	t.same(handles(), before.handles);
});
