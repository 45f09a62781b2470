// One suite of upstream's, observed: `counter` is attached to every router that the suite creates. Upstream's Node tests send no RTP
// (their media never leaves the signalling), so after each test a packet goes through every producer that the test leaves open, and
// the tap has to have seen it.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { types } from 'mediasoup';

import { type Plugin, type PluginHost, createPluginHost } from '../../src/index.ts';
import { examplePlugin } from '../lib/example-plugin.ts';
import { listFiles } from '../lib/files.ts';
import { repoRoot } from '../lib/paths.ts';
import { until } from '../lib/until.ts';

export type ObservedMediasoup = types.Index;

/** What the observed run says about a suite. */
export type SuiteObservation = {
	readonly suite: string;
	readonly routers: number;
	readonly packetsSent: number;
	readonly packetsTapped: number;
};

const reportDir = join(repoRoot, 'build/upstream/observed');

export class Observation {
	readonly #pluginHost: PluginHost;
	readonly #counter: Plugin;
	readonly #producers = new Set<types.Producer>();
	/** Of the present test. */
	readonly #attachments: Promise<void>[] = [];
	#routers = 0;
	#packetsSent = 0;
	#packetsTapped = 0;

	private constructor(pluginHost: PluginHost, counter: Plugin) {
		this.#pluginHost = pluginHost;
		this.#counter = counter;
	}

	/** `env` is the environment that the tests' workers inherit: a copy, which jest made before the library could set its variable. */
	static async start(mediasoup: ObservedMediasoup, env: NodeJS.ProcessEnv): Promise<Observation> {
		const pluginHost = await createPluginHost({ mediasoup });
		const observation = new Observation(pluginHost, await pluginHost.createPlugin({ file: examplePlugin('counter') }));

		env['MEDIASOUP_PLUGIN_HOST_DIR'] = process.env['MEDIASOUP_PLUGIN_HOST_DIR'];
		mediasoup.observer.on('newworker', (worker: types.Worker) => {
			worker.observer.on('newrouter', (router: types.Router) => observation.#observe(router));
		});

		return observation;
	}

	/** One packet each. Throws when the tap does not count them all. */
	async sendThroughOpenProducers(): Promise<void> {
		// Taken away first: one that fails is to fail one test, not all that follow.
		await Promise.all(this.#attachments.splice(0));

		const packets = [...this.#producers].flatMap((producer) => {
			const packet = producer.closed || producer.paused ? undefined : rtpPacketFor(producer);

			return packet ? [{ producer, packet }] : [];
		});

		if (packets.length > 0) {
			const before = await this.#tapped();

			for (const { producer, packet } of packets) {
				// Meant for producers on a DirectTransport; the worker takes it for any.
				producer.send(packet);
			}

			const seen = await until(`the tap counting ${packets.length} packets`, { everyMs: 5, withinMs: 5000 }, async () => {
				const count = (await this.#tapped()) - before;

				return count >= packets.length ? count : undefined;
			});

			this.#packetsSent += packets.length;
			this.#packetsTapped += seen;
		}
	}

	end(suite: string): void {
		this.#pluginHost.close();
		mkdirSync(reportDir, { recursive: true });


		const figures: SuiteObservation = {
			suite,
			routers: this.#routers,
			packetsSent: this.#packetsSent,
			packetsTapped: this.#packetsTapped,
		};

		writeFileSync(join(reportDir, `${suite}.json`), JSON.stringify(figures));
	}

	#observe(router: types.Router): void {
		this.#routers++;
		this.#attachments.push(this.#attach(router));
		router.observer.on('newtransport', (transport) => {
			// Piped producers have been observed where they came from, so attachments leave them out.
			if (transport.type !== 'pipe') {
				transport.observer.on('newproducer', (producer) => this.#producers.add(producer));
			}
		});
	}

	/** Some tests close a router, or its worker, before anything can be attached to it. */
	async #attach(router: types.Router): Promise<void> {
		try {
			await this.#counter.attach({ router, mode: 'observe' });
		} catch (error) {
			if (!router.closed) {
				throw error;
			}
		}
	}

	async #tapped(): Promise<number> {
		const { workers } = await this.#pluginHost.getStats();

		return workers.reduce((sum, { tapped }) => sum + tapped, 0);
	}
}

/** An RTP packet as the producer's sender would send it. Undefined for one whose stream is not told by SSRC. */
function rtpPacketFor({ rtpParameters }: types.Producer): Buffer | undefined {
	const ssrc = rtpParameters.encodings?.[0]?.ssrc;

	if (ssrc === undefined) {
		return undefined;
	}

	const packet = Buffer.alloc(100);

	packet[0] = 0x80;
	packet[1] = rtpParameters.codecs[0]!.payloadType;
	packet.writeUInt16BE(1, 2);
	packet.writeUInt32BE(ssrc, 8);

	return packet;
}

export function clearObservations(): void {
	rmSync(reportDir, { recursive: true, force: true });
}

export function readObservations(): SuiteObservation[] {
	return listFiles(reportDir).map((file) => JSON.parse(readFileSync(join(reportDir, file), 'utf8')) as SuiteObservation);
}
