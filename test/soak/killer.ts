// Ends one host after the other, at an even pace, whichever is ready; now and then a plugin is restarted or upgraded instead.

import { setTimeout as sleep } from 'node:timers/promises';

import { isCodedError } from '../../src/errors.ts';
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
	const decks = new Map(units.map((unit, index) => [unit, inRandomOrder(unit.ends, seed + index)]));
	const underWay = new Map<Unit, Promise<void>>();
	// Whoever was left alone for longest comes next, if it can.
	const queue = [...units];
	let failure: unknown;
	let nextAt = performance.now();

	for (let turn = 0; !isOver() && failure === undefined; turn++) {
		await sleep(Math.max(0, nextAt - performance.now()));
		// What a busy machine had no time for is not made up for: deaths in quick succession would be another matter (quarantine).
		nextAt = Math.max(nextAt, performance.now() - everyMs) + everyMs;

		const unit = await until('a host that is ready to be ended', () => queue.find((each) => !underWay.has(each) && each.isReady()) ?? (isOver() || failure !== undefined));

		if (unit === true) {
			break;
		}
		queue.push(...queue.splice(queue.indexOf(unit), 1));

		const isPlanned = turn % plannedEvery === plannedEvery - 1;
		const way = isPlanned ? 'a planned restart or upgrade' : decks.get(unit)!.next().value;
		const deed = async (): Promise<void> => {
			if (!isPlanned) {
				deeds.kills++;
				note(`${unit.name}: ${await unit.end(way)}`);
			} else if (await isDone(turn % (2 * plannedEvery) === plannedEvery - 1 ? unit.parts[0]!.plugin.restart() : unit.upgrade())) {
				deeds.planned++;
				note(`${unit.name}: planned`);
			} else {
				note(`${unit.name}: the new host did not prove itself in time; the old one serves on`);
			}
		};

		underWay.set(
			unit,
			deed()
				.catch((error: unknown) => void (failure ??= new Error(`${unit.name}, ${way}: ${(error as Error).message}`, { cause: error })))
				.finally(() => underWay.delete(unit)),
		);
	}
	await Promise.all(underWay.values());
	if (failure !== undefined) {
		throw failure;
	}

	return deeds;
}

/** A new host that is not run for a while is taken for one that hangs, which is no harm. */
async function isDone(planned: Promise<unknown>): Promise<boolean> {
	try {
		await planned;

		return true;
	} catch (error) {
		if (isCodedError(error) && ['MPH_ERR_HOST_DIED', 'MPH_ERR_TIMEOUT'].includes(error.code)) {
			return false;
		}
		throw error;
	}
}
