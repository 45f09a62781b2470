// npm run -s soak -- --minutes N [--seed S] [--killEveryMs 1000] [--json]

import { buildNative } from '../../tools/build-native.ts';
import { UsageError, readOptions, wholeNumber } from '../../tools/cli/usage.ts';
import { killStoppedHosts } from '../../tools/drill/strike.ts';
import { soak } from './soak.ts';

const usage = 'usage: npm run -s soak -- [--minutes N] [--seed N] [--killEveryMs MS] [--json]';

async function main(args: readonly string[]): Promise<number> {
	const values = readOptions(args, {
		minutes: { type: 'string', default: '1' },
		seed: { type: 'string', default: '1' },
		killEveryMs: { type: 'string', default: '1000' },
		json: { type: 'boolean', default: false },
	});
	const seed = wholeNumber('--seed', values.seed, 0, 2 ** 32 - 1);
	const minutes = minutesOf(values.minutes);
	const killEveryMs = wholeNumber('--killEveryMs', values.killEveryMs, 1, 60_000);

	await buildNative();

	const { result, broken } = await soak({ minutes, seed, killEveryMs, note: (text) => process.stderr.write(`${text}\n`) });

	process.stdout.write(
		values.json
			? `${JSON.stringify(result)}\n`
			: [
					`${result.kills} hosts were ended in ${result.minutes} minutes; ${result.lost} packets are unaccounted for.`,
					`The workers grew by ${result.rssGrowthKiB} KiB at most. ${result.leakedFds} descriptors and ${result.leakedMappings} mappings are left.`,
					broken.length === 0 ? 'Every promise was kept.' : `${broken.length} promises were broken, see above.`,
					'',
				].join('\n'),
	);

	return broken.length === 0 ? 0 : 1;
}

function minutesOf(text: string): number {
	const minutes = Number(text);

	if (!/^\d+(\.\d+)?$/.test(text) || minutes <= 0 || minutes > 10_080) {
		throw new UsageError(`--minutes "${text}" is not a number up to 10080`);
	}

	return minutes;
}

process.once('exit', killStoppedHosts);
for (const [signal, number] of [['SIGINT', 2], ['SIGTERM', 15], ['SIGHUP', 1]] as const) {
	process.once(signal, () => process.exit(128 + number));
}

try {
	process.exit(await main(process.argv.slice(2)));
} catch (error) {
	process.stderr.write(error instanceof UsageError ? `${error.message}\n${usage}\n` : `${(error as Error).stack}\n`);
	process.exit(error instanceof UsageError ? 2 : 1);
}
