// data-router: text messages say themselves who gets them, and a bot answers. README.md has the form; examples/data-router does the same in C.
// A message is taken, and its text goes to the data consumers that are named. What has no `to:` goes its usual way.

import type { Counter, MessageView } from 'mediasoup-plugin-host/plugin';
import { definePlugin } from 'mediasoup-plugin-host/plugin';

import { parseAddressed, splitNames } from './addressed-message.ts';
import { Participants } from './participants.ts';

/** What mediasoup's transports take by default. */
const maxMessageBytes = 262_144;
const maxDestinations = 64;

export default definePlugin({
	name: 'data-router',
	version: '1.0.0',
	setup({ injectData, counter }) {
		const participants = new Participants();
		const forwarded = counter('forwarded');
		const answered = counter('answered');
		const unknown = counter('unknown');
		const undelivered = counter('undelivered');

		/** Numbers of those that are there. */
		function find(router: number, names: string): number[] {
			const consumers: number[] = [];

			for (const name of splitNames(names)) {
				const consumer = participants.find(router, name);

				if (consumer === undefined || consumers.length === maxDestinations) {
					unknown.add();
				} else {
					consumers.push(consumer);
				}
			}

			return consumers;
		}

		function send(cause: MessageView, names: string, text: string, sent: Counter): void {
			const { router } = cause;
			const consumers = find(router, names);

			// No consumers would mean all of them.
			if (consumers.length > 0) {
				const fits = Buffer.byteLength(text) <= maxMessageBytes;
				const isSent = fits && injectData({ router, message: text, consumers, cause }) === 'ok';

				(isSent ? sent : undelivered).add(consumers.length);
			}
		}

		return {
			onData(message) {
				const addressed = message.isString && message.copiedLength === message.length ? parseAddressed(message.text) : undefined;

				if (!addressed) {
					return 'accept';
				}

				const { to, replyTo, text } = addressed;

				if (to === 'bot') {
					send(message, replyTo, `from: bot\n\n${text}\nparticipants: ${participants.count(message.router)}`, answered);
				} else {
					send(message, to, `from: ${message.dataProducerId ?? 'unknown'}\n\n${text}`, forwarded);
				}

				return 'take';
			},

			onEvent(event) {
				participants.hear(event);
			},
		};
	},
});
