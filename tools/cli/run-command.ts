// From a command line to an exit code.

import { UsageError, usages } from './usage.ts';

export type CommandName = keyof typeof usages;
export type Commands = { readonly [Name in CommandName]: (args: readonly string[]) => Promise<number> };

export async function runCommand(commands: Commands, [name = '', ...args]: readonly string[]): Promise<number> {
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

function isCommand(name: string): name is CommandName {
	return Object.hasOwn(usages, name);
}
