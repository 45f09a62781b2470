// mediasoup-plugin-host drill: ends one host after the other under traffic, with a receipt at the end. Exit code 0 if every promise was kept.

import { buildNative } from '../build-native.ts';
import { Children } from '../demo/children.ts';
import { runDrill } from '../drill/drill.ts';
import { type DrillOptions, parseDrillOptions } from '../drill/options.ts';
import { brokenPromises, describeReceipt, makeReceipt } from '../drill/receipt.ts';
import { killStoppedHosts } from '../drill/strike.ts';

export async function drill(args: readonly string[]): Promise<number> {
	const options = parseDrillOptions(args);
	const children = new Children();

	process.once('exit', () => {
		killStoppedHosts();
		children.killAll();
	});
	for (const [signal, number] of [['SIGINT', 2], ['SIGTERM', 15], ['SIGHUP', 1]] as const) {
		process.once(signal, () => process.exit(128 + number));
	}
	await buildNative({ targets: ['plugin-host/mediasoup-plugin-host-native', 'tools/drill/plugin/drill.so'] });

	const output = options.json ? process.stderr : process.stdout;
	const note = (text: string): void => void output.write(`${text}\n`);

	note(`seed ${options.seed}: ${options.scenarios.join(', ')}`);

	return options.browser ? drillWithBrowser(options, note) : drillWithRtp(options, children, note);
}

async function drillWithRtp(options: DrillOptions, children: Children, note: (text: string) => void): Promise<number> {
	const { measured, remarks } = await runDrill(options, children, note);
	const receipt = makeReceipt(measured, options);
	const broken = brokenPromises(measured, options);

	[...remarks, ...broken.map((promise) => `BROKEN: ${promise}`)].forEach(note);
	print(options, describeReceipt(receipt), { ...receipt, seed: options.seed });

	return broken.length === 0 ? 0 : 1;
}

async function drillWithBrowser(options: DrillOptions, note: (text: string) => void): Promise<number> {
	// What it is made of is there only where the tests are set up.
	const { runBrowserDrill } = await import('../drill/browser.ts');
	const { receipt, text, broken } = await runBrowserDrill(options, note);

	broken.forEach((promise) => note(`BROKEN: ${promise}`));
	print(options, text, { ...receipt, seed: options.seed });

	return broken.length === 0 ? 0 : 1;
}

function print(options: DrillOptions, text: string, receipt: object): void {
	process.stdout.write(`${options.json ? JSON.stringify(receipt) : text}\n`);
}
