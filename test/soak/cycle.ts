// A cycle of a soak: with nothing but two workers it begins and ends. In between plugins are loaded, calls come and go, and hosts die.

import { setTimeout as sleep } from 'node:timers/promises';

import type { types } from 'mediasoup';

import type { PluginHost } from '../../src/index.ts';
import { send } from '../../tools/drill/strike.ts';
import { random } from '../helpers/random.ts';
import { until } from '../helpers/until.ts';
import type { Balance } from './account.ts';
import { Call } from './call.ts';
import { type Cast, type Part, openCast } from './cast.ts';
import { change } from './changes.ts';
import { type Deeds, endHostsAgainAndAgain } from './killer.ts';

export type CycleOptions = {
	readonly pluginHost: PluginHost;
	readonly workers: readonly types.Worker[];
	readonly dir: string;
	readonly ms: number;
	readonly killEveryMs: number;
	readonly seed: number;
	readonly note: (text: string) => void;
	/** Hears at once of what must not be. */
	readonly complain: (text: string) => void;
};

export type CycleResult = Deeds & Omit<Balance, 'complaints'> & { readonly calls: number; readonly fullRings: number };

const ringSizes = { smallest: 262_144, usual: 1_048_576 };
/** So long a ring of the smallest size is filled by those that are not small. */
const lengths = { small: 60, large: 1_000 };

export async function playCycle(options: CycleOptions): Promise<CycleResult> {
	const { pluginHost, workers, dir, ms, killEveryMs, seed, note, complain } = options;
	const endsAt = performance.now() + ms;
	const isOver = (): boolean => performance.now() >= endsAt;
	const cast = await openCast(pluginHost, dir, workers[0]!, complain);
	const play = new Play(options, cast);

	try {
		const [guard, lone, pair, watcher, late, script] = cast.units.map(({ parts }) => parts) as [Part[], Part[], Part[], Part[], Part[], Part[]];
		// As long as the cycle: each plugin has packets at any time. The second one's rings are small enough to be filled.
		const anchors = [
			await play.open(0, [...watcher, ...guard, ...script], ringSizes.usual, lengths.small),
			await play.open(1, [...pair, ...late, ...lone, cast.sleeper], ringSizes.smallest, lengths.large),
		];
		let isEnding = true;
		const deeds = endHostsAgainAndAgain({ units: cast.units, everyMs: killEveryMs, seed, isOver, note }).finally(() => (isEnding = false));
		const rest = Promise.all([
			...anchors.map((call) => play.changeUntil(call, isOver)),
			...workers.map(async (_, index) => {
				// A host that fell into a loop for a call that has closed since owes nothing; the next call with its plugin finds out.
				while (!isOver() || isEnding) {
					await play.visit(index, isOver);
				}
			}),
			play.fillRings(isOver),
		]);
		// Plugins are brought back by packets only, so calls go on until they are.
		const [done] = await Promise.all([deeds, rest]);

		await Promise.all(anchors.map((call) => play.end(call)));

		return { ...done, ...play.totals };
	} catch (error) {
		await describe(cast, note);
		throw error;
	} finally {
		cast.close();
	}
}

class Play {
	readonly totals = { calls: 0, fullRings: 0, sent: 0, received: 0, notRouted: 0, lost: 0 };
	readonly #options: CycleOptions;
	readonly #cast: Cast;
	readonly #pick: (below: number) => number;

	constructor(options: CycleOptions, cast: Cast) {
		this.#options = options;
		this.#cast = cast;
		this.#pick = random(options.seed);
	}

	async open(worker: number, parts: readonly Part[], packetRingSize: number, payloadLength: number): Promise<Call> {
		const { pluginHost, workers, complain } = this.#options;
		const name = `${++this.totals.calls}`;
		const call = await Call.open({ name, worker: workers[worker]!, pluginHost, parts, streams: 3, packetRingSize, payloadLength, pick: this.#pick, complain });

		call.flow();

		return call;
	}

	/** A call with some of the cast, for a few seconds. */
	async visit(worker: number, isOver: () => boolean): Promise<void> {
		const parts = this.#cast.units.flatMap((unit) => unit.parts).filter(() => this.#pick(3) === 0);
		const call = await this.open(worker, parts, this.#pick(2) === 0 ? ringSizes.smallest : ringSizes.usual, lengths.small);
		const endsAt = performance.now() + 1_000 + this.#pick(5_000);

		await this.changeUntil(call, () => isOver() || performance.now() >= endsAt);
		await this.end(call);
	}

	async changeUntil(call: Call, isOver: () => boolean): Promise<void> {
		const { pluginHost } = this.#options;
		const { diverter, sleeper } = this.#cast;

		while (!isOver()) {
			await sleep(200 + this.#pick(600));
			await change({ call, createPlugin: (plugin) => pluginHost.createPlugin(plugin), diverter, sleeper, pick: this.#pick });
		}
	}

	async end(call: Call): Promise<void> {
		const { sent, received, notRouted, lost } = await call.end();

		this.totals.sent += sent;
		this.totals.received += received;
		this.totals.notRouted += notRouted;
		this.totals.lost += lost;
	}

	/** A host that does not run for as long as it takes. */
	async fillRings(isOver: () => boolean): Promise<void> {
		const { plugin, attachments } = this.#cast.sleeper;
		const overflowed = async (): Promise<number> => (await Promise.all([...attachments].map((each) => each.getStats()))).reduce((sum, { overflowAccepted }) => sum + overflowAccepted, 0);

		while (!isOver()) {
			await sleep(2_000);

			const before = await overflowed();
			const pid = plugin.hostPid!;

			send(pid, 'SIGSTOP');
			try {
				await until('a full ring', async () => isOver() || (await overflowed()) > before);
				this.totals.fullRings += isOver() ? 0 : 1;
			} finally {
				send(pid, 'SIGCONT');
			}
		}
	}
}

/** What there is to be seen when a cycle fails. */
async function describe({ units, sleeper, diverter }: Cast, note: (text: string) => void): Promise<void> {
	for (const { name, plugin, attachments } of [...units.flatMap(({ parts }) => parts), sleeper, diverter]) {
		const { host, workers, rings } = await plugin.getStats();

		note(`${name}: ${JSON.stringify({ host, active: [...attachments].map(({ id, active, paused }) => ({ id, active, paused })), workers, rings, dump: plugin.dump() })}`);
	}
}
