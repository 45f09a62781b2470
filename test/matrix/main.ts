// npm run -s test:matrix [-- native | typescript]

import type { Language } from './matrix.ts';
import { describe, languages, runMatrix } from './matrix.ts';

const chosen = process.argv.slice(2);
const unknown = chosen.filter((name) => !(languages as readonly string[]).includes(name));

if (unknown.length > 0) {
	console.error(`there is no ${unknown.join(', ')}; there are ${languages.join(', ')}`);
	process.exit(2);
}

const cells = await runMatrix((cell) => console.log(describe(cell)), chosen.length > 0 ? (chosen as Language[]) : languages);
const failed = cells.filter(({ ok }) => !ok).length;

console.log(`${cells.length} cells, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
