// jest's environment for mediasoup's own test-DirectTransport.js on rings. Loaded by Node itself, which has the modules as an app with require()
// has them.

import { createRequire } from 'node:module';

import { TestEnvironment } from 'jest-environment-node';

/** jest takes the default export. */
export default class DirectEnvironment extends TestEnvironment {
	override async setup(): Promise<void> {
		await super.setup();
		Object.assign(this.global, { requireByNode: createRequire(import.meta.filename) });
	}
}
