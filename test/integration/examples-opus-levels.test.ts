// examples/opus-levels with real Opus: who spoke from when to when, and how loud.

import t from 'tap';

import type opusLevels from '../../examples/opus-levels/opus-levels.ts';
import type { SpokenSegment } from '../../examples/opus-levels/opus-levels.ts';
import type { PluginConfig } from '../../src/types.ts';
import { examplePlugin } from '../../tools/lib/example-plugin.ts';
import { openMediaStage, sendMedia } from '../helpers/media.ts';
import { until } from '../helpers/until.ts';

t.test('the app hears who spoke from when to when, and how loud', async (t) => {
	const stage = await openMediaStage(t);
	const { pluginHost, router } = stage;
	const file = examplePlugin('opus-levels');
	const listen = async (config: PluginConfig<typeof opusLevels>) => {
		const plugin = await pluginHost.createPlugin<typeof opusLevels>({ file, config });
		const spoken: SpokenSegment[] = [];

		plugin.on('message', ({ name, body }) => {
			t.equal(name, 'speech');
			spoken.push(body);
		});
		await plugin.attach({ router, kinds: ['audio'], mode: 'observe' });

		return { plugin, spoken };
	};

	await t.rejects(listen({ threshold: 3 }), { code: 'MPH_ERR_PLUGIN_CREATE', message: /threshold/ });

	const [all, loud] = [await listen({ pauseMs: 400 }), await listen({ threshold: -12, pauseMs: 50 })];
	const began = Date.now();
	const { producer, stop } = await sendMedia(stage, 'audio');
	const speaker = { routerId: router.id, producerId: producer.id };

	await until('somebody who speaks', async () => (await all.plugin.request('speakers')).length === 1);
	t.same(await all.plugin.request('speakers'), [speaker]);
	t.same(all.spoken, [], 'who speaks still has no segment');

	const heardAt = Date.now();

	await until('half a second of it', () => Date.now() - heardAt > 500);
	t.same(await loud.plugin.request('speakers'), [], 'what is not loud enough is no speech');
	await stop();
	await until('the segment', () => all.spoken.length > 0);
	t.same(await all.plugin.request('speakers'), []);

	const { start, end, level, ...who } = all.spoken[0]!;

	t.same(who, speaker);
	t.ok(start >= began && end - start >= 300 && end <= Date.now(), `${end - start} ms, from ${start - began} ms after the beginning on`);
	t.ok(Math.abs(level + 24.1) < 1, `the tone's -24 dBov: ${level}`);

	const { counters } = (await all.plugin.getStats()).instances[0]!;

	t.same([counters['skipped'] ?? 0, counters['overflowed'] ?? 0, counters['undelivered'] ?? 0], [0, 0, 0]);
	t.same(loud.spoken, []);
});

t.test('a producer that is closed while it speaks has spoken', async (t) => {
	const stage = await openMediaStage(t);
	const plugin = await stage.pluginHost.createPlugin<typeof opusLevels>({ file: examplePlugin('opus-levels'), config: { pauseMs: 600_000 } });
	const spoken: SpokenSegment[] = [];

	plugin.on('message', ({ body }) => spoken.push(body));
	await plugin.attach({ router: stage.router, kinds: ['audio'], mode: 'observe' });

	const { producer, stop } = await sendMedia(stage, 'audio');

	await until('somebody who speaks', async () => (await plugin.request('speakers')).length === 1);
	producer.close();
	await until('the segment', () => spoken.length === 1);
	t.equal(spoken[0]!.producerId, producer.id);
	await stop();
});

t.end();
