// What is fuzzed, and of which code a target consists.

export type FuzzTarget = {
	readonly name: string;
	/** Its own, from the root of the repository, besides test/fuzz/<name>.cpp. */
	readonly sources: readonly string[];
	/** What of the overlay is compiled for it, by name; the rest is as the worker has it. Undefined: it has no mediasoup in it. */
	readonly overlay?: Instrumented;
	/** Of plugin-host/core, likewise; the rest is as the host has it where the two differ. */
	readonly core?: Instrumented;
	/** Of mediasoup's own, from `worker/`. */
	readonly upstream?: RegExp;
	/** Longest input that is tried; more costs time and finds nothing that less does not. */
	readonly maxLength: number;
	/** Whether `npm test` has it. */
	readonly isInShortForm: boolean;
	/** Whether it goes on where the last input has left it, as a worker does: then memory may grow within one. */
	readonly isStateful: boolean;
};

/** `guided`: under libFuzzer, where coverage is what leads. `seeded`: in the short form, where compiling is what takes time. */
type Instrumented = { readonly guided: RegExp; readonly seeded: RegExp };

const stage = ['test/fuzz/support/WorkerStage.cpp', 'test/fuzz/support/HostPeer.cpp'];
const codecs = /^src\/RTC\/RTP\/(Packet|Codecs\/\w+)\.cpp$/;
const all = /./;
/** The host's end of a control socket, which a target has to itself. */
const client = /^(ControlSocket|Error)$/;

export const nativeTargets: readonly FuzzTarget[] = [
	{ name: 'rtp', sources: [], overlay: same(/^(RtpBuilder|HeldPacket|PacketRecord)$/), upstream: codecs, maxLength: 256, isInShortForm: true, isStateful: false },
	{ name: 'json', sources: [], overlay: same(/^Json$/), maxLength: 128, isInShortForm: true, isStateful: false },
	{
		...{ name: 'verdicts', sources: stage, upstream: codecs, maxLength: 512, isInShortForm: false, isStateful: true },
		overlay: { guided: all, seeded: /^(VerdictReader|Injector|RtpBuilder|HostRequests|HeldPacket|HeldMessage|PacketRing)$/ },
		core: same(client),
	},
	{
		...{ name: 'control', sources: stage, maxLength: 512, isInShortForm: false, isStateful: true },
		overlay: { guided: all, seeded: /^(Control|ControlConnection|Queries)$/ },
		core: same(client),
	},
	{ name: 'replay-records', sources: ['tools/replay/CapturedRecords.cpp'], maxLength: 512, isInShortForm: true, isStateful: false },
];

function same(pattern: RegExp): Instrumented {
	return { guided: pattern, seeded: pattern };
}
