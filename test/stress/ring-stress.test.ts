// Short forms of the ring's stress test, and its negative controls: builds with one order or fence taken away, which must fail.
// The long forms are at the head of ring-stress.cpp.

import { execFile } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import t from 'tap';

import { buildNative, type NativeFlavour } from '../../tools/build-native.ts';

// Compiling takes its time on a machine that does it for the first time.
t.setTimeout(600_000);

const native = await build('release', ['ring-stress', 'ring-stress-weak-sleep-fence']);
const asan = await build('asan', ['ring-stress']);
const tsan = await build('tsan', ['ring-stress', 'ring-stress-weak-publish-order', 'ring-stress-weak-release-order']);

await t.spawn(native('ring-stress'), ['--records', '300000'], {}, 'between two processes, records of up to 64 KiB');
await t.spawn(
	native('ring-stress'),
	['--records', '2000000', '--max-payload', '40', '--packet-ring', '4194304'],
	{},
	'between two processes, small records, with a verdict ring that fills up',
);
await t.spawn(native('ring-stress'), ['--records', '50000', '--ping-pong'], {}, 'one record at a time, falling asleep in between');
await t.spawn(asan('ring-stress'), ['--records', '100000'], {}, 'between two processes under AddressSanitizer');
await t.spawn(tsan('ring-stress'), ['--records', '30000', '--threads'], {}, 'between two threads under ThreadSanitizer');
await t.spawn(
	tsan('ring-stress'),
	['--records', '5000', '--threads', '--ping-pong'],
	{},
	'one record at a time, between two threads under ThreadSanitizer',
);

for (const order of ['publish', 'release']) {
	await t.test(`ThreadSanitizer notices a weakened ${order} order`, async (t) => {
		const { code, output } = await run(tsan(`ring-stress-weak-${order}-order`), ['--records', '30000', '--threads']);

		t.equal(code, 66, `ThreadSanitizer's exit code; the output was\n${output}`);
		t.match(output, /data race/);
	});
}

await t.test(
	'a missing fence loses a wake-up, and the watchdog notices',
	// On one CPU no store can be overtaken.
	{ skip: availableParallelism() < 2 && 'needs two CPUs' },
	async (t) => {
		// It takes some thousand records; what is asked for is a bound.
		const { code, output } = await run(native('ring-stress-weak-sleep-fence'), ['--records', '20000000', '--ping-pong', '--hang-seconds', '2']);

		t.equal(code, 3, `the exit code for a hang; the output was\n${output}`);
		t.match(output, /lost its wake-up/);
	},
);

/** Resolves to a function from a binary's name to its path. */
async function build(flavour: NativeFlavour, names: readonly string[]): Promise<(name: string) => string> {
	const dir = await buildNative({ flavour, targets: names.map((name) => `test/native/${name}`) });

	return (name) => join(dir, 'test/native', name);
}

function run(file: string, args: readonly string[]): Promise<{ code: number | string | undefined; output: string }> {
	return new Promise((resolve) => {
		execFile(file, args, { maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
			resolve({ code: error ? (error.code ?? error.signal) : 0, output: stdout + stderr });
		});
	});
}
