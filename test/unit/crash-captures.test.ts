import { mkdirSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';

import { CrashCaptures } from '../../src/crash-captures.ts';
import { readCrashCapture } from '../../src/pcapng.ts';
import { packetRecord } from '../helpers/records.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const capture = {
	...{ pluginName: 'throttle', pluginVersion: '1.2.3', pluginFile: '/plugins/throttle.so', config: { n: 1 } },
	...{ routerId: 'router-1', hostPid: 4711, signal: 'SIGSEGV', records: packetRecord(7) },
};

t.test('a file says whose packet it holds, and when the host died', async (t) => {
	const path = new CrashCaptures('/crashes').pathOf('throttle', 4711, new Date('2026-11-23T10:11:12.345Z'));

	t.equal(path, '/crashes/throttle-2026-11-23T10-11-12.345Z-4711.pcapng');
});

t.test('a plugin with a strange name stays in the directory', async (t) => {
	for (const name of ['../../etc/passwd', '/etc/passwd', '.', '..', 'a\0b', 'näme with spaces', 'x'.repeat(1_000), '']) {
		const path = new CrashCaptures('/crashes').pathOf(name, 1);

		t.match(path, /^\/crashes\/[A-Za-z0-9_][\w.-]{0,63}-[^/]+-1\.pcapng$/, JSON.stringify(name));
	}
});

t.test('it makes the directory, for its owner only, and what is in the file can be read', async (t) => {
	const dir = join(tempDir(), 'a', 'b');
	const captures = new CrashCaptures(dir);
	const path = captures.pathOf('throttle', 4711);

	await captures.save(path, capture);
	t.equal(statSync(dir).mode & 0o777, 0o700);
	t.equal(statSync(path).mode & 0o777, 0o600);
	t.match(await readCrashCapture(path), { pluginName: 'throttle', routerId: 'router-1', signal: 'SIGSEGV', packets: [{ sequenceNumber: 7 }] });
});

t.test('one that the app names may be a link', async (t) => {
	const parent = tempDir();

	mkdirSync(join(parent, 'target'));
	symlinkSync(join(parent, 'target'), join(parent, 'link'));

	const captures = new CrashCaptures(join(parent, 'link'));

	await captures.save(captures.pathOf('throttle', 4711), capture);
	t.pass('it was written');
});

t.test('what somebody else put where everybody can is not used', async (t) => {
	const parent = tempDir();

	symlinkSync(tempDir(), join(parent, 'shared'));

	const dir = join(parent, 'shared');
	const captures = new CrashCaptures(dir, dir);

	await t.rejects(captures.save(captures.pathOf('throttle', 4711), capture), { message: /shared is no directory of this user; pass another `crashDir`/ });
});
