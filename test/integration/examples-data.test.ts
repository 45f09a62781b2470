// examples/data-router (in C and in TypeScript) and examples/level-to-data: messages that find their way, and RTP that becomes messages.

import type { types } from 'mediasoup';
import t from 'tap';

import { examplePlugin } from '../../tools/lib/example-plugin.ts';
import { openMediaStage, sendMedia } from '../helpers/media.ts';
import { until } from '../helpers/until.ts';

type Ear = { readonly consumer: types.DataConsumer; readonly heard: readonly string[] };

async function listenTo(router: types.Router, producer: types.DataProducer): Promise<Ear> {
	const transport = await router.createDirectTransport();
	const consumer = await transport.consumeData({ dataProducerId: producer.id });
	const heard: string[] = [];

	consumer.on('message', (message) => heard.push(message.toString()));

	return { consumer, heard };
}

const produceData = async (router: types.Router, label: string): Promise<types.DataProducer> => (await router.createDirectTransport()).produceData({ label });

for (const example of ['data-router', 'data-router-ts']) {
	t.test(`${example}: a message goes to whom it names, and to nobody else`, async (t) => {
		const { pluginHost, router } = await openMediaStage(t);
		const plugin = await pluginHost.createPlugin({ file: examplePlugin(example) });
		const policies = { onTimeout: 'drop', onAbsent: 'drop', onOverflow: 'drop', onError: 'drop' } as const;
		const attachment = await plugin.attach({ router, kinds: [], dataProducers: true, mode: 'filter', deadlineMs: 10_000, ...policies });
		const [alice, bob] = [await produceData(router, 'alice'), await produceData(router, 'bob')];
		const [bobsEar, carolsEar, alicesEar] = [await listenTo(router, alice), await listenTo(router, alice), await listenTo(router, bob)];

		alice.send(`to: ${bobsEar.consumer.id}, ${alicesEar.consumer.id}\n\nhello\nyou two`);
		await until('both of them', () => bobsEar.heard.length === 1 && alicesEar.heard.length === 1);
		t.same([bobsEar.heard, alicesEar.heard], [[`from: ${alice.id}\n\nhello\nyou two`], [`from: ${alice.id}\n\nhello\nyou two`]]);

		alice.send(`to: bot\nreply-to: ${alicesEar.consumer.id}\n\nwho is here?`);
		await until('the bot', () => alicesEar.heard.length === 2);
		t.equal(alicesEar.heard[1], 'from: bot\n\nwho is here?\nparticipants: 2');

		alice.send(`subject: hi\n\nhello all`);
		alice.send(Buffer.from('to: '));
		await until('what goes its usual way', () => carolsEar.heard.length === 2);
		t.same(carolsEar.heard, ['subject: hi\n\nhello all', 'to: '], 'carol has heard nothing that was not for her');

		alice.send(`to: nobody, ${bobsEar.consumer.id}\r\nsubject: hi\r\n\r\nhello bob`);
		alice.send(`to:\n\nhello nobody`);

		const head = `to: ${bobsEar.consumer.id}\n\n`;

		// As long as a message may be, which it is not any more with `from: `.
		alice.send(`${head}${'x'.repeat(262_144 - head.length)}`);
		await until('bob alone', () => bobsEar.heard.length === 4);
		t.equal(bobsEar.heard.at(-1), `from: ${alice.id}\n\nhello bob`);

		const counters = await until('all that was counted', async () => {
			const { instances } = await plugin.getStats();

			return instances[0]?.counters['undelivered'] === 1 && instances[0].counters;
		});

		t.match(counters, { forwarded: 3, answered: 1, unknown: 1 });
		t.match(await attachment.getStats(), { taken: 5, accepted: 2 });
	});
}

t.test('how loud an audio producer is comes as messages, ten times a second', async (t) => {
	const stage = await openMediaStage(t);
	const { pluginHost, router } = stage;
	const plugin = await pluginHost.createPlugin({ file: examplePlugin('level-to-data'), config: { label: 'levels' } });
	const [levels, chat] = [await produceData(router, 'levels'), await produceData(router, 'chat')];
	const [ear, other] = [await listenTo(router, levels), await listenTo(router, chat)];

	await plugin.attach({ router, kinds: ['audio'], mode: 'observe' });
	await plugin.attach({ router, kinds: [], dataProducers: true, mode: 'observe', onAbsent: 'accept', onOverflow: 'accept' });

	const { producer, stop } = await sendMedia(stage, 'audio');
	const read = (): { producerId: string; dBov: number }[] => ear.heard.map((message) => JSON.parse(message));

	await until('20 levels', () => read().filter(({ dBov }) => dBov > -127).length >= 20);
	t.ok(read().every(({ producerId }) => producerId === producer.id));

	const steady = read().slice(-10);

	t.ok(steady.every(({ dBov }) => Math.abs(dBov + 24.1) < 1), `the tone's -24 dBov: ${steady.map(({ dBov }) => dBov).join(' ')}`);
	await stop();
	await until('silence', () => read().at(-1)!.dBov === -127);

	const before = ear.heard.length;

	producer.close();
	t.ok(before > 0);
	t.same(other.heard, [], 'who was not chosen hears nothing');
});

t.end();
