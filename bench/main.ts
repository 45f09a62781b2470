// Measures how good it is, side by side with the floors of the machine; bench/README.md says what each row means.
//
//   npm run bench                    a table of everything, in fifteen minutes at most
//   npm run bench -- ring            one part: ring, verdict, e2e, js, worker
//   npm run bench -- --quick         short repetitions, for a look
//   npm run -s bench -- --json       the rows as one JSON array, as the last line

import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { parseCommandLine, usage } from './lib/command-line.ts';
import type { BenchCommand } from './lib/command-line.ts';
import { makeFloors } from './lib/floors.ts';
import { formatJson, formatTable } from './lib/report.ts';
import type { Part, PartName, Row } from './lib/row.ts';

/** Together under fifteen minutes, with what floors and builds take. */
const budgetsMs: Record<PartName, number> = { ring: 110_000, verdict: 160_000, e2e: 240_000, js: 150_000, worker: 210_000 };
const quickBudgetMs = 30_000;

async function run({ parts, quick }: BenchCommand): Promise<Row[]> {
	const floors = makeFloors({ ms: quick ? 200 : 1000 });
	const rows: Row[] = [];

	for (const name of parts) {
		const startedAt = performance.now();

		try {
			const part = await load(name);
			const ofPart = await part.run({
				quick,
				budgetMs: quick ? quickBudgetMs : budgetsMs[name],
				floorOf: (floor) => floors.of(floor),
				log: say,
			});

			floors.take(ofPart);
			rows.push(...ofPart);
		} catch (error) {
			// What the other parts measured in minutes is worth printing all the same.
			say(`the part ${name} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
			process.exitCode = 1;
		}
		say(`${name}: ${Math.round((performance.now() - startedAt) / 1000)} s`);
	}

	return [...floors.measured, ...rows];
}

async function load(name: PartName): Promise<Part> {
	const file = join(import.meta.dirname, 'parts', `${name}.ts`);

	if (!existsSync(file)) {
		throw new Error(`the part ${name} is not there: ${file}`);
	}

	const { part } = (await import(file)) as { readonly part: Part };

	return part;
}

function say(text: string): void {
	process.stderr.write(`${text}\n`);
}

async function main(): Promise<void> {
	let command: BenchCommand;

	try {
		command = parseCommandLine(process.argv.slice(2));
	} catch (error) {
		say(`${(error as Error).message}\n${usage}`);
		process.exit(2);
	}

	const rows = await run(command);

	process.stdout.write(`${command.json ? formatJson(rows) : formatTable(rows)}\n`);
}

await main();
