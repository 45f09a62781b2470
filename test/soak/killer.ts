// Ends one host after the other, at an even pace, whichever is ready; now and then a plugin is restarted or upgraded instead.

import { setTimeout as sleep } from 'node:timers/promises';

import { inRandomOrder } from '../../tools/drill/scenarios.ts';
import { until } from '../helpers/until.ts';
import type { Unit } from './cast.ts';

export type KillerOptions = {
	readonly units: readonly Unit[];
	readonly everyMs: number;
	readonly seed: number;
	readonly isOver: () => boolean;
	readonly note: (text: string) => void;
};

export type Deeds = { kills: number; planned: number };

const plannedEvery = 8;

/** Resolves when all that was ended is there again. */
export async function endHostsAgainAndAgain({ units, everyMs, seed, isOver, note }: KillerOptions): Promise<Deeds> {
	const deeds: Deeds = { kills: 0, planned: 0 };
	const order = inRandomOrder(units, seed);
	const decks = new Map(units.map((unit, index) => [unit, inRandomOrder(unit.ends, seed + index)]));
	const underWay = new Map<Unit, Promise<void>>();
	const startedAt = performance.now();
	let failure: unknown;

	for (let turn = 0; !isOver() && failure === undefined; turn++) {
		await sleep(Math.max(0, startedAt + turn * everyMs - performance.now()));

		const first = order.next().value;
		const unit = await until('a host that is ready to be ended', () => [first, ...units].find((each) => !underWay.has(each) && each.isReady()) ?? (isOver() || failure !== undefined));

		if (unit === true) {
			break;
		}

		const isPlanned = turn % plannedEvery === plannedEvery - 1;
		const deed = async (): Promise<void> => {
			if (isPlanned) {
				await (turn % (2 * plannedEvery) === plannedEvery - 1 ? unit.parts[0]!.plugin.restart() : unit.upgrade());
				deeds.planned++;
				note(`${unit.name}: planned`);
			} else {
				const what = await unit.end(decks.get(unit)!.next().value);

				deeds.kills++;
				note(`${unit.name}: ${what}`);
			}
		};

		underWay.set(
			unit,
			deed()
				.catch((error: unknown) => void (failure ??= new Error(`${unit.name}: ${(error as Error).message}`, { cause: error })))
				.finally(() => underWay.delete(unit)),
		);
	}
	await Promise.all(underWay.values());
	if (failure !== undefined) {
		throw failure;
	}

	return deeds;
}
