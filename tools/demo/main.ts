// npm run demo: the project's main job on real input, with a receipt at the end. Exit code 0 if every promise was kept, 1 if not,
// 2 if the command line makes no sense.

import { Children } from './children.ts';
import { runDemo } from './demo.ts';
import { killStoppedHost } from './kills.ts';
import { type DemoOptions, parseCommandLine, usage } from './options.ts';
import { brokenPromises, describeReceipt, makeReceipt } from './receipt.ts';
import { openView } from './view.ts';

const children = new Children();

process.once('exit', () => {
	killStoppedHost();
	children.killAll();
});
for (const [signal, number] of [['SIGINT', 2], ['SIGTERM', 15], ['SIGHUP', 1]] as const) {
	process.once(signal, () => process.exit(128 + number));
}

// Not by process.exitCode: after a failure there may be children that would keep us alive.
process.exit(await main());

async function main(): Promise<number> {
	let options: DemoOptions;

	try {
		options = parseCommandLine(process.argv.slice(2));
	} catch (error) {
		process.stderr.write(`${(error as Error).message}\n${usage}\n`);

		return 2;
	}

	const output = options.json ? process.stderr : process.stdout;

	try {
		const { measured, remarks } = await runDemo(options, children, openView(output));
		const broken = brokenPromises(measured, options.kills);

		output.write([...remarks, ...broken.map((promise) => `BROKEN: ${promise}`), ''].join('\n'));
		process.stdout.write(`${options.json ? JSON.stringify(makeReceipt(measured)) : describeReceipt(makeReceipt(measured))}\n`);

		return broken.length === 0 ? 0 : 1;
	} catch (error) {
		process.stderr.write(`the demo failed: ${(error as Error).stack}\n`);

		return 1;
	}
}
