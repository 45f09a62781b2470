// The module that stands in for mediasoup: what an app finds in it, by import and by require().

import { createRequire } from 'node:module';

import * as mediasoup from 'mediasoup';
import t from 'tap';

import * as ours from '../../src/mediasoup.ts';

/** As mediasoup is CommonJS: what Node makes of it. */
const ofNode = ['__esModule', 'default', 'module.exports'];

t.test('it has all that mediasoup has, and a createWorker() of its own', async (t) => {
	const names = Object.keys(mediasoup).filter((name) => !ofNode.includes(name));

	t.same(Object.keys(ours).sort(), names.sort());

	for (const name of names) {
		const isSame = (ours as Record<string, unknown>)[name] === (mediasoup as Record<string, unknown>)[name];

		t.equal(isSame, name !== 'createWorker', name);
	}
});

t.test('require() finds the same', async (t) => {
	const required = createRequire(import.meta.url)('../../src/mediasoup.ts') as typeof ours;

	t.equal(required.createWorker, ours.createWorker);
	t.equal(required.observer, mediasoup.observer);
	t.not(required.createWorker, mediasoup.createWorker);
});
