// Which safeguards can be taken away, and which test notices.

export type Switch = {
	/** Without MPH_SABOTAGE_. */
	readonly name: string;
	/** What is built with it. */
	readonly in: 'worker' | 'host';
	/** What the build lacks then. */
	readonly lacks: string;
	/** A test file, of which these two are run; or, for the host, a program of plugin-host/test, all of which is run. */
	readonly file: string;
	/** The test that fails; in a program the first one that does. */
	readonly test: string;
	/** One of the same file that does not: the build is not simply broken. */
	readonly control: string;
	/** One that looks at the same and that fails, too, if the machine's timing lets it see it. */
	readonly byChance?: string;
	/** The worker may die of it, and its file says so beside the test. */
	readonly fatal?: boolean;
};

const tap = 'test/integration/tap.test.ts';
const handover = 'test/chaos/handover.test.ts';
const injection = 'test/integration/injection.test.ts';

export const switches: readonly Switch[] = [
	{
		...{ name: 'SKIP_RENUMBERING', in: 'worker', lacks: 'numbers of its own for a stream that something was injected into', file: injection },
		test: 'a late packet finds its place in front of what was injected meanwhile',
		control: 'data messages go to all data consumers, or to those that are named',
	},
	{
		...{ name: 'SKIP_LIMITS', in: 'worker', lacks: 'the question how much a plugin may inject', file: injection },
		test: 'no more is let through than the plugin may inject',
		control: 'data messages go to all data consumers, or to those that are named',
	},
	{
		...{ name: 'REPEAT_INJECTIONS', in: 'worker', lacks: 'the memory of what was injected because of a record that comes again', file: injection },
		test: 'what a dead host injected because of a packet that comes again is not injected twice',
		control: 'data messages go to all data consumers, or to those that are named',
	},
	{
		...{ name: 'SKIP_DROP', in: 'worker', lacks: 'SeqManager::Drop: the number of a dropped packet stays in the sequence', file: tap },
		test: 'receivers see no gap where a verdict dropped',
		control: 'an accepting filter passes every packet, from the first one on, in order and unchanged',
	},
	{
		...{ name: 'KEEP_TICKETS', in: 'worker', lacks: 'forgetting a ticket: a verdict is taken twice', file: tap, fatal: true },
		test: 'a packet that is past its deadline follows onTimeout, and its late verdict is counted and ignored',
		control: 'an accepting filter passes every packet, from the first one on, in order and unchanged',
	},
	{
		...{ name: 'IGNORE_EPOCH', in: 'worker', lacks: 'the question whether a host serves before its verdicts are taken', file: handover },
		test: 'verdicts of a host that does not serve are ignored',
		control: 'verdicts that a host had published as it was killed count, although the worker had no time for them before',
	},
	{
		...{ name: 'TRUST_CURSOR', in: 'worker', lacks: 'the question whether a cursor lies between two records', file: handover },
		test: 'a cursor inside a record is refused, and the next host begins where the last good one stood',
		control: 'verdicts of a host that does not serve are ignored',
	},
	{
		...{ name: 'SKIP_PIDFD', in: 'worker', lacks: "the watch over the host's process: death is seen by the socket alone", file: handover },
		test: 'a host that is killed while a child has its socket is replaced at once',
		control: 'verdicts that a host had published as it was killed count, although the worker had no time for them before',
	},
	{
		...{ name: 'SKIP_PROMOTION', in: 'worker', lacks: 'promotion by the worker itself', file: handover },
		test: 'a standby is promoted by the worker itself, and nothing is absent meanwhile',
		control: 'verdicts that a host had published as it was killed count, although the worker had no time for them before',
	},
	{
		...{ name: 'SKIP_REDELIVERED', in: 'worker', lacks: 'the mark on records that an earlier host may have seen', file: 'test/chaos/recorder.test.ts' },
		test: 'a recorder that is killed again and again has every packet, in order, none twice',
		control: 'a recorder that nobody kills has every packet, in order, none twice',
	},
	{
		...{ name: 'SKIP_REPUBLISH', in: 'worker', lacks: 'publishing again what the host before had given back without an answer', file: handover },
		test: 'packets that wait for a late answer are answered by the next host, as planned or not',
		control: 'verdicts that a host had published as it was killed count, although the worker had no time for them before',
	},
	{
		...{ name: 'SKIP_LAST_VERDICTS', in: 'worker', lacks: 'a last look at the verdicts of a host that is gone', file: handover },
		test: 'verdicts that a host had published as it was killed count, although the worker had no time for them before',
		control: 'packets that wait for a late answer are answered by the next host, as planned or not',
	},
	{
		...{ name: 'CURSOR_BEFORE_VERDICTS', in: 'host', lacks: 'the order of publication: the cursor comes first', file: 'plugin-host/test/verdicts.cpp' },
		test: 'packets whose verdicts do not fit are not given back',
		byChance: 'verdicts are published before the cursor that gives their packets back',
		control: 'verdicts are what the plugin said',
	},
	{
		...{ name: 'IGNORE_OLDEST_TICKET', in: 'host', lacks: 'skipping packets that policy has settled before it started', file: 'plugin-host/test/verdicts.cpp' },
		test: 'packets below the oldest live ticket are skipped',
		control: 'verdicts are what the plugin said',
	},
	{
		...{ name: 'IGNORE_CAREFUL', in: 'host', lacks: 'reading suspects one at a time', file: 'plugin-host/test/crashes.cpp' },
		test: 'what is to be read with care is in hand alone',
		control: 'without care a batch is in hand',
	},
	{
		...{ name: 'NO_NOW_SERVING', in: 'host', lacks: "the word that tells what is in the plugin's hands", file: 'plugin-host/test/crashes.cpp' },
		test: 'NowServing tells which packet the plugin had in hand',
		control: 'a plugin that aborts takes its host with it',
	},
	{
		...{ name: 'KEEP_SOCKET_ON_CRASH', in: 'host', lacks: 'the shutdown of sockets as the first thing in a crash', file: 'plugin-host/test/crashes.cpp' },
		test: 'crash-on-nth: the socket is shut down although a child has it open',
		control: 'a plugin that aborts takes its host with it',
	},
];
