// Runs inside jest, before each suite of the observed run: in the same realm as the tests and with the same mediasoup. Plain
// CommonJS, since nothing is transformed there.

/* global startObservation, beforeAll, afterEach, afterAll, expect */

const path = require('node:path');

let observation;

beforeAll(async () => {
	const { testPath } = expect.getState();

	observation = await startObservation(require(path.join(path.dirname(testPath), '..')), process.env);
});

// Runs before the suite's own afterEach, which closes what the test left open.
afterEach(() => observation.sendThroughOpenProducers());

afterAll(() => observation.end(path.basename(expect.getState().testPath, '.js')));
