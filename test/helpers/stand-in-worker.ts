// Stands in for a mediasoup worker with our patch: a real server on a real socket that speaks the control protocol, and the little of
// mediasoup's JavaScript API that the library looks at. For what a real worker would never do, and for when there are no packets.

import type { Server, Socket } from 'node:net';
import { createServer } from 'node:net';

import { EnhancedEventEmitter } from 'mediasoup/extras';
import type { Worker } from 'mediasoup/types';

import { FrameReader } from '../../src/control/framing.ts';
import { AttachmentState, Body, ProtocolVersion } from '../../src/generated/control.js';
import { LayoutVersion } from '../../src/generated/layout.js';
import type { MediasoupModule } from '../../src/options.ts';
import type { Request, StandInRing } from './worker-messages.ts';
import { attachmentStateChanged, ok, readAttach, readRequest, stats, welcome } from './worker-messages.ts';

export const standInVersion = '3.27.1';

/** What it does with a request; `undefined` leaves it unanswered. */
export type Answer = (request: Request, worker: StandInWorker) => Uint8Array | readonly Uint8Array[] | undefined;

export type StandInOptions = {
	readonly mediasoupVersion?: string;
	/** By type of request; what is not named is answered as a worker that is well would. */
	readonly answers?: Partial<Readonly<Record<Body, Answer>>>;
};

let lastPid = 5_000_000;

/** As much of the mediasoup module as the library wants. */
export function standInMediasoup(): MediasoupModule {
	return { version: standInVersion, observer: new EnhancedEventEmitter() };
}

export class StandInRouter extends EnhancedEventEmitter {
	readonly id: string;
	readonly observer = new EnhancedEventEmitter();
	closed = false;

	constructor(id: string) {
		super();
		this.id = id;
	}

	/** A producer on a transport of its own. */
	produce(id: string): StandInProducer {
		const transport = { observer: new EnhancedEventEmitter() };
		const producer = new StandInProducer(id);

		this.observer.emit('newtransport', transport);
		transport.observer.emit('newproducer', producer);

		return producer;
	}

	createDirectTransport(id: string): StandInDirectTransport {
		const transport = new StandInDirectTransport(id);

		this.observer.emit('newtransport', transport);

		return transport;
	}

	/** A data producer on a transport of its own, of which `transport` says what there is to know. */
	produceData(id: string, transport: StandInDataTransport = {}): StandInProducer {
		const observer = new EnhancedEventEmitter();
		const dataProducer = new StandInProducer(id);

		this.observer.emit('newtransport', { type: 'webrtc', ...transport, observer });
		observer.emit('newdataproducer', dataProducer);

		return dataProducer;
	}

	close(): void {
		this.closed = true;
		this.observer.emit('close');
	}
}

export type StandInDataTransport = {
	readonly type?: 'webrtc' | 'direct' | 'pipe';
	readonly sctpParameters?: { readonly maxReceiveMessageSize: number };
	readonly dump?: () => Promise<{ readonly maxReceiveMessageSize: number }>;
};

/** Or data producer. */
export class StandInProducer {
	readonly id: string;
	readonly observer = new EnhancedEventEmitter();
	closed = false;

	constructor(id: string) {
		this.id = id;
	}

	close(): void {
		this.closed = true;
		this.observer.emit('close');
	}
}

export class StandInDirectTransport extends StandInProducer {
	readonly type = 'direct';
}

export class StandInWorker {
	/** No process has one as high. */
	readonly pid = ++lastPid;
	readonly observer = new EnhancedEventEmitter();
	readonly requests: Request[] = [];
	/** Tells of every request as "request", and of the end of the controller as "disconnect". */
	readonly events = new EnhancedEventEmitter();
	/** By plugin id; what GetStats answers, with `rings`. */
	readonly verdicts = new Map<string, number>();
	readonly rings: StandInRing[] = [];
	closed = false;
	readonly #server: Server;
	readonly #options: StandInOptions;
	readonly #routers = new Set<StandInRouter>();
	readonly #connections = new Set<Socket>();

	private constructor(options: StandInOptions) {
		this.#options = options;
		this.#server = createServer((socket) => this.#onConnection(socket));
		this.#server.unref();
	}

	/** Listens in `dir`, if there is one, then announces itself by `mediasoup`. */
	static async create(mediasoup: MediasoupModule, dir: string | undefined, options: StandInOptions = {}): Promise<StandInWorker> {
		const worker = new StandInWorker(options);

		if (dir !== undefined) {
			await new Promise<void>((resolve) => worker.#server.listen(`${dir}/${worker.pid}.sock`, resolve));
		}
		mediasoup.observer.emit('newworker', worker as unknown as Worker);

		return worker;
	}

	createRouter(id: string): StandInRouter {
		const router = new StandInRouter(id);

		this.#routers.add(router);
		this.observer.emit('newrouter', router);

		return router;
	}

	/** To whoever is connected, unasked. */
	say(frame: Uint8Array): void {
		for (const socket of this.#connections) {
			socket.write(frame);
		}
	}

	/** As mediasoup's Worker: its routers go with it. */
	close(): void {
		this.closed = true;
		this.hangUp();

		for (const router of this.#routers) {
			router.close();
		}
		this.observer.emit('close');
	}

	hangUp(): void {
		this.#server.close();

		for (const socket of this.#connections) {
			socket.destroy();
		}
	}

	requestsOf(type: Body): Request[] {
		return this.requests.filter((request) => request.type === type);
	}

	#onConnection(socket: Socket): void {
		const reader = new FrameReader();

		socket.unref();
		this.#connections.add(socket);
		socket.on('data', (chunk) => {
			for (const frame of reader.push(chunk)) {
				const request = readRequest(frame);
				const answer = (this.#options.answers?.[request.type] ?? answerWell)(request, this) ?? [];

				this.requests.push(request);

				for (const bytes of answer instanceof Uint8Array ? [answer] : answer) {
					socket.write(bytes);
				}
				this.events.emit('request', request);
			}
		});
		socket.on('error', () => socket.destroy());
		socket.on('close', () => {
			this.#connections.delete(socket);
			this.events.emit('disconnect');
		});
	}

	get mediasoupVersion(): string {
		return this.#options.mediasoupVersion ?? standInVersion;
	}
}

const answerWell: Answer = (request, worker) => {
	switch (request.type) {
		case Body.Hello:
			return welcome(request.id, ProtocolVersion.Current, LayoutVersion.Current, worker.pid, worker.mediasoupVersion);
		case Body.Attach:
			return [ok(request.id), attachmentStateChanged(readAttach(request).attachmentId()!, AttachmentState.Active)];
		case Body.GetStats:
			return stats(request.id, worker.verdicts, worker.rings);
		default:
			return ok(request.id);
	}
};
