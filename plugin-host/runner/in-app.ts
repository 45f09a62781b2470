// Hosts within an app's own process: dispatchers run on its main thread, beside all else that it does, and so does the plugin, which is a
// definition and no file. src/app-host.ts is the app's side.

import type { AppRunner } from '../../src/app-host.ts';
import { loadAddon } from './addon.ts';
import { ThreadInstances } from './thread-instances.ts';

export const openHost: AppRunner['openHost'] = ({ addon: path, definition, onExit }) => {
	const addon = loadAddon(path);

	return addon.openHost({
		onExit,
		onThread: (handle) => {
			const { callbacks } = new ThreadInstances(addon, false, async () => ({ definition, config: {} }));

			// Why it ended its channel says.
			addon.runThread(handle, callbacks).catch(() => {});
		},
	});
};
