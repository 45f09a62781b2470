// What the worker pays in instructions and system calls, how that grows with what else there is, and what a host costs. The rows are named after
// what they are about: worker/…, growth/…, host/….

import type { Context, Part, Row } from '../lib/row.ts';
import { measureGroups, measurePending, measurePlugins, measureRouters } from '../worker/growth.ts';
import { measureHostMemory, measureHostStart } from '../worker/host.ts';
import { measureInstructions } from '../worker/instructions.ts';
import { measureSystemCalls } from '../worker/system-calls.ts';

/** Of the part's budget, for what is repeated as often as there is time for; the others take some fifty seconds. */
const routersShare = 0.35;
const pluginsShare = 0.1;
const groupsShare = 0.1;

export const part: Part = {
	name: 'worker',
	async run(context: Context): Promise<Row[]> {
		const step = (what: string): void => context.log(`worker: ${what}`);
		const rows: Row[] = [];

		step('instructions under callgrind');
		rows.push(...(await measureInstructions(context)));
		step('system calls under strace');
		rows.push(...(await measureSystemCalls(context)));
		step('idle routers');
		rows.push(...(await measureRouters({ ...context, budgetMs: context.budgetMs * routersShare })));
		step('plugins in a chain');
		rows.push(...(await measurePlugins({ ...context, budgetMs: context.budgetMs * pluginsShare })));
		step('plugins in a group');
		rows.push(...(await measureGroups({ ...context, budgetMs: context.budgetMs * groupsShare })));
		step('a stream beside one that waits');
		rows.push(...(await measurePending({ ...context, budgetMs: context.budgetMs * groupsShare })));
		step('native hosts');
		rows.push(...(await measureHostStart(context)), ...(await measureHostMemory()));

		return rows;
	},
};
