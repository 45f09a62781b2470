// The drill with Chromium in a call: people look at the picture. Short form: 10 kills in 15 seconds; MPH_LONG=1: 100 in two minutes.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import t from 'tap';

import type { BrowserReceipt } from '../../tools/drill/browser.ts';
import { repoRoot } from '../../tools/lib/paths.ts';
import { isLong } from './flow.ts';

const [kills, minutes] = isLong ? [100, 2] : [10, 0.25];

t.setTimeout(900_000);

t.test('hosts are killed in a call, and the picture goes on in every second', { skip: !existsSync('/usr/bin/chromium') && 'needs Chromium' }, async (t) => {
	const args = ['drill', '--json', '--browser', '--standby', '--kill', String(kills), '--minutes', String(minutes)];
	const drill = spawn(join(repoRoot, 'tools/cli.ts'), args, { stdio: ['ignore', 'pipe', 'pipe'] });
	const [stdout, stderr, [code]] = await Promise.all([text(drill.stdout), text(drill.stderr), once(drill, 'close')]);
	const receipt = JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as BrowserReceipt;

	t.comment(stderr);
	t.comment(stdout);
	t.match(receipt, { kills, lost: 0, secondsWithoutFrames: [] });
	t.ok(receipt.framesDecoded > 20 * receipt.seconds, 'frames were decoded');
	t.ok(receipt.longestFreezeMs <= 200, 'no freeze that anybody notices');
	t.equal(code, 0);
});
