// What a thread of the pool runs: one dispatcher, and the plugins' instances that it has.

import { loadAddon } from './addon.ts';
import { provideLibrary } from './library-hook.ts';
import { watchFaults } from './thread-faults.ts';
import { ThreadInstances } from './thread-instances.ts';
import { writeDirectly } from './thread-output.ts';
import type { ThreadTask } from './thread-task.ts';
import { setRunning } from './thread-task.ts';

/** Resolves when the dispatcher has ended, for whatever reason. */
export default async function runThread(task: ThreadTask): Promise<void> {
	const addon = loadAddon(task.settings.addon);
	const instances = new ThreadInstances(addon, task.settings.dev);

	provideLibrary();
	writeDirectly(process.stdout, 1);
	writeDirectly(process.stderr, 2);

	const faults = watchFaults(instances);

	setRunning(task);
	await addon.runThread(task.handle, instances.callbacks);
	faults.stop();
}
