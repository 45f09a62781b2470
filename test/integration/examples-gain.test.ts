// examples/gain with real Opus: what it makes of ffmpeg's is played by ffmpeg.

import type { Test } from 'tap';
import t from 'tap';

import { examplePlugin } from '../../tools/lib/example-plugin.ts';
import { type MediaStage, type Sender, openMediaStage, play, sendMedia } from '../helpers/media.ts';

/** In dB against full scale. What ffmpeg misses it says. */
async function volumeOf(t: Test, stage: MediaStage, { producer }: Sender): Promise<number> {
	const said = await play(stage, producer, 2, 'volumedetect');
	const volume = Number(/mean_volume: (\S+) dB/.exec(said)?.[1]);

	t.comment(`${volume} dB`);
	t.notMatch(said, /missed|max delay|error|invalid/i, 'the stream has no gap and decodes');

	return volume;
}

t.test('audio is as much softer as it should be, and one stream for who hears it', async (t) => {
	const stage = await openMediaStage(t);
	const sender = await sendMedia(stage, 'audio');
	const plain = await volumeOf(t, stage, sender);
	const gain = await stage.pluginHost.createPlugin({ file: examplePlugin('gain'), config: { dB: -12 } });
	const attachment = await gain.attach({ router: stage.router, kinds: ['audio'], mode: 'filter', onAbsent: 'drop', deadlineMs: 10_000 });
	const softer = await volumeOf(t, stage, sender);

	t.ok(Math.abs(softer - plain + 12) < 1, `${softer} dB are 12 less than ${plain}`);
	t.same(await gain.request('setGain', { dB: -3 }), { dB: -3 });

	const again = await volumeOf(t, stage, sender);

	t.ok(Math.abs(again - plain + 3) < 1, `${again} dB are 3 less than ${plain}`);
	await t.rejects(gain.request('setGain', { dB: 'loud' }), { message: /from -60 to 30/ });

	const { taken, accepted, timeoutAccepted } = await attachment.getStats();
	const { counters } = (await gain.getStats()).instances[0]!;

	t.ok(taken > 150, `${taken} packets were taken`);
	t.same([accepted, timeoutAccepted], [0, 0], 'none passed by it');
	t.same([counters['overflowed'] ?? 0, counters['skipped'] ?? 0, counters['undelivered'] ?? 0], [0, 0, 0]);
	await sender.stop();
});

t.test('a host that is replaced under way is not heard', async (t) => {
	const stage = await openMediaStage(t);
	const sender = await sendMedia(stage, 'audio');
	const gain = await stage.pluginHost.createPlugin({ file: examplePlugin('gain'), config: { dB: 6 }, standby: true });

	await gain.attach({ router: stage.router, kinds: ['audio'], mode: 'filter', onAbsent: 'drop', deadlineMs: 10_000 });

	const volume = volumeOf(t, stage, sender);

	await gain.restart();
	t.ok(Math.abs((await volume) + 18.1) < 1, 'it is as loud as without');
	await sender.stop();
});

t.end();
