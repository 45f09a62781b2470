// Who plays in a soak: plugins of several kinds whose every verdict can be foretold from a packet's number, and how their hosts are ended.

import { join } from 'node:path';

import type { types } from 'mediasoup';

import type { Attachment, AttachmentMode, HostRecovery, Plugin, PluginHost } from '../../src/index.ts';
import { Orders } from '../../tools/drill/orders.ts';
import { type Scenario, allScenarios, signals } from '../../tools/drill/scenarios.ts';
import { type Target, strikeByOrder, strikeFromOutside } from '../../tools/drill/strike.ts';
import { repoRoot } from '../../tools/lib/paths.ts';
import type { Fault } from '../fixtures/plugins/faulty.ts';
import { fixturePlugin } from '../helpers/binaries.ts';
import { nextEvent } from '../helpers/events.ts';

export const drillPlugin = join(repoRoot, 'build/native/tools/drill/plugin/drill.so');

/** Of the drill's plugin in two workers, and eaten before that is taken for a hang. */
const memoryLimit = 96 * 1024 * 1024;
const hangMs = 1_000;
/** Node is not looked at that often when others have the CPU. */
const scriptHangMs = 3_000;
/** Longer than it takes to notice a hang; whoever lets packets wait for longer lets them go on. */
const patientMs = 8_000;

/** One plugin. */
export type Part = {
	readonly name: string;
	readonly plugin: Plugin;
	readonly mode: AttachmentMode;
	readonly deadlineMs: number;
	/** Packets whose number ends with it are dropped. Undefined: none. */
	readonly drops: number | undefined;
	readonly takesData: boolean;
	/** Those that are open, in all calls. */
	readonly attachments: Set<Attachment>;
};

/** What ends together: plugins that have a host in common, as a rule one. */
export type Unit = {
	readonly name: string;
	readonly parts: readonly Part[];
	/** Ways to end its host. */
	readonly ends: readonly string[];
	/** A host serves all of it, and can be ended without doing it an injustice. */
	readonly isReady: () => boolean;
	/** Resolves when the next host serves, with what happened. */
	readonly end: (way: string) => Promise<string>;
	/** Another version of it, under traffic. */
	readonly upgrade: () => Promise<void>;
	readonly close: () => void;
};

export type Cast = { readonly units: readonly Unit[]; readonly sleeper: Part; readonly diverter: Part; readonly close: () => void };

type PartPlan = Pick<Part, 'name'> & Partial<Pick<Part, 'mode' | 'drops' | 'takesData' | 'deadlineMs'>>;

/** `scriptWorker`: where the script always has packets. `complain` hears of what must not happen to a plugin. */
export async function openCast(pluginHost: PluginHost, dir: string, scriptWorker: types.Worker, complain: (text: string) => void): Promise<Cast> {
	let serial = 0;

	const native = async (standby: boolean, plans: readonly PartPlan[], hang = hangMs): Promise<Unit> => {
		const files = plans.map(({ name }) => join(dir, `orders-${name}-${serial++}`));
		const orders = files.map((file) => new Orders(file));
		const configOf = (index: number): object => ({ orders: files[index], dropEvery: 10, dropRest: plans[index]!.drops ?? 10, counter: 'number' });
		const parts: Part[] = [];

		for (const [index, plan] of plans.entries()) {
			const group = plans.length > 1 ? { group: `${plan.name} and others ${serial}` } : {};
			const plugin = await pluginHost.createPlugin({ file: drillPlugin, config: configOf(index), standby, hangMs: hang, memoryLimit, ...(index === 0 ? group : { group: parts[0]!.plugin.group! }) });

			parts.push(partOf(plugin, plan));
		}

		const target = targetOf(parts, standby);
		const strike = strikeByOrder(orders[0]!);

		return unitOf(parts, target, complain, {
			ends: allScenarios,
			end: async (way) => describe(await strike(target, way as Scenario)),
			upgrade: async () => void (await parts.at(-1)!.plugin.upgrade({ config: { ...configOf(parts.length - 1), version: ++serial } })),
			close: () => orders.forEach((each) => each.close()),
		});
	};

	const late = async (): Promise<Unit> => {
		const plugin = await pluginHost.createPlugin({ file: fixturePlugin('pending'), config: { delayMs: 5 }, standby: true, hangMs });
		const parts = [partOf(plugin, { name: 'late', takesData: false })];
		const target = targetOf(parts, true);

		return unitOf(parts, target, complain, {
			ends: Object.keys(signals),
			end: async (way) => describe(await strikeFromOutside(target, way as Scenario)),
			upgrade: async () => void (await plugin.upgrade({ config: { delayMs: 5 + (++serial % 5) } })),
		});
	};

	const script = async (): Promise<Unit> => {
		const plugin = await pluginHost.createPlugin({
			...{ file: join(repoRoot, 'test/fixtures/plugins/faulty.ts'), config: { crashing: fixturePlugin('crash-on-load') } },
			...{ standby: true, hangMs: scriptHangMs, threadLimits: { maxOldGenerationSizeMb: 64 } },
		});
		const parts = [partOf(plugin, { name: 'script', drops: 3 })];
		const target = targetOf(parts, true, scriptWorker);
		const faults: readonly Fault[] = ['heap', 'exit', 'segfault', 'loop'];

		return unitOf(parts, target, complain, {
			ends: [...faults, 'kill', 'abort', 'stop'],
			async end(way) {
				if (Object.hasOwn(signals, way)) {
					return describe(await strikeFromOutside(target, way as Scenario));
				}

				const recovered = nextEvent<HostRecovery>(plugin, 'recovered');
				const pid = await target.hostPid();

				await plugin.notify('fail', way, { worker: scriptWorker });

				return `${way}; host ${(await recovered).pid} after host ${pid}`;
			},
			upgrade: async () => void (await plugin.upgrade({})),
		});
	};

	const units = [
		await native(true, [{ name: 'guard', drops: 3 }]),
		await native(false, [{ name: 'lone', drops: 5 }]),
		await native(true, [{ name: 'first', drops: 3 }, { name: 'second', drops: 7 }]),
		await native(false, [{ name: 'watcher', mode: 'observe' }]),
		await late(),
		await script(),
	];
	// Nobody ends these: one is stopped until its ring is full, the other gets what is routed to nobody.
	const others = [await native(false, [{ name: 'sleeper', deadlineMs: 200 }], 600_000), await native(false, [{ name: 'diverter', mode: 'divert' }])];

	return {
		units,
		sleeper: others[0]!.parts[0]!,
		diverter: others[1]!.parts[0]!,
		close: () => [...units, ...others].forEach((unit) => unit.close()),
	};
}

