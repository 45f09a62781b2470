// The demo's child processes. None outlives it, however it ends: the tools of tools/rtp end with their standard input, others get
// a signal from the kernel when we die, and `killAll` is for every exit that we notice.

import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';

export class Children {
	readonly #children = new Set<ChildProcess>();

	spawn(command: string, args: readonly string[], stdio: StdioOptions): ChildProcess {
		const child = spawn('setpriv', ['--pdeathsig', 'KILL', command, ...args], { stdio });

		this.#children.add(child);
		child.once('close', () => this.#children.delete(child));

		return child;
	}

	killAll(): void {
		for (const child of this.#children) {
			child.kill('SIGKILL');
		}
	}
}

/** Resolves when the process has ended and its output is read. */
export function ended(child: ChildProcess): Promise<void> {
	return new Promise((resolve) => {
		child.once('close', () => resolve());
		// A command that cannot be run has no "close".
		child.once('error', () => resolve());
	});
}
