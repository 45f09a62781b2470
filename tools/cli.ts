#!/usr/bin/env -S sh -c 'exec "$(dirname "$(readlink -f "$0")")/../node_modules/.bin/node" "$0" "$@"'
// npx mediasoup-plugin-host: the command line tool. Its first line finds the Node that the repository's set-up has installed, whatever Node the
// machine has. Each command is a module of its own in tools/cli.

import { drill } from './cli/drill.ts';
import { replay } from './cli/replay.ts';
import { UsageError, usages } from './cli/usage.ts';

const commands = { drill, replay } as const satisfies Record<keyof typeof usages, (args: readonly string[]) => Promise<number>>;

// Not by process.exitCode: after a failure there may be children that would keep us alive.
process.exit(await main(process.argv.slice(2)));

async function main([name = '', ...args]: readonly string[]): Promise<number> {
	if (name === '--help' || name === 'help') {
		process.stdout.write(`${Object.values(usages).join('\n')}\n`);

		return 0;
	}
	if (!isCommand(name)) {
		process.stderr.write(`${name === '' ? 'a command is missing' : `there is no command "${name}"`}\n${Object.values(usages).join('\n')}\n`);

		return 2;
	}

	try {
		return await commands[name](args);
	} catch (error) {
		if (error instanceof UsageError) {
			process.stderr.write(`${error.message}\n${usages[name]}\n`);

			return 2;
		}
		process.stderr.write(`${name} failed: ${(error as Error).stack}\n`);

		return 1;
	}
}

function isCommand(name: string): name is keyof typeof commands {
	return Object.hasOwn(commands, name);
}