export type OneStream = { readonly producerId?: string; readonly dataProducerId?: string };

/** To all of a router, or to one of its streams. Each policy accepts: whatever becomes of a host, packets that its plugin would have let pass arrive. */
export async function attach(part: Part, router: types.Router, target: OneStream = {}): Promise<Attachment> {
	const { plugin, mode, deadlineMs, takesData, attachments } = part;
	const policies = { onAbsent: 'accept', onOverflow: 'accept', ...(mode === 'filter' ? ({ onTimeout: 'accept', onError: 'accept', deadlineMs } as const) : {}) } as const;
	const whole = Object.keys(target).length === 0 ? { dataProducers: takesData } : {};
	const attachment = await plugin.attach({ router, mode, ...policies, ...whole, ...target });

	attachments.add(attachment);
	attachment.observer.once('close', () => attachments.delete(attachment));

	return attachment;
}

function partOf(plugin: Plugin, { name, mode = 'filter', drops, takesData = true, deadlineMs = patientMs }: PartPlan): Part {
	return { name, plugin, mode, deadlineMs, drops, takesData, attachments: new Set() };
}

type UnitPlan = Pick<Unit, 'ends' | 'end' | 'upgrade'> & { readonly close?: () => void };

function unitOf(parts: readonly Part[], target: SoakTarget, complain: (text: string) => void, plan: UnitPlan): Unit {
	const name = parts.map((part) => part.name).join(' and ');
	const { plugin } = parts[0]!;

	plugin.on('quarantine', ({ error }) => complain(`${name} was quarantined: ${error.message}`));
	plugin.on('died', (error) => complain(`${name} was given up: ${error.message}`));
	plugin.on('poison', ({ file }) => complain(`${name} was found to die of the packet in ${file}`));

	return {
		...plan,
		name,
		parts,
		isReady: target.isReady,
		close() {
			for (const part of parts) {
				part.plugin.close();
			}
			plan.close?.();
		},
	};
}

type SoakTarget = Target & { readonly isReady: () => boolean };

/** `worker`: its host is meant, where threads may end and each worker may have another one. */
function targetOf(parts: readonly Part[], standby: boolean, worker?: types.Worker): SoakTarget {
	const { plugin } = parts[0]!;
	const isReady = (): boolean => {
		const attachments = parts.flatMap((part) => [...part.attachments]);

		return plugin.hostPid !== undefined && (!standby || plugin.standbyPid !== undefined) && attachments.length > 0 && attachments.every(({ active }) => active);
	};
	const hostPid = async (): Promise<number | undefined> =>
		worker ? (await plugin.getStats()).workers.find(({ workerPid }) => workerPid === worker.pid)?.hostPid : plugin.hostPid;

	return {
		isReady,
		async readyHost() {
			return isReady() && (await plugin.getStats()).workers.every(({ connected }) => connected) ? await hostPid() : undefined;
		},
		hostPid,
		async counters() {
			const { workers, rings } = await plugin.getStats();

			return { verdicts: workers.reduce((sum, { verdicts }) => sum + verdicts, 0), held: rings.reduce((sum, { held }) => sum + held, 0) };
		},
		nextCrash: () => new Promise((resolve) => plugin.once('crash', resolve)),
	};
}

function describe({ scenario, held, pid, nextPid, atNs, servedAtNs }: Awaited<ReturnType<typeof strikeFromOutside>>): string {
	return `${scenario} with ${held} packets in hand; host ${nextPid} after host ${pid}, ${((servedAtNs - atNs) / 1e6).toFixed(0)} ms`;
}
