// The demo's receipt: from what was measured to what is claimed, and to the list of promises that were not kept. Nothing here
// measures anything, so that the arithmetic can be tested.

/** A stream of tools/rtp/rtp-send: packets at an even pace from the first to the last. Times are of CLOCK_MONOTONIC. */
export type PacedStream = {
	readonly sent: number;
	readonly firstSentAtNs: number;
	readonly lastSentAtNs: number;
};

export type Bucket = { readonly packetsPerSecond: number; readonly burst: number };

export type Kill = {
	/** From here on no verdict comes: the host was stopped, so that packets were held when it was killed. */
	readonly stoppedAtNs: number;
	readonly killedAtNs: number;
	readonly recoveredAtNs: number;
	/** As the worker counted them when it lost the host. */
	readonly held: number;
	/** Between stopped and recovered: what the filter was asked about, and how often it answered. */
	readonly packets: number;
	readonly verdicts: number;
};

export type Measured = {
	readonly sent: number;
	/** At the end of the path, each once. */
	readonly received: number;
	/** Sequence numbers that never came between the first and the last of their stream. */
	readonly gaps: number;
	/** By verdict. */
	readonly dropped: number;
	readonly verdicts: number;
	readonly releasedByPolicy: number;
	readonly kills: readonly Kill[];
	readonly holdMicros: { readonly p50: number; readonly p99: number };
	/** Every stream whose pace is over the limit; only these can lose packets to the bucket. */
	readonly overLimit: readonly PacedStream[];
	readonly bucket: Bucket;
};

/** The keys are those that the demo promises; scripts read them. */
export type Receipt = {
	readonly sent: number;
	readonly received: number;
	readonly lost: number;
	readonly dropped: number;
	readonly expectedDrops: number;
	readonly verdicts: number;
	readonly releasedByPolicy: number;
	readonly heldAtKill: readonly number[];
	readonly kills: number;
	readonly recoveredMs: { readonly p50: number; readonly max: number };
	readonly holdMicros: { readonly p50: number; readonly p99: number };
};

const maxDropDeviation = 0.02;
const minVerdictShare = 0.95;

export function makeReceipt(measured: Measured): Receipt {
	const recoveredMs = measured.kills.map((kill) => (kill.recoveredAtNs - kill.killedAtNs) / 1e6).sort((a, b) => a - b);

	return {
		sent: measured.sent,
		received: measured.received,
		lost: lostPackets(measured),
		dropped: measured.dropped,
		expectedDrops: expectedDropsOf(measured),
		verdicts: measured.verdicts,
		releasedByPolicy: measured.releasedByPolicy,
		heldAtKill: measured.kills.map((kill) => kill.held),
		kills: measured.kills.length,
		recoveredMs: { p50: oneDecimal(median(recoveredMs)), max: oneDecimal(recoveredMs.at(-1) ?? 0) },
		holdMicros: { p50: oneDecimal(measured.holdMicros.p50), p99: oneDecimal(measured.holdMicros.p99) },
	};
}

/**
 * Two witnesses, and the worse one counts. A gap shows what went missing on the way to and from the worker; the balance shows what
 * the worker itself swallowed, since it numbers around a packet that it drops.
 */
function lostPackets({ sent, received, dropped, gaps }: Measured): number {
	return Math.max(gaps, sent - received - dropped);
}

/**
 * A packet whose deadline passed was released, whatever the bucket said of it later. That happens to all streams alike, and may happen
 * to as many as are not promised a verdict.
 */
function expectedDropsOf(measured: Measured): number {
	const byBucket = measured.overLimit.reduce((sum, stream) => sum + expectedDrops(stream, measured.bucket, measured.kills), 0);

	return Math.round(byBucket * Math.min(1, Math.max(minVerdictShare, verdictShare(measured))));
}

/**
 * What a token bucket drops of an evenly paced stream. It is not asked while its host is away, and each new host begins with a full
 * bucket, which starts to drain with the first packet.
 */
