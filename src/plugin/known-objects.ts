// What lives in a router, by the numbers that records name it with. Filled by events, which come in order with the packets.

export type KnownProducer = { readonly id: string; readonly mimeType: string | undefined };
export type KnownAttachment = { readonly id: string; readonly context: unknown };

export class KnownRouter {
	readonly number: number;
	/** Its id; '' until it is announced. */
	id = '';
	/** Data producers, too: they share their numbers. */
	readonly producers = new Map<number, KnownProducer>();
	readonly attachments = new Map<number, KnownAttachment>();
	/** Data consumers, too. */
	readonly consumers = new Map<number, string>();

	constructor(number: number) {
		this.number = number;
	}
}
