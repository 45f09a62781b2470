// The arithmetic of the demo's receipt, and that each promise which is not kept is named.

import t from 'tap';

import { type Kill, type Measured, brokenPromises, expectedDrops, makeReceipt } from '../../tools/demo/receipt.ts';

const bucket = { packetsPerSecond: 400, burst: 100 };
const second = 1e9;

/** 800 packets/s, evenly, over so many seconds. */
function stream(seconds: number, packetsPerSecond = 800) {
	const sent = seconds * packetsPerSecond;

	return { sent, firstSentAtNs: 5 * second, lastSentAtNs: 5 * second + ((sent - 1) / packetsPerSecond) * second };
}

function kill(stoppedAfter: number, killedAfter: number, recoveredAfter: number, more: Partial<Kill> = {}): Kill {
	const [stoppedAtNs, killedAtNs, recoveredAtNs] = [stoppedAfter, killedAfter, recoveredAfter].map((after) => (5 + after) * second);

	return { stoppedAtNs: stoppedAtNs!, killedAtNs: killedAtNs!, recoveredAtNs: recoveredAtNs!, held: 1, packets: 0, verdicts: 0, ...more };
}

/** A token bucket played packet by packet: what the closed formula must come out at. */
function simulatedDrops({ sent, firstSentAtNs, lastSentAtNs }: ReturnType<typeof stream>, kills: readonly Kill[]): number {
	let host: number | undefined;
	let tokens = 0;
	let filledAt = 0;
	let drops = 0;

	for (let k = 0; k < sent; ++k) {
		const at = firstSentAtNs + (k * (lastSentAtNs - firstSentAtNs)) / (sent - 1);

		if (kills.some(({ stoppedAtNs, recoveredAtNs }) => at >= stoppedAtNs && at < recoveredAtNs)) {
			continue;
		}

		const incarnation = kills.filter(({ recoveredAtNs }) => at >= recoveredAtNs).length;

		if (incarnation !== host) {
			host = incarnation;
			tokens = bucket.burst;
			filledAt = at;
		}
		tokens = Math.min(bucket.burst, tokens + ((at - filledAt) / second) * bucket.packetsPerSecond);
		filledAt = at;
		if (tokens < 1) {
			++drops;
		} else {
			--tokens;
		}
	}

	return drops;
}

const perfect: Measured = {
	sent: 40_000,
	received: 32_099,
	gaps: 0,
	dropped: 7_901,
	verdicts: 40_000,
	releasedByPolicy: 0,
	kills: [],
	holdMicros: { p50: 100, p99: 400 },
	overLimit: [stream(20)],
	bucket,
};

t.test('a bucket drops what is over its rate, after its burst', async (t) => {
	// 16,000 are sent within 19.99875 s: 100 pass at once and 7,999 over time.
	t.equal(expectedDrops(stream(20), bucket, []), 7_901);
	t.equal(simulatedDrops(stream(20), []), 7_901);
});

t.test('a stream under the limit loses nothing', async (t) => {
	t.equal(expectedDrops(stream(20, 300), bucket, []), 0);
});

t.test('each new host begins with a full bucket, and drops nothing while it is away', async (t) => {
	const kills = [kill(3, 3.01, 3.1), kill(9.5, 9.6, 10.123), kill(17, 17, 17.05)];

	t.equal(expectedDrops(stream(20), bucket, kills), simulatedDrops(stream(20), kills));
	t.equal(expectedDrops(stream(20), bucket, [kill(10, 10, 11)]), 7_902 - 400 - 100);
});

t.test('a host that comes back after the last packet drops nothing more', async (t) => {
	t.equal(expectedDrops(stream(20), bucket, [kill(10, 10, 100)]), 10 * 400 - 100 + 1);
});

t.test('an interval that is too short to empty the bucket drops nothing', async (t) => {
	const kills = [kill(1, 1, 2), kill(2.1, 2.1, 3)];

	t.equal(expectedDrops(stream(4), bucket, kills), simulatedDrops(stream(4), kills));
});

