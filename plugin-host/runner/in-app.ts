// Hosts within an app's own process: dispatchers run on its main thread, beside all else that it does, and so does the plugin, which is a
// definition and no file. src/app-host.ts is the app's side.

import type { AppRunner } from '../../src/app-host.ts';
import { loadAddon } from './addon.ts';
import { ThreadInstances } from './thread-instances.ts';

/** For one call: with more than a full ring of the largest size has, others would have to wait. */
const mostTurns = 4_096;

/** Of what runs here, a turn each. */
const turns = new Set<() => boolean>();

export const readOn: AppRunner['readOn'] = (isEnough) => {
	for (const turn of turns) {
		for (let left = mostTurns; left > 0 && !isEnough() && turn(); --left) {
			// There is more.
		}
	}
};

export const openHost: AppRunner['openHost'] = ({ addon: path, definition, onExit }) => {
	const addon = loadAddon(path);

	return addon.openHost({
		onExit,
		onThread: (handle) => {
			const { callbacks } = new ThreadInstances(addon, false, async () => ({ definition, config: {} }));

			const turn = (): boolean => addon.takeTurn(handle);

			turns.add(turn);
			// Why it ended its channel says.
			addon
				.runThread(handle, callbacks)
				.catch(() => {})
				.finally(() => turns.delete(turn));
		},
	});
};
