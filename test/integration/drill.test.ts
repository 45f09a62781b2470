// The drill as people run it: hosts are ended under traffic in every way there is, and the receipt says what became of the packets.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import t, { type Test } from 'tap';

import type { Receipt } from '../../tools/drill/receipt.ts';
import { repoRoot } from '../../tools/lib/paths.ts';
import { fixturePlugin } from '../helpers/binaries.ts';

t.setTimeout(900_000);

/** With times in which a host that only waits for a CPU is not taken for one that hangs. */
async function runDrill(t: Test, ...args: readonly string[]) {
	const drill = spawn(join(repoRoot, 'tools/cli.ts'), ['drill', '--json', '--hangMs', '1000', '--deadlineMs', '5000', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
	const [stdout, stderr, [code]] = await Promise.all([text(drill.stdout), text(drill.stderr), once(drill, 'close')]);

	t.comment(stderr);
	t.comment(stdout);

	return { code: code as number | null, stderr, lastLine: stdout.trimEnd().split('\n').at(-1)! };
}

t.test('with a standby no packet is lost, unfiltered, late, reordered or duplicated, however the host goes', async (t) => {
	const { code, lastLine } = await runDrill(t, '--kill', '10', '--standby');
	const receipt = JSON.parse(lastLine) as Receipt;

	t.equal(code, 0);
	t.match(lastLine, /^\{"kills":10,"sent":\d+,"lost":0,"late":0,"reordered":0,"duplicated":0,"unfiltered":0,"gapMs":\{"p50":[\d.]+,"p99":[\d.]+,"max":[\d.]+\}[,}]/);
	t.equal(receipt.received + receipt.dropped, receipt.sent);
	t.ok(receipt.heldAtKill.min >= 1);
	t.equal(Object.keys(receipt.scenarios).length, 7, 'every scenario came');
});

t.test('without a standby packets go by unfiltered or are dropped, as the policy says, and are counted', async (t) => {
	for (const [onAbsent, ...expected] of [
		['accept', { lost: 0, reordered: 0, duplicated: 0, policyDropped: 0 }],
		['drop', { lost: 0, reordered: 0, duplicated: 0 }],
	] as const) {
		const { code, lastLine } = await runDrill(t, '--kill', '5', '--onAbsent', onAbsent, '--scenarios', 'kill,exit,abort');
		const receipt = JSON.parse(lastLine) as Receipt;

		t.equal(code, 0);
		t.match(receipt, { kills: 5, ...expected[0] });
		t.ok((onAbsent === 'accept' ? receipt.policyAccepted : receipt.policyDropped) > 0, 'the policy applied');
		t.equal(receipt.received + receipt.dropped + receipt.policyDropped, receipt.sent);
	}
});

t.test("a plugin of the user's is ended from outside, and judged by what arrives", async (t) => {
	const { code, lastLine } = await runDrill(t, '--kill', '4', '--standby', '--plugin', fixturePlugin('drop-every-nth'), '--config', '{"n":5}');
	const receipt = JSON.parse(lastLine) as Receipt;

	t.equal(code, 0);
	t.match(receipt, { kills: 4, lost: 0, reordered: 0, duplicated: 0, unfiltered: null, scenarios: { kill: 1, segv: 1, abort: 1, stop: 1 } });
	t.ok(receipt.dropped > 0);
});

t.test('a drill that cannot begin fails, and says why', async (t) => {
	const { code, stderr } = await runDrill(t, '--kill', '1', '--plugin', fixturePlugin('no-such-plugin'));

	t.equal(code, 1);
	t.match(stderr, /drill failed[^]*no-such-plugin/);
});
