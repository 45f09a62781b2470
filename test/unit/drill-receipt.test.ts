// The arithmetic of the drill's receipt, and that each promise which is not kept is named.

import t from 'tap';

import { type DrillEvent, type Measured, type Terms, brokenPromises, describeReceipt, makeReceipt, percentilesOf } from '../../tools/drill/receipt.ts';

const event: DrillEvent = { scenario: 'kill', held: 3, atNs: 1e9, servedAtNs: 1e9 + 2e6 };
const terms: Terms = { kills: 2, standby: true, deadlineMs: 1000, hangMs: 100 };
const perfect: Measured = {
	sent: 10_000,
	passing: 9_000,
	arrivals: { distinct: 9_000, passed: 9_000, unfiltered: 0, duplicated: 0, reordered: 0, late: 0, gapsMs: [1.25, 3.5] },
	numbers: { gaps: 0, duplicates: 0, reordered: 0 },
	worker: {
		...{ accepted: 9_000, dropped: 1_000, policyAccepted: 0, timeoutAccepted: 0, absentAccepted: 0, overflowAccepted: 0, errorAccepted: 0, policyDropped: 0 },
		holdMaxMs: 4,
	},
	events: [event, { ...event, scenario: 'oom', held: 8 }],
	deaths: 2,
};

/** Without a standby, where policies apply. */
const absent = { ...terms, standby: false };

function arrivals(more: Partial<Measured['arrivals']>): Measured {
	return { ...perfect, arrivals: { ...perfect.arrivals, ...more } };
}

function worker(more: Partial<Measured['worker']>): Measured['worker'] {
	return { ...perfect.worker, ...more };
}

t.test('the receipt begins with the promised keys, in order', async (t) => {
	const text = JSON.stringify(makeReceipt(perfect, terms));

	t.ok(
		text.startsWith('{"kills":2,"sent":10000,"lost":0,"late":0,"reordered":0,"duplicated":0,"unfiltered":0,"gapMs":{"p50":1.3,"p99":3.5,"max":3.5},'),
		text,
	);
	t.match(makeReceipt(perfect, terms), { heldAtKill: { min: 3, max: 8 }, scenarios: { kill: 1, oom: 1 } });
	t.match(describeReceipt(makeReceipt(perfect, terms)), /kills 2, .* \(3 to 8\); verdicts again after 1\.3 ms/);
});

t.test('nothing is broken when all went well', async (t) => {
	t.same(brokenPromises(perfect, terms), []);
});

t.test('percentiles are those of the nearest rank', async (t) => {
	const hundred = Array.from({ length: 100 }, (_, index) => index + 1);

	t.same(percentilesOf(hundred), { p50: 50, p99: 99, max: 100 });
	t.same(percentilesOf([7]), { p50: 7, p99: 7, max: 7 });
	t.same(percentilesOf([]), { p50: 0, p99: 0, max: 0 });
});

t.test('where nothing came after an event, its gap is what the next host says', async (t) => {
	t.equal(makeReceipt(arrivals({ gapsMs: [1, undefined] }), terms).gapMs.max, 2);
});

t.test('a packet is lost if any of three witnesses misses it', async (t) => {
	t.match(brokenPromises({ ...perfect, numbers: { ...perfect.numbers, gaps: 2 } }, terms), [/^2 packets were lost/]);
	// Nobody counted it.
	t.match(brokenPromises(arrivals({ distinct: 8_999, passed: 8_999 }), terms), [/^1 packets were lost/]);
	// The plugin dropped it though its rule lets it pass.
	t.match(brokenPromises({ ...arrivals({ distinct: 8_999, passed: 8_999 }), worker: worker({ dropped: 1_001 }) }, terms), [/^1 packets were lost/]);
});

t.test('what a policy drops is not lost, as long as it is counted', async (t) => {
	const measured = { ...arrivals({ distinct: 8_900, passed: 8_900 }), worker: worker({ dropped: 990, policyDropped: 110 }) };

	t.same(brokenPromises(measured, absent), []);
	t.match(brokenPromises({ ...measured, worker: worker({ dropped: 990, policyDropped: 109 }) }, absent), [/^1 packets were lost/]);
});

t.test('with a standby no packet goes by unfiltered; without one as many as were let go', async (t) => {
	const measured = { ...arrivals({ distinct: 9_010, unfiltered: 10 }), worker: worker({ dropped: 990, policyAccepted: 100 }) };

	t.match(brokenPromises(measured, terms), [/^10 packets arrived that the plugin drops; none may/]);
	t.same(brokenPromises(measured, absent), []);
	t.match(brokenPromises({ ...measured, worker: worker({ dropped: 990, policyAccepted: 9 }) }, absent), [/at most 9 were let go/]);
});

t.test('a deadline that is shorter than a hang lets packets go, with a standby too', async (t) => {
	const short = { ...terms, deadlineMs: 10 };
	const measured = { ...arrivals({ distinct: 9_010, unfiltered: 10 }), worker: worker({ dropped: 990, policyAccepted: 50, timeoutAccepted: 10 }) };

	t.same(brokenPromises(measured, short), []);
	t.match(brokenPromises({ ...measured, worker: worker({ dropped: 990, policyAccepted: 50, timeoutAccepted: 9 }) }, short), [/at most 9/]);
});

t.test("a user's plugin is not judged by a rule", async (t) => {
	const measured = { ...arrivals({ distinct: 8_000, passed: 8_000 }), passing: undefined, worker: worker({ dropped: 2_000 }) };

	t.equal(makeReceipt(measured, terms).unfiltered, null);
	t.same(brokenPromises(measured, terms), []);
	t.match(brokenPromises({ ...measured, sent: 10_001 }, terms), [/^1 packets were lost/]);
});

t.test('late is what was on its way for too long, if the worker held anything for so long', async (t) => {
	t.equal(makeReceipt(arrivals({ late: 5 }), terms).late, 0);
	t.match(brokenPromises({ ...arrivals({ late: 5 }), worker: worker({ holdMaxMs: 1_100 }) }, terms), [/^5 packets were held longer than the deadline of 1000 ms/]);
});

t.test('what was overtaken or came twice is named, whoever saw it', async (t) => {
	t.match(brokenPromises(arrivals({ reordered: 1, duplicated: 2 }), terms), [/^1 packets were overtaken/, /^2 packets came twice/]);
	t.match(brokenPromises({ ...perfect, numbers: { gaps: 0, duplicates: 2, reordered: 1 } }, terms), [/^1 packets were overtaken/, /^2 packets came twice/]);
});

t.test('more packets than were sent are an error of the figures', async (t) => {
	t.match(brokenPromises({ ...perfect, sent: 9_999 }, terms), [/^1 more packets/]);
});

t.test('events that did not happen, that hit nothing, or that the library did not notice are named', async (t) => {
	t.match(brokenPromises(perfect, { ...terms, kills: 3 }), [/^hosts were ended 2 times, not 3/]);
	t.match(brokenPromises({ ...perfect, events: [event, { ...event, held: 0 }] }, terms), [/nothing was held/]);
	t.match(brokenPromises({ ...perfect, deaths: 1 }, terms), [/reported 1 deaths of 2/]);
	t.match(brokenPromises({ ...perfect, events: [] }, { ...terms, kills: undefined }), [/no host was ended/]);
});
