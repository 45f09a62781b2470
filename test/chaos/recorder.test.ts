// A recorder in `observe` whose host is killed again and again under 5,000 packets a second, without a standby: its file has no hole. Short form:
// 5 times; MPH_LONG=1: 20.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import * as mediasoup from 'mediasoup';
import type { Test } from 'tap';
import t from 'tap';

import type { HostCrash, HostRecovery } from '../../src/index.ts';
import { createPluginHost } from '../../src/index.ts';
import { fixturePlugin } from '../helpers/binaries.ts';
import { mediaCodecs } from '../helpers/call.ts';
import { nextEvent } from '../helpers/events.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { until } from '../helpers/until.ts';
import { type Arrival, isLong, openFlow } from './flow.ts';

const timesKilled = isLong ? 20 : 5;
const firstSequenceNumber = 65_000;

t.setTimeout(900_000);

t.test('a recorder that nobody kills has every packet, in order, none twice', (t) => record(t, 0));
t.test('a recorder that is killed again and again has every packet, in order, none twice', (t) => record(t, timesKilled));

async function record(t: Test, kills: number): Promise<void> {
	const pluginHost = await createPluginHost({ mediasoup, timeoutMs: 60_000 });
	const worker = await mediasoup.createWorker({ workerBin: pluginHost.workerBin });

	t.teardown(() => (pluginHost.close(), worker.close()));

	const router = await worker.createRouter({ mediaCodecs });
	const file = join(tempDir(), 'recording');

	await pluginHost.configureRouter(router, { packetRingSize: 16 * 1024 * 1024 });

	const plugin = await pluginHost.createPlugin({ file: fixturePlugin('recorder'), config: { file } });
	const recorder = await plugin.attach({ router, mode: 'observe' });
	const flow = await openFlow(t, { routers: [router], packetsPerSecond: 5_000 });
	const written = (): number => Math.floor(readFileSync(file).length / entryLength);
	const downMs: number[] = [];

	for (let killed = 0; killed < kills; killed++) {
		const before = written();

		await until('more packets in the file', () => written() >= before + 500);

		const crash = nextEvent<HostCrash>(plugin, 'crash');
		const recovered = nextEvent<HostRecovery>(plugin, 'recovered');

		// Wherever it is just now; or when it has written what it has not given back yet.
		if (killed % 2 === 0) {
			writeFileSync(`${file}.die`, '');
		} else {
			process.kill(plugin.hostPid!, 'SIGKILL');
		}
		t.match(await crash, { signal: 'SIGKILL', hung: false });
		t.notOk(existsSync(`${file}.die`));
		downMs.push((await recovered).downMs);
	}

	const before = written();

	await until('more packets in the file', () => written() >= before + 500);

	const report = await flow.stop();

	await until('all that was sent', () => written() >= report.sent).catch(() => {});

	const arrivals = report.arrivalsOf(0);
	const { skipped } = (await plugin.getStats()).instances[0]!.counters;

	t.comment(`${kills} kills; sent ${report.sent}, received ${arrivals.length}, written ${written()}; kernel drops ${report.kernelDrops}`);
	t.comment(kills === 0 ? 'nobody was killed' : `without a host for ${downMs.map((ms) => ms.toFixed(1)).join(' ')} ms; the last host skipped ${skipped ?? 0}`);
	t.equal(arrivals.length, report.sent, 'the call itself noticed nothing');
	t.match(await recorder.getStats(), { observed: report.sent, observeOverflow: 0, observeAbsent: 0 });

	const entries = readEntries(readFileSync(file));

	t.equal(entries.length, report.sent);
	t.equal(firstDifference(entries, arrivals), -1, 'entry by entry, number and bytes');
}

type Entry = { readonly sequenceNumber: number; readonly payloadHash: number };

/** Bytes of an entry: recorder.c's `entry`. */
const entryLength = 8;

function readEntries(bytes: Buffer): Entry[] {
	return Array.from({ length: Math.floor(bytes.length / entryLength) }, (_, index) => ({
		sequenceNumber: bytes.readUInt32LE(index * entryLength),
		payloadHash: bytes.readUInt32LE(index * entryLength + 4),
	}));
}

/** Index of the first entry that is not that of the packet with its number; -1: there is none. */
function firstDifference(entries: readonly Entry[], arrivals: readonly Arrival[]): number {
	const bySent = arrivals.toSorted((a, b) => a.counter - b.counter);

	return entries.findIndex(
		({ sequenceNumber, payloadHash }, index) =>
			bySent[index]?.counter !== index || sequenceNumber !== ((firstSequenceNumber + index) & 0xffff) || payloadHash !== hashOf(bySent[index]!),
	);
}

/** FNV-1a of the payload as rtp-send made it (tools/rtp/payload.h): the magic, when it was sent, its counter, and zeroes. */
function hashOf({ sentAtNs, counter }: Arrival): number {
	const payload = Buffer.alloc(1200 - 12);
	let hash = 2_166_136_261;

	payload.write('\x08MPHR', 'latin1');
	payload.writeBigUInt64LE(BigInt(sentAtNs), 8);
	payload.writeBigUInt64LE(BigInt(counter), 16);
	for (const byte of payload) {
		hash = Math.imul(hash ^ byte, 16_777_619);
	}

	return hash >>> 0;
}

// The root test would wait for the worker's handles, and the worker for the root test's end.
t.end();
