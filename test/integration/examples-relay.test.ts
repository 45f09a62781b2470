// examples/relay with real media: all of it is taken and injected again, and ffmpeg plays it as if nothing had happened.

import t from 'tap';

import { examplePlugin } from '../../tools/lib/example-plugin.ts';
import { openMediaStage, play, sendMedia } from '../helpers/media.ts';

for (const [kind, filter, proof] of [
	['audio', 'volumedetect', /mean_volume: -2[345]\.\d dB/],
	// One line per frame, and no two alike.
	['video', 'mpdecimate,showinfo', /\bn: +50 /],
] as const) {
	t.test(`${kind} that was taken and injected again plays without a gap`, async (t) => {
		const stage = await openMediaStage(t);
		const sender = await sendMedia(stage, kind);
		const relay = await stage.pluginHost.createPlugin({ file: examplePlugin('relay') });
		const attachment = await relay.attach({ router: stage.router, mode: 'filter', deadlineMs: 10_000 });
		const said = await play(stage, sender.producer, 3, filter);
		const { taken, accepted, timeoutAccepted } = await attachment.getStats();

		t.match(said, proof);
		t.notMatch(said, /missed|max delay|corrupt|error while/i);
		t.ok(taken > 100, `${taken} packets were taken`);
		t.same([accepted, timeoutAccepted], [0, 0]);
		t.ok((await relay.getStats()).workers[0]!.injected >= taken, 'and as many injected');
		await sender.stop();
	});
}

t.end();
