// Where the package lies. In a checkout the sources run as they are, from `src`; what is published runs compiled, from `dist/src`, since Node
// runs no TypeScript under node_modules.

import { join } from 'node:path';

/** Of this package's modules, as they run here. */
export const moduleExtension = import.meta.filename.endsWith('.ts') ? 'ts' : 'js';

export const packageRoot = join(import.meta.dirname, moduleExtension === 'ts' ? '..' : '../..');
