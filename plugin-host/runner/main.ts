// The process that runs plugins in TypeScript and JavaScript. The library mediasoup-plugin-host starts it, with a channel on descriptor 3;
// docs/typescript-plugins.md says how it all goes together.

import type { RunnerSettings } from '../../src/script-options.ts';
import type { Addon } from './addon.ts';
import { loadAddon } from './addon.ts';
import { Threads } from './threads.ts';

function main(settingsJson: string | undefined): void {
	if (settingsJson === undefined) {
		throw new Error('it is started by the library mediasoup-plugin-host, not by hand');
	}

	const settings = JSON.parse(settingsJson) as RunnerSettings;
	const addon: Addon = loadAddon(settings.addon);
	const threads = new Threads(addon, settings);

	addon.startHost({ onThread: (handle) => threads.start(handle), onExit: (code) => process.exit(code) });
}

try {
	main(process.argv[2]);
} catch (error) {
	process.stderr.write(`the host for plugins in TypeScript does not start: ${(error as Error).message}\n`);
	process.exitCode = 1;
}
