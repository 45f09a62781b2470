// For errors about Debian packages that are missing.

import { isCheckout } from './paths.ts';

export const howToInstall = isCheckout ? '"npm run setup"' : '"npx mediasoup-plugin-host build --install-packages"';