export function expectedDrops(stream: PacedStream, bucket: Bucket, kills: readonly Kill[]): number {
	if (stream.sent < 2) {
		return 0;
	}

	const intervalNs = (stream.lastSentAtNs - stream.firstSentAtNs) / (stream.sent - 1);
	let servedFrom = stream.firstSentAtNs;
	let drops = 0;

	for (const [away, back] of [...kills.map((kill) => [kill.stoppedAtNs, kill.recoveredAtNs] as const), [Infinity, Infinity] as const]) {
		// Packet k is sent at firstSentAtNs + k * intervalNs.
		const first = Math.max(0, Math.ceil((servedFrom - stream.firstSentAtNs) / intervalNs));
		const end = Math.min(stream.sent, Math.ceil((away - stream.firstSentAtNs) / intervalNs));
		const packets = Math.max(0, end - first);
		const seconds = ((packets - 1) * intervalNs) / 1e9;

		drops += Math.max(0, packets - Math.floor(bucket.burst + seconds * bucket.packetsPerSecond));
		servedFrom = back;
	}

	return drops;
}

/** For people. */
export function describeReceipt(receipt: Receipt): string {
	const { recoveredMs, holdMicros } = receipt;

	return [
		`sent ${receipt.sent}, received ${receipt.received}, dropped by verdict ${receipt.dropped} (expected ${receipt.expectedDrops}), lost ${receipt.lost}`,
		`verdicts ${receipt.verdicts}, released by policy ${receipt.releasedByPolicy}; held for ${holdMicros.p50} µs (p50), ${holdMicros.p99} µs (p99)`,
		`kills ${receipt.kills}, each with packets held (${receipt.heldAtKill.join(', ')}); recovered after ${recoveredMs.p50} ms (p50), ${recoveredMs.max} ms (max)`,
	].join('\n');
}

/** Sentences, one for each promise that was not kept; none: all is well. */
export function brokenPromises(measured: Measured, killsWanted: number): string[] {
	const receipt = makeReceipt(measured);
	const broken: string[] = [];

	if (receipt.lost > 0) {
		broken.push(`${receipt.lost} packets were lost that no verdict dropped`);
	}
	if (receipt.received + receipt.dropped > receipt.sent) {
		broken.push(`${receipt.received + receipt.dropped - receipt.sent} more packets were received or dropped than sent: the figures are wrong`);
	}
	if (Math.abs(receipt.dropped - receipt.expectedDrops) > maxDropDeviation * receipt.expectedDrops) {
		broken.push(`${receipt.dropped} packets were dropped, the bucket's arithmetic says ${receipt.expectedDrops} (2 % are tolerated)`);
	}

	const share = verdictShare(measured);

	if (share < minVerdictShare) {
		broken.push(`only ${(100 * share).toFixed(1)} % of the packets outside the recovery windows got a verdict (95 % are promised)`);
	}
	if (receipt.kills !== killsWanted) {
		broken.push(`the host was killed ${receipt.kills} times, not ${killsWanted}`);
	}
	if (receipt.heldAtKill.some((held) => held < 1)) {
		broken.push(`a host was killed while it held nothing (${receipt.heldAtKill.join(', ')}), which proves nothing`);
	}

	return broken;
}

/** Of what was sent while a host was there. What never reached the tap counts as without a verdict. */
function verdictShare({ sent, verdicts, kills }: Measured): number {
	const packetsOutside = sent - kills.reduce((sum, kill) => sum + kill.packets, 0);
	const verdictsOutside = verdicts - kills.reduce((sum, kill) => sum + kill.verdicts, 0);

	return packetsOutside > 0 ? verdictsOutside / packetsOutside : 0;
}

function median(sorted: readonly number[]): number {
	const middle = sorted.length / 2;

	return sorted.length === 0 ? 0 : ((sorted[Math.ceil(middle) - 1] ?? 0) + (sorted[Math.floor(middle)] ?? 0)) / 2;
}

function oneDecimal(value: number): number {
	return Math.round(value * 10) / 10;
}
