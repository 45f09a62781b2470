// The ring, the doorbell and the take-over, explored in every order (docs/testing.md).
//
//   npm run -s model                         everything that takes seconds, then the negative controls
//   npm run -s model -- --long               the long configurations
//   npm run -s model -- --control NAME       this control, with the steps that lead to what it breaks
//   npm run -s model -- --json               a line of JSON for each, and one for all
//
// Exits 1 when a configuration fails or a control does not.

import { parseArgs } from 'node:util';

import { buildModel, type Exploration } from './model.ts';

const usage = 'usage: npm run -s model -- [--long] [--control NAME] [--json]';

function describe({ configuration, what, control, lacks, states, interleavings, seconds, complete, failure }: Exploration): string {
	const size = `${states} states, ${interleavings} interleavings, ${seconds.toFixed(1)} s`;

	if (control !== null) {
		return `${failure !== null ? 'caught    ' : 'NOT CAUGHT'} ${control}: without ${lacks} (${configuration}, ${size})${failure !== null ? `: ${failure}` : ''}`;
	}

	return `${failure === null && complete ? 'holds ' : 'FAILS '} ${configuration}: ${what}; ${size}${failure !== null ? `: ${failure}` : complete ? '' : ', not all was seen'}`;
}

async function main(): Promise<void> {
	const { values } = parseArgs({ options: { json: { type: 'boolean', default: false }, long: { type: 'boolean', default: false }, control: { type: 'string' } } });
	const model = await buildModel();
	const results: Exploration[] = [];
	const onResult = (result: Exploration): void => {
		results.push(result);
		console.log(values.json ? JSON.stringify(result) : describe(result));

		if (!values.json && result.failure !== null && (result.control === null || values.control !== undefined)) {
			console.log(result.steps.map((step) => `    ${step}`).join('\n'));
		}
	};

	if (values.control === undefined) {
		await model.explore({ long: values.long }, onResult);
	}
	if (!values.long) {
		await model.runControls(values.control, onResult);
	}

	const explored = results.filter(({ control }) => control === null);
	const controls = results.filter(({ control }) => control !== null);
	const summary = {
		states: explored.reduce((sum, { states }) => sum + states, 0),
		interleavings: explored.reduce((sum, { interleavings }) => sum + interleavings, 0),
		failures: explored.filter(({ failure, complete }) => failure !== null || !complete).map(({ configuration }) => configuration),
		controls: controls.length,
		notCaught: controls.filter(({ failure }) => failure === null).map(({ control }) => control),
	};

	console.log(
		values.json
			? JSON.stringify(summary)
			: `${explored.length} configurations with ${summary.states} states and ${summary.interleavings} interleavings, ${summary.failures.length} failed; ${controls.length} controls, ${summary.notCaught.length} not caught`,
	);
	process.exitCode = summary.failures.length + summary.notCaught.length > 0 ? 1 : 0;
}

try {
	await main();
} catch (error) {
	console.error(`${(error as Error).message}\n${usage}`);
	process.exit(2);
}
