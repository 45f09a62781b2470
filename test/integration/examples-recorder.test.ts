// examples/recorder with real Opus and VP8, through hosts that come and go: tshark and ffprobe read what it has written.

import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import t from 'tap';

import { examplePlugin } from '../../tools/lib/example-plugin.ts';
import { nextEvent } from '../helpers/events.ts';
import { openMediaStage, sendMedia } from '../helpers/media.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { until } from '../helpers/until.ts';

const filesIn = (dir: string, prefix: string, extension: string): string[] =>
	readdirSync(dir)
		.filter((name) => name.startsWith(prefix) && name.endsWith(extension))
		.map((name) => join(dir, name));

function run(command: string, args: readonly string[]): string {
	return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trimEnd();
}

/** "protocol, SSRC, sequence number" of every RTP packet. */
function packetsOf(file: string): string[] {
	return run('tshark', ['-r', file, '-Y', 'rtp', '-T', 'fields', '-e', '_ws.col.Protocol', '-e', 'rtp.ssrc', '-e', 'rtp.seq']).split('\n');
}

t.test('a call is recorded: tshark opens the capture, ffprobe the audio', async (t) => {
	const stage = await openMediaStage(t);
	const directory = tempDir();
	const recorder = await stage.pluginHost.createPlugin({ file: examplePlugin('recorder'), config: { directory } });
	const attachment = await recorder.attach({ router: stage.router, mode: 'observe' });
	const [audio, video] = [await sendMedia(stage, 'audio'), await sendMedia(stage, 'video')];

	await until('200 packets', async () => (await attachment.getStats()).observed >= 200);
	await Promise.all([audio.stop(), video.stop()]);

	const { observed } = await attachment.getStats();

	await until('all that was observed', async () => (await recorder.getStats()).instances[0]!.counters['recorded'] === observed);
	attachment.close();

	const [capture, ...others] = filesIn(directory, stage.router.id, '.pcapng');

	t.same(others, [], 'one capture for the router');

	const packets = packetsOf(capture!);

	t.equal(packets.length, observed, 'with all packets');
	t.equal(new Set(packets).size, observed, 'each once');
	t.same([...new Set(packets.map((packet) => packet.split('\t')[0]))].sort(), ['OPUS', 'VP8'], 'of known codecs');
	t.equal(run('tshark', ['-r', capture!, '-Y', '_ws.malformed']), '', 'none malformed');
	t.equal(run('tshark', ['-r', capture!, '-d', 'udp.port==5004,rtp', '-Y', 'rtp']).split('\n').length, observed, 'also by the port');

	const [ogg] = await until('the audio', () => {
		const files = filesIn(directory, audio.producer.id, '.opus');

		return files.length > 0 && run('ffprobe', ['-v', 'error', '-show_entries', 'format=duration', '-of', 'csv=p=0', files[0]!]) !== '' && files;
	});
	const opusPackets = packets.filter((packet) => packet.startsWith('OPUS')).length;
	const duration = Number(run('ffprobe', ['-v', 'error', '-show_entries', 'format=duration', '-of', 'csv=p=0', ogg!]));
	const volume = spawnSync('ffmpeg', ['-nostdin', '-v', 'info', '-i', ogg!, '-af', 'volumedetect', '-f', 'null', '-'], { encoding: 'utf8' }).stderr;

	t.ok(Math.abs(duration - opusPackets * 0.02) < 0.1, `${duration} s of ${opusPackets} packets`);
	t.match(volume, /mean_volume: -2[345]\.\d dB/, 'it is the tone that was sent');
});

t.test('hosts that come and go make files of their own, and no packet stands in two', async (t) => {
	const stage = await openMediaStage(t);
	const directory = tempDir();
	const recorder = await stage.pluginHost.createPlugin({ file: examplePlugin('recorder'), config: { directory } });
	const attachment = await recorder.attach({ router: stage.router, mode: 'observe' });
	const audio = await sendMedia(stage, 'audio');
	const observed = async (): Promise<number> => (await attachment.getStats()).observed;
	const more = async (): Promise<void> => {
		const before = await observed();

		await until('50 more packets', async () => (await observed()) >= before + 50);
	};

	await more();
	await recorder.restart();
	await more();

	const recovered = nextEvent(recorder, 'recovered');

	process.kill(recorder.hostPid!, 'SIGKILL');
	await recovered;
	await more();
	await audio.stop();
	recorder.close();

	const captures = await until('three captures that are whole', () => {
		const files = filesIn(directory, stage.router.id, '.pcapng');

		return files.length === 3 && files;
	});
	const packets = captures.flatMap(packetsOf);

	t.equal(new Set(packets).size, packets.length, `${packets.length} packets, each in one file`);
	t.ok(packets.length > 140);
	for (const file of captures) {
		t.equal(run('tshark', ['-r', file, '-Y', '_ws.malformed']), '', 'none malformed');
	}
});

t.end();
