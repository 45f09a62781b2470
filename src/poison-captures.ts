// What becomes of a packet that two hosts died of: a file for whoever wants to know why, and a report.

import type { CrashCaptures } from './crash-captures.ts';
import { exitTimeoutMs } from './host-handle.ts';
import type { HostRun, PluginCodes } from './host-run.ts';
import type { Logger } from './logger.ts';
import type { PoisonReport } from './plugin-events.ts';
import type { PoisonFind } from './worker-link.ts';

export type PoisonedUnit = {
	readonly name: string;
	readonly version: string;
	readonly run: HostRun | undefined;
	readonly codes: PluginCodes;
};

export async function capturePoison(
	{ routerId, hostPid, records }: PoisonFind,
	{ name, version, run, codes }: PoisonedUnit,
	{ captures, logger }: { readonly captures: CrashCaptures; readonly logger: Logger },
): Promise<PoisonReport> {
	const path = captures.pathOf(name, hostPid);
	let file: string | undefined = path;

	run?.poison.push(path);

	const signal = (await run?.host.exitWithin(exitTimeoutMs))?.signal ?? null;
	const plugins = [...codes.values()];
	const pluginFile = plugins.map((plugin) => plugin.file).join(', ');
	// Which one of several it was is not known.
	const config = plugins.length === 1 ? plugins[0]!.config : plugins.map((plugin) => plugin.config);

	try {
		await captures.save(path, { pluginName: name, pluginVersion: version, pluginFile, config, routerId, hostPid, signal, records });
	} catch (error) {
		logger.error(`cannot save the packet that host ${hostPid} of plugin ${name} died of: ${(error as Error).message}`);
		file = undefined;
	}
	logger.error(`host ${hostPid} of plugin ${name} died of a packet, as did one before it; it is skipped from now on${file ? `, and saved in ${file}` : ''}`);

	return { file, routerId, hostPid, signal };
}
