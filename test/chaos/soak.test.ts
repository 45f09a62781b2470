// The soak as it is run for half an hour, for half a minute.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import t from 'tap';

import { repoRoot } from '../../tools/lib/paths.ts';
import type { SoakResult } from '../soak/soak.ts';

t.setTimeout(900_000);

t.test('two workers under everything that happens to them lose nothing and keep nothing', async (t) => {
	const soak = spawn(process.execPath, [join(repoRoot, 'test/soak/main.ts'), '--minutes', '0.4', '--json'], { stdio: ['ignore', 'pipe', 'pipe'] });
	const [stdout, stderr, [code]] = await Promise.all([text(soak.stdout), text(soak.stderr), once(soak, 'close')]);

	t.ok(stdout !== '', `the soak has a result\n${stdout === '' ? stderr : ''}`);

	const lastLine = stdout.trimEnd().split('\n').at(-1)!;
	const { kills, rssGrowthKiB } = JSON.parse(lastLine) as SoakResult;

	t.match(lastLine, /^\{"minutes":0\.4,"kills":\d+,"lost":0,"rssGrowthKiB":\d+,"leakedFds":0,"leakedMappings":0\}$/);
	t.ok(kills > 0);
	// Twelve seconds are too short to warm up: malloc still makes room for what it keeps.
	t.ok(rssGrowthKiB <= 4_096, `a worker grew by ${rssGrowthKiB} KiB`);
	t.notMatch(stderr, /^BROKEN: (?!the workers grew)/m);
	t.equal(code, /^BROKEN: /m.test(stderr) ? 1 : 0);
});

t.end();
