// What setup() returns: the plugin's side of everything that reaches it.

import type { LifecycleEvent } from './events.ts';
import type { MessageView, OwnedMessage } from './message-view.ts';
import type { OwnedPacket, PacketView } from './packet-view.ts';
import type { LateVerdict, Verdict } from './verdicts.ts';

/** By method. `body` is what the app sent: a JSON value, a Uint8Array or undefined. What is returned is the answer; a throw is a failed request. */
export type RequestHandlers = Readonly<Record<string, (body: never) => unknown>>;

/** By name: the body of what the plugin posts. */
export type EventMap = Readonly<Record<string, unknown>>;

// Nothing returned means accept.
type Sync = Verdict | undefined | void;
type Async = Promise<LateVerdict | undefined | void>;

export type PluginHandlers<Requests extends RequestHandlers = RequestHandlers> = {
	/** On a view, which is of use until it returns. */
	onPacket?(packet: PacketView): Sync;
	/** Instead: on a copy that is its own until the promise settles. The packet waits as long, up to its deadline. */
	onPacketAsync?(packet: OwnedPacket): Async;
	/** As onPacket(), of data messages. Without one of the two they are accepted. */
	onData?(message: MessageView): Sync;
	onDataAsync?(message: OwnedMessage): Async;
	onEvent?(event: LifecycleEvent): void;
	/** By method; what is in none of them goes to `onRequest`. */
	readonly requests?: Requests;
	/** Requests and notifications without a handler of their own. Absent: such requests fail. */
	onRequest?(method: string, body: unknown): unknown;
	/** About every `tickMs`. */
	onTick?(): void;
	/** The last snapshot of the host that served this worker before. Before the first event, at most once; other versions may have written it. */
	onRestore?(bytes: Uint8Array): void;
	/** The last call. What comes of promises afterwards is ignored. */
	close?(): void;
};

export const handlerNames = ['onPacket', 'onPacketAsync', 'onData', 'onDataAsync', 'onEvent', 'onRequest', 'onTick', 'onRestore', 'close'] as const satisfies readonly (keyof PluginHandlers)[];
