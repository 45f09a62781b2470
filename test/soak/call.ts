// A call of a soak: a router with some of the cast attached, and streams that flow and come and go until it ends. Everything that it has sent is
// accounted for before it closes.

import { setTimeout as sleep } from 'node:timers/promises';

import type { types } from 'mediasoup';

import type { Attachment, AttachmentStats, PluginHost } from '../../src/index.ts';
import { mediaCodecs } from '../helpers/call.ts';
import { until as untilWithin } from '../../tools/lib/until.ts';
import { until } from '../helpers/until.ts';
import type { Receiver } from '../property/traffic.ts';
import { openDataStream, openRtpStream } from '../property/traffic.ts';
import { type Balance, type Booked, balanceOf, holesIn } from './account.ts';
import { type Part, attach } from './cast.ts';

export type CallPlan = {
	readonly name: string;
	readonly worker: types.Worker;
	readonly pluginHost: PluginHost;
	/** In the order of the chain. */
	readonly parts: readonly Part[];
	readonly streams: number;
	readonly packetRingSize: number;
	readonly payloadLength: number;
	readonly pick: (below: number) => number;
	readonly complain: (text: string) => void;
};

/** Of each stream 50 to 150 packets a second. */
const sendEveryMs = 20;
/** So much of a stream may be on its way: it fits the smallest receive buffers that a kernel gives to the worker and to receivers, however long it is held in between. */
const mostOnTheWay = 100;

/** Shorter than others wait for packets of this call. */
const settling = { everyMs: 20, withinMs: 20_000 };

let nextNumber = 1;

export class Call {
	readonly name: string;
	readonly router: types.Router;
	readonly #plan: CallPlan;
	readonly #open: Booked[] = [];
	readonly #ended: Booked[] = [];
	readonly #attachments = new Map<Part, Attachment>();
	readonly #goneStats: AttachmentStats[] = [];
	readonly #dropped = new Set<number>();
	readonly #visitors: { readonly booked: Booked; readonly receiver: Receiver }[] = [];
	#isFlowing = false;
	#holes = 0;

	private constructor(plan: CallPlan, router: types.Router) {
		this.name = plan.name;
		this.router = router;
		this.#plan = plan;
	}

	static async open(plan: CallPlan): Promise<Call> {
		const router = await plan.worker.createRouter({ mediaCodecs });
		const call = new Call(plan, router);

		await plan.pluginHost.configureRouter(router, { packetRingSize: plan.packetRingSize });
		for (const part of plan.parts) {
			await call.attach(part);
		}
		for (let stream = 0; stream < plan.streams; stream++) {
			await call.openStream();
		}

		return call;
	}

	get streams(): readonly Booked[] {
		return this.#open;
	}

	get attachments(): ReadonlyMap<Part, Attachment> {
		return this.#attachments;
	}

	/** From now on packets flow until settle(). */
	flow(): void {
		this.#isFlowing = true;
		for (const booked of this.#open) {
			this.#keepSending(booked);
		}
	}

	async attach(part: Part): Promise<void> {
		if (part.drops !== undefined) {
			this.#dropped.add(part.drops);
		}
		this.#attachments.set(part, await attach(part, this.router));
	}

	/** One of its streams, until the part is detached. */
	async divert(part: Part, booked: Booked): Promise<void> {
		const { id } = booked.stream;

		booked.wasDiverted = true;
		this.#attachments.set(part, await attach(part, this.router, booked.isData ? { dataProducerId: id } : { producerId: id }));
	}

	/** What it counted is kept. While packets flow, only one that lets all of them pass can go: what others counted last would not be known. */
	async detach(part: Part): Promise<void> {
		const attachment = this.#attachments.get(part)!;

		if ((part.drops !== undefined || part.mode === 'divert') && this.#isFlowing) {
			throw new Error(`${part.name} drops or diverts packets, which nobody would count while they flow`);
		}
		this.#attachments.delete(part);
		this.#goneStats.push(await attachment.getStats());
		attachment.close();
	}

	async openStream(): Promise<void> {
		const { pick, payloadLength } = this.#plan;
		const firstNumber = nextNumber;
		const isData = pick(3) === 0;
		const receivers = 1 + pick(2);

		nextNumber += 100_000;

		const stream = await (isData
			? openDataStream(this.router, firstNumber, receivers, payloadLength)
			: openRtpStream(this.router, firstNumber, receivers, false, payloadLength));
		const booked: Booked = { stream, isData, firstNumber, wasCut: false, wasDiverted: false, isClosed: false, sender: Promise.resolve() };

		this.#open.push(booked);
		if (this.#isFlowing) {
			this.#keepSending(booked);
		}
	}

