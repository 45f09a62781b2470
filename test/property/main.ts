// npm run -s test:property -- [--packets 1000000] [--seed n] [--json]

import { parseArgs } from 'node:util';

import { runPropertyTest } from './property.ts';

const { values } = parseArgs({ options: { packets: { type: 'string', default: '1000000' }, seed: { type: 'string', default: '1' }, json: { type: 'boolean', default: false } } });

function positive(name: 'packets' | 'seed'): number {
	const number = Number(values[name]);

	if (!Number.isSafeInteger(number) || number <= 0) {
		throw new TypeError(`--${name} is ${values[name]}; it must be a whole number above 0`);
	}

	return number;
}

const result = await runPropertyTest(positive('packets'), positive('seed'), (text) => console.error(text));

console.log(values.json ? JSON.stringify(result) : `${result.packets} packets, ${result.violations} violations`);
process.exit(result.violations === 0 ? 0 : 1);
