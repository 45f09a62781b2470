// A headless Chromium with the call's page in it, and the server's side of the call.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import { build } from 'esbuild';
import type { types } from 'mediasoup';
import { type Page as BrowserPage, chromium } from 'playwright-core';

import type { Page, Signalling, TransportParameters } from './signalling.ts';

const chromiumFlags = [
	// We may be root, and what is run is ours.
	'--no-sandbox',
	'--use-fake-device-for-media-stream=fps=30',
	'--use-fake-ui-for-media-stream',
	'--autoplay-policy=no-user-gesture-required',
];

export type OpenBrowser = {
	readonly page: Page;
	/** What the page has produced, oldest first. */
	readonly producers: () => readonly types.Producer[];
	readonly dataProducers: () => readonly types.DataProducer[];
	/** What the page consumes, oldest first. */
	readonly consumers: () => readonly types.Consumer[];
	readonly close: () => Promise<void>;
};

type Produced = { readonly producers: types.Producer[]; readonly dataProducers: types.DataProducer[] };

export async function openCallPage(router: types.Router): Promise<OpenBrowser> {
	const server = await servePage();
	const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: chromiumFlags });

	const close = async (): Promise<void> => {
		await browser.close();
		server.close();
	};

	try {
		const tab = await browser.newPage();
		const produced: Produced = { producers: [], dataProducers: [] };
		const consumers = new Map<string, types.Consumer>();
		const signalling = answerSignalling(router, produced, consumers);

		await tab.exposeFunction('signal', (method: keyof Signalling, request: never) => signalling[method](request));
		// Only a page from the local host (or with a certificate) may use a camera.
		await tab.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);

		return { page: pageOf(tab), producers: () => produced.producers, dataProducers: () => produced.dataProducers, consumers: () => [...consumers.values()], close };
	} catch (error) {
		await close();
		throw error;
	}
}

async function servePage() {
	const bundle = await build({
		entryPoints: [join(import.meta.dirname, 'page/page.ts')],
		bundle: true,
		write: false,
		format: 'iife',
		target: 'chrome120',
	});
	const html = `<!doctype html><title>call</title><body></body><script>${bundle.outputFiles[0]!.text.replaceAll('</script', '<\\/script')}</script>`;
	const server = createServer((_, response) => response.setHeader('content-type', 'text/html; charset=utf-8').end(html));

	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

	return server;
}

/** The page's functions, called from here. */
function pageOf(tab: BrowserPage): Page {
	return {
		call: (options = {}) => tab.evaluate(`page.call(${JSON.stringify(options)})`),
		received: () => tab.evaluate('page.received()'),
	};
}

// mediasoup and mediasoup-client describe the same JSON by types of their own, which differ in how they spell "absent".
const asClientSees = <T>(json: object): T => json as T;
const asServerSees = asClientSees;

function answerSignalling(router: types.Router, produced: Produced, consumers: Map<string, types.Consumer>): Signalling {
	const transports = new Map<string, types.WebRtcTransport>();

	return {
		async getRouterCapabilities() {
			return asClientSees(router.rtpCapabilities);
		},
		async createTransport() {
			const transport = await router.createWebRtcTransport({ listenInfos: [{ protocol: 'udp', ip: '127.0.0.1' }], enableSctp: true });

			// What is tested is what plugins do with layers, not which of them a busy machine's estimates leave over.
			await transport.setMinOutgoingBitrate(1_000_000);

			const { id, iceParameters, iceCandidates, dtlsParameters, sctpParameters } = transport;

			transports.set(id, transport);

			return { id, iceParameters, iceCandidates, dtlsParameters, ...asClientSees<Pick<TransportParameters, 'sctpParameters'>>({ sctpParameters }) };
		},
		async connectTransport({ id, dtlsParameters }) {
			await transports.get(id)!.connect({ dtlsParameters });
		},
		async produce({ transportId, kind, rtpParameters }) {
			const producer = await transports.get(transportId)!.produce({ kind, rtpParameters: asServerSees(rtpParameters) });

			produced.producers.push(producer);

			return { id: producer.id };
		},
		async consume({ transportId, producerId, rtpCapabilities }) {
			// Resumed when the browser is ready, or it misses the first key frame.
			const consumer = await transports
				.get(transportId)!
				.consume({ producerId, rtpCapabilities: asServerSees(rtpCapabilities), paused: true });
			const { id, kind, rtpParameters } = consumer;

			consumers.set(id, consumer);

			return { id, producerId, kind, rtpParameters: asClientSees(rtpParameters) };
		},
		async resume({ consumerId }) {
			await consumers.get(consumerId)!.resume();
		},
		async produceData({ transportId, sctpStreamParameters, label, protocol }) {
			const dataProducer = await transports
				.get(transportId)!
				.produceData({ sctpStreamParameters: asServerSees(sctpStreamParameters), label, protocol });

			produced.dataProducers.push(dataProducer);

			return { id: dataProducer.id };
		},
		async consumeData({ transportId, dataProducerId }) {
			const { id, sctpStreamParameters, label, protocol } = await transports.get(transportId)!.consumeData({ dataProducerId });

			return { id, dataProducerId, sctpStreamParameters: asClientSees(sctpStreamParameters!), label, protocol };
		},
	};
}
