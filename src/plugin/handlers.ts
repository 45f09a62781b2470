// What setup() returns: the plugin's side of everything that reaches it.

/** By method. `body` is what the app sent: a JSON value, a Uint8Array or undefined. What is returned is the answer; a throw is a failed request. */
export type RequestHandlers = Readonly<Record<string, (body: never) => unknown>>;

/** By name: the body of what the plugin posts. */
export type EventMap = Readonly<Record<string, unknown>>;

export type PluginHandlers<Requests extends RequestHandlers = RequestHandlers> = {
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