t.test('the receipt has the promised keys and nothing else', async (t) => {
	const receipt = makeReceipt({ ...perfect, kills: [kill(1, 1, 1.02, { held: 4 }), kill(2, 2, 2.06), kill(3, 3, 3.01)] });

	t.same(Object.keys(receipt), [
		'sent',
		'received',
		'lost',
		'dropped',
		'expectedDrops',
		'verdicts',
		'releasedByPolicy',
		'heldAtKill',
		'kills',
		'recoveredMs',
		'holdMicros',
	]);
	t.match(receipt, { lost: 0, heldAtKill: [4, 1, 1], kills: 3, recoveredMs: { p50: 20, max: 60 } });
});

t.test('the median of two is between them', async (t) => {
	t.same(makeReceipt({ ...perfect, kills: [kill(1, 1, 1.02), kill(2, 2, 2.06)] }).recoveredMs, { p50: 40, max: 60 });
});

t.test('nothing is broken when all went well', async (t) => {
	t.same(brokenPromises(perfect, 0), []);
});

t.test('a packet that no verdict dropped is lost, whether numbers show a gap or the balance does', async (t) => {
	t.match(brokenPromises({ ...perfect, gaps: 1, received: perfect.received - 1 }, 0), [/^1 packets were lost/]);
	t.match(brokenPromises({ ...perfect, received: perfect.received - 2 }, 0), [/^2 packets were lost/]);
});

t.test('a gap is a loss even if the balance hides it', async (t) => {
	t.equal(makeReceipt({ ...perfect, gaps: 3 }).lost, 3);
});

t.test('more packets than were sent are an error of the figures', async (t) => {
	t.match(brokenPromises({ ...perfect, sent: perfect.sent - 1 }, 0), [/^1 more packets/]);
});

t.test('drops that deviate by more than 2 % are named with both figures', async (t) => {
	const within = { ...perfect, dropped: 7_901 + 158, received: perfect.received - 158 };
	const beyond = { ...perfect, dropped: 7_901 + 159, received: perfect.received - 159 };

	t.same(brokenPromises(within, 0), []);
	t.match(brokenPromises(beyond, 0), [/^8060 packets were dropped, the bucket's arithmetic says 7901/]);
});

t.test('verdicts are owed outside the recovery windows only', async (t) => {
	const kills = [kill(1, 1, 1.02, { packets: 10_000, verdicts: 10 })];
	const bare = { ...perfect, sent: 40_000, verdicts: 30_010, overLimit: [], dropped: 0, received: 40_000, kills };

	t.same(brokenPromises(bare, 1), []);
	t.match(brokenPromises({ ...bare, verdicts: 28_000 }, 1), [/^only 93\.3 %/]);
});

t.test('a packet that was released before its verdict came is not expected to be dropped', async (t) => {
	t.equal(makeReceipt({ ...perfect, verdicts: 39_000, releasedByPolicy: 1_000 }).expectedDrops, Math.round(7_901 * 0.975));
	t.equal(makeReceipt({ ...perfect, verdicts: 0, releasedByPolicy: 40_000 }).expectedDrops, Math.round(7_901 * 0.95), 'but that is no excuse');
});

t.test('a worker that filters nothing breaks two promises', async (t) => {
	t.match(brokenPromises({ ...perfect, verdicts: 0, dropped: 0, received: 40_000 }, 0), [/^0 packets were dropped/, /^only 0\.0 %/]);
});

t.test('a kill that did not happen, or that hit a host which held nothing, is named', async (t) => {
	t.match(brokenPromises({ ...perfect, overLimit: [], dropped: 0, received: 40_000, kills: [kill(1, 1, 1, { held: 0 })] }, 2), [
		/killed 1 times, not 2/,
		/held nothing/,
	]);
});
