// Where the package lies: the sources run from `src` in a checkout and from `dist` when published, one level below it either way.

import { join } from 'node:path';

export const packageRoot = join(import.meta.dirname, '..');
