// What holds for every packet, whatever plugins decide, in whatever order they answer, and whatever is closed meanwhile: order per producer, no
// gap where a verdict dropped, nothing twice, no bytes that nobody wrote, and every packet in exactly one counter of each attachment.
//
// A round opens producers behind a chain of two hosts and sends; every other one closes some of them with packets held.

import * as mediasoup from 'mediasoup';
import type { types } from 'mediasoup';

import type { Attachment, AttachmentStats, Plugin, PluginHost } from '../../src/index.ts';
import { createPluginHost } from '../../src/index.ts';
import { fixturePlugin } from '../helpers/binaries.ts';
import { mediaCodecs } from '../helpers/call.ts';
import { random } from '../helpers/random.ts';
import { until } from '../helpers/until.ts';
import type { Stream } from './traffic.ts';
import { openDataStream, openRtpStream } from './traffic.ts';

export type PropertyResult = { readonly packets: number; readonly violations: number };

const consumersPerStream = 2;
const packetsPerRound = 20_000;
const chunk = 100;

/** Numbers of a stream do not come near 2^32, and each stream has 20 million of its own. */
const numbersPerStream = 20_000_000;

export async function runPropertyTest(packets: number, seed: number, complain: (text: string) => void): Promise<PropertyResult> {
	const pluginHost = await createPluginHost({ mediasoup });
	const worker = await mediasoup.createWorker({ workerBin: pluginHost.workerBin });
	let violations = 0;

	const violated = (text: string): void => {
		violations++;
		complain(text);
	};

	worker.on('died', (error) => violated(`the worker died: ${error.message}`));
	try {
		const plugins = await Promise.all(
			[seed, seed + 1].map((own) => pluginHost.createPlugin({ file: fixturePlugin('random-verdicts'), config: { seed: own, maxDelayMs: 20 } })),
		);
		let sent = 0;

		for (let round = 0; sent < packets; round++) {
			sent += await playRound(worker, pluginHost, plugins, random(seed * 1000 + round), Math.min(packetsPerRound, packets - sent), round % 2 === 1, violated);
		}

		return { packets: sent, violations };
	} finally {
		pluginHost.close();
		worker.close();
	}
}

async function playRound(
	worker: types.Worker,
	pluginHost: PluginHost,
	plugins: readonly Plugin[],
	pick: (below: number) => number,
	packets: number,
	closes: boolean,
	violated: (text: string) => void,
): Promise<number> {
	const router = await worker.createRouter({ mediaCodecs });
	const attachments: Attachment[] = [];

	for (const [order, plugin] of plugins.entries()) {
		const policy = (): 'accept' | 'drop' => (pick(2) === 0 ? 'accept' : 'drop');

		attachments.push(
			await plugin.attach({
				...{ router, dataProducers: true, mode: 'filter', order, deadlineMs: 15 + pick(30) },
				...{ onTimeout: policy(), onAbsent: policy(), onOverflow: policy(), onError: policy() },
			}),
		);
	}

	let opened = 0;
	const open = (): Promise<Stream> => {
		const first = 1 + pick(60_000) + numbersPerStream * opened++;

		return pick(4) === 0 ? openDataStream(router, first, consumersPerStream) : openRtpStream(router, first, consumersPerStream, pick(3) === 0);
	};
	const streams = await Promise.all(Array.from({ length: 6 }, open));
	const closed: Stream[] = [];
	let sent = 0;

	while (sent < packets) {
		const count = Math.min(chunk, packets - sent);

		await streams[pick(streams.length)]!.send(count);
		sent += count;
		if (pick(5) === 0) {
			await arrived(attachments[0]!, sent);
		}
		// With packets held, as a rule; all have arrived, for nothing else says what became of those that have not.
		if (closes && pick(60) === 0) {
			const index = pick(streams.length);

			await arrived(attachments[0]!, sent);
			closed.push(streams[index]!);
			streams[index]!.close();
			streams[index] = await open();
		}
	}
	await arrived(attachments[0]!, sent);
	await until('nothing is held', async () => (await Promise.all(attachments.map((each) => each.getStats()))).every(({ held }) => held === 0));

	const stats = await Promise.all(attachments.map((each) => each.getStats()));

	await check(stats, sent, streams, closed, violated);
	await checkBehindChain(pluginHost, violated);
	for (const stream of streams) {
		stream.close();
	}
	router.close();

	return sent;
}

/** Everything that was sent is in a counter, or held. */
async function arrived(attachment: Attachment, sent: number): Promise<void> {
	await until(`${sent} packets in the chain`, async () => {
		const stats = await attachment.getStats();

		return ended(stats) + stats.held === sent;
	});
}

const passed = (s: AttachmentStats): number =>
	s.accepted + s.replaced + s.bypassed + s.timeoutAccepted + s.absentAccepted + s.overflowAccepted + s.errorAccepted + s.detachedAccepted;

const ended = (s: AttachmentStats): number =>
	passed(s) + s.dropped + s.taken + s.timeoutDropped + s.absentDropped + s.overflowDropped + s.errorDropped + s.closedFreed;

async function check(
	[first, second]: readonly AttachmentStats[],
	sent: number,
	streams: readonly Stream[],
	closed: readonly Stream[],
	violated: (text: string) => void,
): Promise<void> {
	if (ended(first!) !== sent) {
		violated(`${sent} packets were sent, ${ended(first!)} are in a counter of the first attachment`);
	}
	// What passed the first one and was closed before its turn came waits behind it, decided, and is in no counter of the second one.
	if (ended(second!) > passed(first!) || (closed.length === 0 && ended(second!) !== passed(first!))) {
		violated(`${passed(first!)} packets passed the first attachment, ${ended(second!)} are in a counter of the second one`);
	}

	const all = [...streams, ...closed];

	for (let end = 0; end < consumersPerStream; end++) {
		const total = (): number => all.reduce((sum, { receptions }) => sum + receptions[end]!.received, 0);

		// Of those that were closed the last ones may have been lost with their sockets.
		await until(`${passed(second!)} packets at receiver ${end}`, () => total() >= passed(second!) || closed.length > 0).catch(
			(error: Error) => violated(`${error.message}: it got ${total()}`),
		);
		if (total() > passed(second!)) {
			violated(`${passed(second!)} packets passed, receiver ${end} got ${total()}`);
		}
	}
	for (const { id, receptions } of all) {
		for (const [end, { violations }] of receptions.entries()) {
			for (const text of violations) {
				violated(`producer ${id}, receiver ${end}: ${text}`);
			}
		}
	}
}

/** Nothing is sent twice, so nothing that passed the chain is a repetition, whatever became of its stream's numbers. */
async function checkBehindChain(pluginHost: PluginHost, violated: (text: string) => void): Promise<void> {
	for (const { repeatDropped, applyErrors } of (await pluginHost.getStats()).workers) {
		if (repeatDropped !== 0 || applyErrors !== 0) {
			violated(`behind the chain ${repeatDropped} packets were dropped as repeated, and ${applyErrors} lost in errors, so far`);
		}
	}
}
