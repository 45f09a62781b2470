// npm run -s test:matrix

import { describe, runMatrix } from './matrix.ts';

const cells = await runMatrix((cell) => console.log(describe(cell)));
const failed = cells.filter(({ ok }) => !ok).length;

console.log(`${cells.length} cells, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