	/** With all of its packets where they belong; nothing flows. */
	closeStream(booked: Booked): void {
		this.#open.splice(this.#open.indexOf(booked), 1);
		this.#ended.push(booked);
		close(booked);
	}

	/** With packets held, as they come, while others flow. The worker has got all that was sent. */
	async cutStream(booked: Booked): Promise<void> {
		booked.wasCut = true;
		this.#open.splice(this.#open.indexOf(booked), 1);
		this.#ended.push(booked);
		await booked.sender;
		await hasEntered(booked);
		booked.stream.closeProducer();
	}

	async addVisitor(booked: Booked): Promise<void> {
		this.#visitors.push({ booked, receiver: await booked.stream.addReceiver() });
	}

	/** The one that is there for longest, if there is one. What it got must be whole in between. */
	removeVisitor(): void {
		const visitor = this.#visitors.shift();

		if (!visitor) {
			return;
		}

		const { booked, receiver } = visitor;
		const holes = booked.wasDiverted ? [] : holesIn(receiver.reception, this.#dropped);

		if (holes.length > 0) {
			this.#complain(`a receiver that came later missed ${holes.slice(0, 5).join(', ')} and the like of producer ${booked.stream.id}`);
			this.#holes += holes.length;
		}
		this.#complain(...receiver.reception.violations.map((text) => `a receiver that came later: ${text}`));
		receiver.close();
	}

	/** Nothing flows any more, and all that was sent is where it belongs, or it is not going to be: the balance will tell. */
	async settle(): Promise<void> {
		this.#isFlowing = false;
		for (const booked of this.#open) {
			await booked.sender;
			await hasEntered(booked);
		}
		await until(`call ${this.name}: nothing is held`, async () => (await this.#stats()).every(({ held }) => held === 0));
		await untilWithin('every packet is where it belongs', settling, async () => {
			const { lost } = await this.#balance();

			return lost === 0 && this.#all().every(({ stream: { receptions } }) => receptions.every(({ received }) => received === receptions[0]!.received)) ? true : undefined;
		}).catch(async (error: Error) => this.#complain(error.message, ...(await this.#balance()).complaints));
		while (this.#visitors.length > 0) {
			this.removeVisitor();
		}
	}

	/** Settles, and says where everything is; then the last words, which nobody waits for, and the end, with packets held. */
	async end(): Promise<Balance> {
		await this.settle();

		const balance = await this.#balance();

		for (const { stream } of this.#open) {
			await stream.send(20);
		}
		this.router.close();
		this.#all().forEach(close);

		this.#complain(...balance.complaints);

		return { ...balance, lost: balance.lost + this.#holes };
	}

	#complain(...texts: readonly string[]): void {
		for (const text of texts) {
			this.#plan.complain(`call ${this.name}: ${text}`);
		}
	}

	#keepSending(booked: Booked): void {
		const { pick } = this.#plan;
		const { stream, firstNumber } = booked;
		const receivedOf = (): number => Math.min(...stream.receptions.map(({ latest }) => latest + 1 - firstNumber));
		let arrived = 0;

		booked.sender = (async () => {
			while (this.#isFlowing && this.#open.includes(booked)) {
				arrived = booked.wasDiverted ? arrived : receivedOf();
				if (stream.sent - arrived < mostOnTheWay) {
					await stream.send(1 + pick(3));
				} else if (booked.wasDiverted) {
					arrived = await stream.entered();
				}
				await sleep(sendEveryMs);
			}
		})();
	}

	async #balance(): Promise<Balance> {
		return balanceOf(this.#all(), [...this.#goneStats, ...(await this.#stats())], this.#dropped);
	}

	async #stats(): Promise<AttachmentStats[]> {
		return Promise.all([...this.#attachments.values()].map((attachment) => attachment.getStats()));
	}

	#all(): Booked[] {
		return [...this.#open, ...this.#ended];
	}
}

async function hasEntered({ stream }: Booked): Promise<void> {
	await until(`the worker has got what was sent to producer ${stream.id}`, async () => (await stream.entered()) === stream.sent);
}

function close(booked: Booked): void {
	if (!booked.isClosed) {
		booked.isClosed = true;
		booked.stream.close();
	}
}
