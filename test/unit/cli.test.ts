// The command line tool: what it takes, what it refuses, and that it runs on the right Node.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import t from 'tap';

import { parseReplayOptions } from '../../tools/cli/replay.ts';
import { parseDrillOptions } from '../../tools/drill/options.ts';
import { allScenarios } from '../../tools/drill/scenarios.ts';
import { repoRoot } from '../../tools/lib/paths.ts';

const bin = join(repoRoot, (JSON.parse(readFileSync(join(repoRoot, 'package.json'), 'utf8')) as { bin: Record<string, string> }).bin['mediasoup-plugin-host']!);

/** As npx starts it, from anywhere, on a machine that has no other Node. */
function run(...args: readonly string[]) {
	return spawnSync(bin, args, { cwd: '/', encoding: 'utf8', env: { PATH: '/usr/bin:/bin' } });
}

t.test('it runs by itself, and names its commands', async (t) => {
	const { status, stdout } = run('--help');

	t.equal(status, 0);
	t.match(stdout, /usage: mediasoup-plugin-host build[^]*usage: mediasoup-plugin-host drill[^]*usage: mediasoup-plugin-host replay/);
});

t.test('what makes no sense is refused with the usage, and exit code 2', async (t) => {
	for (const [args, message] of [
		[[], /a command is missing/],
		[['constructor'], /there is no command "constructor"/],
		[['drill', '--kills', '3'], /Unknown option '--kills'/],
		[['drill', '--kill', 'many'], /--kill "many" is not a whole number from 1/],
		[['replay'], /--crash is missing/],
		[['build', '--deps', 'none'], /--deps "none" is none of system, wrap/],
	] as const) {
		const { status, stderr } = run(...args);

		t.equal(status, 2, args.join(' '));
		t.match(stderr, message);
		t.match(stderr, /usage: mediasoup-plugin-host/);
	}
});

t.test('a capture that is not there, or is none, is said to be so', async (t) => {
	t.match(run('replay', '--crash', '/nowhere.pcapng', '--plugin', 'x.so'), { status: 1, stderr: /replay failed[^]*\/nowhere\.pcapng/ });
	t.match(run('replay', '--crash', bin, '--plugin', 'x.so'), { status: 1, stderr: /cli\.sh: at byte 0: this is not a pcapng file/ });
});

t.test('a drill without options', async (t) => {
	t.match(parseDrillOptions([]), {
		...{ kills: 20, minutes: undefined, standby: false, onAbsent: 'accept', packetsPerSecond: 2000, plugin: undefined, scenarios: allScenarios },
		...{ deadlineMs: 1000, hangMs: 250, seed: Number, browser: false, json: false },
	});
});

t.test("a drill's options", async (t) => {
	const args = '--kill 5 --minutes 0.5 --standby --onAbsent drop --packetsPerSecond 3000 --scenarios kill,loop --seed 7 --browser --json';

	t.match(parseDrillOptions(args.split(' ')), {
		...{ kills: 5, minutes: 0.5, standby: true, onAbsent: 'drop', packetsPerSecond: 3000, scenarios: ['kill', 'loop'], seed: 7 },
		...{ browser: true, json: true, deadlineMs: 20, hangMs: 100 },
	});
	t.match(parseDrillOptions(['--minutes', '2']), { kills: undefined, minutes: 2 });
});

t.test("a plugin of the user's is ended from outside only", async (t) => {
	const { plugin, scenarios } = parseDrillOptions(['--plugin', './mine.so', '--config', '{"a":1}']);

	t.same(plugin, { file: join(process.cwd(), 'mine.so'), config: { a: 1 } });
	t.same(scenarios, ['kill', 'segv', 'abort', 'stop']);
	t.throws(() => parseDrillOptions(['--plugin', 'x.so', '--scenarios', 'kill,loop']), { message: /"loop" is done by the drill's own plugin only/ });
});

t.test("what makes no sense in a drill's options is named", async (t) => {
	for (const [args, message] of [
		[['--minutes', '0'], /--minutes "0"/],
		[['--onAbsent', 'wait'], /--onAbsent "wait" is neither accept nor drop/],
		[['--scenarios', 'kill,fire'], /there is no "fire", but kill, segv/],
		[['--config', '{}'], /--config is for the plugin of --plugin/],
		[['--plugin', 'x.so', '--config', '{'], /--config is not JSON/],
		[['--hangMs', '50'], /--hangMs "50" is not a whole number from 100/],
		[['rubbish'], /Unexpected argument 'rubbish'/],
	] as const) {
		t.throws(() => parseDrillOptions(args), { name: 'UsageError', message });
	}
});

t.test("a replay's options", async (t) => {
	t.match(parseReplayOptions(['--crash', 'a.pcapng', '--plugin', 'b.so', '--json']), {
		...{ crash: 'a.pcapng', plugin: join(process.cwd(), 'b.so'), config: undefined, batch: false, gdb: false, json: true },
	});
	t.match(parseReplayOptions(['--crash', 'a', '--plugin', 'b', '--config', '{"n":1}', '--batch', '--gdb']), { config: { n: 1 }, batch: true, gdb: true });
	t.throws(() => parseReplayOptions(['--crash', 'a']), { message: '--plugin is missing' });
	t.throws(() => parseReplayOptions(['--crash', 'a', '--plugin', 'b', '--gdb', '--json']), { message: /--gdb/ });
});
