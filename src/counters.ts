// What workers and hosts count, each counter with what it stands for: decoding, the types of getStats() and the tables in docs/api.md follow
// from these lists.

import type { AttachmentStats, InstanceStats, PluginStats } from './generated/control.js';

/** One number per counter. */
export type CountersOf<Meanings> = { readonly [Name in keyof Meanings]: number };

type Meanings<Table> = { readonly [Name in keyof Table as Table[Name] extends () => bigint ? Name : never]?: string };

/** By attachment. Every packet and message that it means ends in exactly one of them, or is held. */
export const attachmentCounters = {
	observed: 'copied for the plugin (`observe`)',
	observeOverflow: 'not copied, because the packet ring was full (`observe`)',
	observeAbsent: 'not copied, because no host ever served the attachment (`observe`)',
	accepted: 'accepted by the plugin',
	dropped: 'dropped by the plugin',
	taken: 'taken by the plugin, and not routed',
	replaced: 'accepted by the plugin with another payload',
	frameDropped: 'dropped with the rest of a frame of which a packet was dropped (`wholeFrames`)',
	diverted: 'given to the plugin instead of being routed (`divert`)',
	timeoutAccepted: 'accepted by `onTimeout`',
	timeoutDropped: 'dropped by `onTimeout`',
	absentAccepted: 'accepted by `onAbsent`',
	absentDropped: 'dropped by `onAbsent`',
	overflowAccepted: 'accepted by `onOverflow`',
	overflowDropped: 'dropped by `onOverflow`',
	errorAccepted: 'accepted by `onError`',
	errorDropped: 'dropped by `onError`',
	detachedAccepted: 'accepted, because the attachment was closed or paused while it was held',
	closedFreed: 'gone with its producer or router, which closed while it was held',
	bypassed: 'passed by, because the plugin wanted to bypass the stream',
	notSelected: 'passed by, because it was not selected',
} as const satisfies Meanings<AttachmentStats>;

/** By worker. Plugins of one group are counted together. */
export const pluginCounters = {
	verdicts: 'verdicts that came',
	promptVerdicts: 'of these: those that came within the two microseconds for which the worker waits for a host that is awake on another CPU',
	spuriousVerdicts: 'of these: those for packets that nobody waited for any more',
	strikes: 'records or cursors of a host that the worker refused',
	doorbellsRung: 'how often a sleeping host was woken',
	disconnects: 'how often a host went',
	promotions: 'how often a host took over from another one, dead or stopped',
	poisoned: 'packets that were skipped because two hosts had died of them',
	injected: 'packets and messages that the plugin injected',
	injectFull: "refused ones: the consumers' transports took no more",
	injectUnknown: 'refused ones: nothing with that number is there, or it is not the plugin\'s',
	injectMalformed: 'refused ones: what they were made of is wrong',
	injectLimited: 'refused ones: more per second than `limits` allows',
	injectRepeated: 'passed over, because a host that died had injected them already',
	keyFrameRequests: 'key frames that the plugin asked for',
	resultsLost: 'results of calls that waited for room in the packet ring until there were too many',
} as const satisfies Meanings<PluginStats>;

/** By instance, as its host counts. */
export const instanceCounters = {
	packets: 'packets that were handed to it',
	messages: 'data messages that were handed to it',
	batches: 'calls that handed them over',
	verdicts: 'verdicts that it gave',
	injections: 'packets and messages that it injected',
	events: 'lifecycle events that it was told',
	requests: 'requests and notifications that the app sent',
	posts: 'messages that it posted to the app',
	doorbellsRung: 'how often the worker was woken for it',
	sleeps: "how often its thread went to sleep, to be woken by the worker's doorbell",
	spins: 'how often it found something while it spun, instead of going to sleep',
} as const satisfies Meanings<InstanceStats>;

/** What `table` says of each counter of the list. */
export function readCounters<Name extends string>(
	meanings: Readonly<Record<Name, string>>,
	table: Readonly<Record<NoInfer<Name>, () => bigint>>,
): Readonly<Record<Name, number>> {
	const names = Object.keys(meanings) as Name[];

	return Object.fromEntries(names.map((name) => [name, toNumber(table[name]())])) as Record<Name, number>;
}

/** Counters are 64 bits wide. One past what a number can express exactly stays there. */
export function toNumber(value: bigint): number {
	return value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(value);
}
