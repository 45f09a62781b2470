// npm run -s fuzz -- [--records 1000000] [--seed n] [--variant asan|patched] [--messages n] [--plan NAME] [--json]
//
// Lets hostile hosts and a hostile controller loose on a worker that carries calls. docs/testing.md says what it proves.

import { parseArgs } from 'node:util';

import { buildNative } from '../build-native.ts';
import { buildWorker } from '../build-worker.ts';
import { type FuzzOptions, failuresOf, fuzz } from './fuzz.ts';
import { summaryOf } from './report.ts';

const usage = 'usage: npm run -s fuzz -- [--records 1000000] [--seed n] [--variant asan|patched] [--messages n] [--plan NAME] [--define MACRO] [--json]';

type CommandLine = FuzzOptions & { readonly json: boolean; readonly defines: readonly string[] };

function parse(args: readonly string[]): CommandLine {
	const { values } = parseArgs({
		args: [...args],
		options: {
			records: { type: 'string', default: '1000000' },
			seed: { type: 'string', default: '1' },
			variant: { type: 'string', default: 'asan' },
			messages: { type: 'string', default: '3000' },
			plan: { type: 'string' },
			define: { type: 'string', multiple: true, default: [] },
			json: { type: 'boolean', default: false },
		},
	});
	const whole = (name: 'records' | 'seed' | 'messages'): number => {
		const number = Number(values[name]);

		if (!Number.isSafeInteger(number) || number < 0) {
			throw new TypeError(`--${name} is ${values[name]}; it must be a whole number`);
		}

		return number;
	};

	if (values.variant !== 'asan' && values.variant !== 'patched') {
		throw new TypeError(`--variant is ${values.variant}; it is asan or patched`);
	}

	return {
		...{ records: whole('records'), seed: whole('seed'), messages: whole('messages') },
		...{ variant: values.variant, plan: values.plan, json: values.json, defines: values.define },
		say: (text) => process.stderr.write(`${text}\n`),
	};
}

async function main(): Promise<void> {
	let commandLine: CommandLine;

	try {
		commandLine = parse(process.argv.slice(2));
	} catch (error) {
		process.stderr.write(`${(error as Error).message}\n${usage}\n`);
		process.exit(2);
	}

	const { variant, defines, json, seed, say } = commandLine;

	await buildNative();
	await buildNative({ targets: ['tools/fuzz/host/fuzz-lane', 'tools/fuzz/calls/fuzz-calls'] });

	const workerBin = await buildWorker({ variant, deps: 'system', defines });
	const report = await fuzz({ ...commandLine, workerBin });
	const failures = failuresOf(report);

	if (failures.length > 0) {
		say(`${failures.map((failure) => `FAILED: ${failure}`).join('\n')}\nplay it again with --seed ${seed}`);
	}
	if (json) {
		const { records, crashes, longestStallMs, leakedBytes } = report;

		process.stdout.write(`${JSON.stringify({ records, crashes, longestStallMs, leakedBytes })}\n`);
	} else {
		process.stdout.write(summaryOf(report));
	}
	process.exit(failures.length === 0 ? 0 : 1);
}

await main();
