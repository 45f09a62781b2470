import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';

import { AppDirectory } from '../../src/app-dir.ts';
import { completeLogger } from '../../src/logger.ts';
import { repoRoot } from '../../tools/lib/paths.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const logger = completeLogger();

/** What an app leaves behind that is killed after it has made its directory. */
async function leaveBehind(parent: string): Promise<string> {
	const app = spawn(
		process.execPath,
		[
			'--input-type=module',
			'--eval',
			`import { AppDirectory } from ${JSON.stringify(join(repoRoot, 'src/app-dir.ts'))};
			const { path } = await AppDirectory.create(${JSON.stringify(parent)}, { debug() {}, info() {}, warn() {}, error() {} });
			process.stdout.write(path);
			setInterval(() => {}, 1000);`,
		],
		{ stdio: ['ignore', 'pipe', 'inherit'] },
	);
	const [path] = (await once(app.stdout, 'data')) as [Buffer];

	app.kill('SIGKILL');
	await once(app, 'exit');

	return path.toString();
}

t.test('it is for its owner only, and so is the token in it', async (t) => {
	const parent = tempDir();
	const directory = await AppDirectory.create(parent, logger);

	t.equal(statSync(directory.path).mode & 0o777, 0o700);
	t.equal(statSync(join(directory.path, 'token')).mode & 0o777, 0o600);
	t.match(readFileSync(join(directory.path, 'token'), 'utf8'), /^[0-9a-f]{64}$/);
	t.equal(readFileSync(join(directory.path, 'token'), 'utf8'), directory.token);
	t.equal(directory.socketPathOf(4711), join(directory.path, '4711.sock'));
});

t.test('two have different tokens and paths', async (t) => {
	const parent = tempDir();
	const [one, two] = [await AppDirectory.create(parent, logger), await AppDirectory.create(parent, logger)];

	t.not(one.token, two.token);
	t.not(one.path, two.path);
});

t.test('remove() takes everything in it along, and may be called again', async (t) => {
	const directory = await AppDirectory.create(tempDir(), logger);

	writeFileSync(directory.socketPathOf(1), '');
	directory.remove();
	t.notOk(existsSync(directory.path));
	directory.remove();
});

t.test('what a killed app left behind is removed by the next one', async (t) => {
	const parent = tempDir();
	const leftover = await leaveBehind(parent);

	writeFileSync(join(leftover, '1.sock'), '');
	t.ok(existsSync(leftover));

	const directory = await AppDirectory.create(parent, logger);

	t.notOk(existsSync(leftover));
	t.same(readdirSync(parent), [directory.path.slice(parent.length + 1)]);
});

t.test('what belongs to a living app stays', async (t) => {
	const parent = tempDir();
	const living = await AppDirectory.create(parent, logger);

	await AppDirectory.create(parent, logger);
	t.ok(existsSync(living.path));
});

t.test('what is of another pid namespace stays: its pids mean nothing here', async (t) => {
	const parent = tempDir();
	const leftover = await leaveBehind(parent);
	const [, ...rest] = leftover.slice(parent.length + 5).split('-');
	const foreign = join(parent, ['mph', '1', ...rest].join('-'));

	mkdirSync(foreign);
	await AppDirectory.create(parent, logger);
	t.ok(existsSync(foreign));
});

t.test('what only looks like a leftover stays', async (t) => {
	const parent = tempDir();
	const name = (await leaveBehind(parent)).slice(parent.length + 1);
	const target = join(parent, 'precious');

	rmSync(join(parent, name), { recursive: true });
	mkdirSync(target);
	writeFileSync(join(target, 'file'), '');
	symlinkSync(target, join(parent, name));
	mkdirSync(join(parent, 'mph-something'));

	await AppDirectory.create(parent, logger);
	t.ok(existsSync(join(target, 'file')));
	t.ok(existsSync(join(parent, 'mph-something')));
});

t.test('a parent that cannot be written to is an error that names it', async (t) => {
	await t.rejects(AppDirectory.create('/nowhere/at/all', logger), {
		name: 'DirectoryError',
		code: 'MPH_ERR_DIR',
		message: /"\/nowhere\/at\/all" .*ENOENT.*pass a writable `dir`/,
		cause: { code: 'ENOENT' },
	});
});

t.test('a path too long for a socket is an error, and nothing is left of it', async (t) => {
	const parent = join(tempDir(), 'x'.repeat(60));

	mkdirSync(parent);
	await t.rejects(AppDirectory.create(parent, logger), { code: 'MPH_ERR_DIR', message: /the system allows 107; pass a shorter `dir`/ });
	t.same(readdirSync(parent), []);
});
