// jest's environment for the observed run. Upstream's tests live in a realm and a module registry of their own, which know neither
// TypeScript nor ES modules; this class is loaded by Node itself, so our library can be used as it is.

import { TestEnvironment } from 'jest-environment-node';

import { type ObservedMediasoup, Observation } from './observation.ts';

/** jest takes the default export. */
export default class ObserveEnvironment extends TestEnvironment {
	override async setup(): Promise<void> {
		await super.setup();
		// For observe-setup.cjs, which runs inside.
		Object.assign(this.global, {
			startObservation: (mediasoup: ObservedMediasoup, env: NodeJS.ProcessEnv) => Observation.start(mediasoup, env),
		});
	}
}
