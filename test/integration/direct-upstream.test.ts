// mediasoup's own test-DirectTransport.js, as it is compiled, with its imports changed: the module under test is ours, and the two helpers beside
// it are those of the mediasoup that ours uses. jest's own require() knows no ES modules, so Node's is asked.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import t from 'tap';

import { findWorkerBin } from '../../src/worker-bin.ts';
import { repoRoot } from '../../tools/lib/paths.ts';
import { runJest } from '../../tools/upstream/jest.ts';

const upstream = join(repoRoot, 'node_modules/mediasoup/node/lib');
const modules: Readonly<Record<string, string>> = {
	'../': join(repoRoot, 'src/mediasoup.ts'),
	'../enhancedEvents': join(upstream, 'enhancedEvents.js'),
	'../errors': join(upstream, 'errors.js'),
};

/** Else all of the others would prove nothing. */
const ownCase = `test('the transport is one on rings', async () => {
	const directTransport = await ctx.router.createDirectTransport();
	const dataProducer = await directTransport.produceData();
	expect(Object.hasOwn(dataProducer, 'send')).toBe(true);
});`;

function stage(): string {
	const stageDir = join(repoRoot, 'build/upstream/direct');
	const testDir = join(stageDir, 'node/lib/test');
	const source = readFileSync(join(upstream, 'test/test-DirectTransport.js'), 'utf8');
	const changed = source.replace(/require\("([^"]+)"\)/g, (_, name: string) => {
		const path = modules[name];

		if (path === undefined) {
			throw new Error(`test-DirectTransport.js imports ${name}, which has no counterpart here`);
		}

		return `requireByNode(${JSON.stringify(path)})`;
	});

	rmSync(stageDir, { recursive: true, force: true });
	mkdirSync(testDir, { recursive: true });
	writeFileSync(join(testDir, 'test-DirectTransport.js'), `${changed}\n${ownCase}`);

	return stageDir;
}

t.test("every case of mediasoup's own test-DirectTransport.js passes on rings", async (t) => {
	const result = await runJest({
		...{ name: 'direct', stageDir: stage(), workerBin: findWorkerBin(undefined) },
		testEnvironment: join(repoRoot, 'tools/upstream/direct-environment.ts'),
	});

	t.same(result.failures, []);
	t.equal(result.failed, 0);
	t.equal(result.passed, 9);
});
