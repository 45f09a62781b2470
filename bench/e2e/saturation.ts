// How many verdicts a worker can take in.
//
// A packet that comes in over UDP costs a worker several microseconds before it reaches a tap, so one verdict per packet would measure sockets. Here
// each packet passes many stages: attachments of one plugin to one router, each of which holds it for a verdict of its own. Nobody consumes it at the
// end, packets are short, and more of them are sent than the worker can read, so that its CPU is always busy (what it does not come to, the kernel
// drops at its socket). Verdicts are counted by the worker, once each, when it has validated them and let go of the packet.

import { shortly } from '../lib/machine.ts';
import { type Candidate, interleave, median } from '../lib/repeat.ts';
import { type Context, type Row, withNote } from '../lib/row.ts';
import { type Lane, closeLanes, openLanes } from './lane.ts';
import { allowedCpus, cpuNsOf, pin } from './processes.ts';

const stages = [1, 8, 32, 128] as const;
/** More than the worker manages with so many stages; the sender is on the host's CPU and should not take it away for nothing. */
const sentPerSecond: Record<(typeof stages)[number], number> = { 1: 400_000, 8: 300_000, 32: 160_000, 128: 60_000 };
const packetLength = 100;
const rings = { packetRingSize: 8 * 1024 * 1024, verdictRingSize: 2 * 1024 * 1024 };

type Saturated = {
	readonly verdictsPerSecond: number;
	readonly verdictsPerCpuSecond: number;
	readonly packetsPerSecond: number;
	readonly byPolicyShare: number;
	/** Of one CPU. */
	readonly workerLoad: number;
	readonly hostLoad: number;
};

export async function measureSaturated(context: Context): Promise<Row[]> {
	const names = stages.map((count) => `stages${count}`);
	const lanes = await openLanes(
		Object.fromEntries(stages.map((attachments) => [`stages${attachments}`, { mode: 'filter', attachments, rings, consumer: false, deadlineMs: 5000 } as const])),
	);

	try {
		Object.values(lanes).forEach(place);

		const runs = new Map<string, Saturated[]>(names.map((name) => [name, []]));
		const candidates = stages.map(
			(count): Candidate => ({
				name: `stages${count}`,
				unit: 'Mverdict/s',
				async measure() {
					const name = `stages${count}`;
					const run = await saturate(lanes[name]!, sentPerSecond[count], context.quick ? 0.4 : 1);

					runs.get(name)!.push(run);

					return { value: run.verdictsPerSecond / 1e6 };
				},
			}),
		);
		const rows = await interleave(candidates, context.quick ? 1 : 5);
		const best = rows.reduce((a, b) => (b.value! > a.value! ? b : a));
		const load = median(runs.get(best.name)!.map(({ workerLoad }) => workerLoad));
		// Then the figure says what was sent, or what somebody else left of the CPU, and not what the worker can do.
		const remark = load < 0.9 ? `noisy: the worker had only ${Math.round(load * 100)} % of its CPU to do or to use` : undefined;

		return [withNote(withNote({ ...best, name: 'verdict/saturated' }, remark), describe(runs))];
	} finally {
		await closeLanes(lanes);
	}
}

/** The worker has a CPU of its own; host and sender share the other one. */
function place({ app, probe }: Lane): void {
	const [first, second] = allowedCpus();

	if (first !== undefined && second !== undefined) {
		pin(app.report.workerPid, [first]);
		for (const pid of [...app.report.hostPids, probe.pid]) {
			pin(pid, [second]);
		}
	}
}

async function saturate({ app, probe }: Lane, packetsPerSecond: number, seconds: number): Promise<Saturated> {
	const { workerPid, hostPids } = app.report;
	const look = async () => ({
		figures: await app.figures(),
		workerNs: cpuNsOf(workerPid),
		hostNs: hostPids.reduce((sum, pid) => sum + cpuNsOf(pid), 0),
		atNs: Number(process.hrtime.bigint()),
	});

	await app.renew();

	// The first look comes when the flood has begun, the last one before it ends: a worker that is not busy any more would be counted otherwise.
	const flood = probe.flood(packetsPerSecond, Math.ceil(packetsPerSecond * (seconds + 0.4)), packetLength);

	await new Promise((resolve) => setTimeout(resolve, 200));

	const before = await look();

	await new Promise((resolve) => setTimeout(resolve, seconds * 1000));

	const after = await look();

	await flood;

	const wallNs = after.atNs - before.atNs;
	const workerNs = after.workerNs - before.workerNs;
	const verdicts = after.figures.verdicts - before.figures.verdicts;
	const byPolicy = after.figures.byPolicy - before.figures.byPolicy;
	const packets = (verdicts + byPolicy) / after.figures.hold.length;

	return {
		verdictsPerSecond: (verdicts * 1e9) / wallNs,
		verdictsPerCpuSecond: (verdicts * 1e9) / workerNs,
		packetsPerSecond: (packets * 1e9) / wallNs,
		byPolicyShare: byPolicy / Math.max(1, verdicts + byPolicy),
		workerLoad: workerNs / wallNs,
		hostLoad: (after.hostNs - before.hostNs) / wallNs,
	};
}

function describe(runs: ReadonlyMap<string, readonly Saturated[]>): string {
	const figure = (name: string, of: keyof Saturated): number => median(runs.get(name)!.map((run) => run[of]));
	const percent = (share: number): string => `${Math.round(share * 100)} %`;
	const perStageCount = stages.map((count) => {
		const name = `stages${count}`;

		return (
			`${count} per packet: ${shortly(figure(name, 'verdictsPerSecond') / 1e6)} M/s, ${shortly(figure(name, 'verdictsPerCpuSecond') / 1e6)} M per CPU second, ` +
			`worker ${percent(figure(name, 'workerLoad'))}, host ${percent(figure(name, 'hostLoad'))} of a CPU, ${percent(figure(name, 'byPolicyShare'))} overflowed`
		);
	});
	// Worker CPU per packet at two numbers of stages; what lies between them is stages alone.
	const nsPerPacket = (name: string): number => (figure(name, 'workerLoad') * 1e9) / figure(name, 'packetsPerSecond');
	const nsPerVerdict = (nsPerPacket('stages32') - nsPerPacket('stages1')) / 31;

	return `${perStageCount.join('; ')}; a further verdict costs the worker ${Math.round(nsPerVerdict)} ns (publish, hold, validate), ${packetLength}-byte packets`;
}

/** CPU of the worker that a filter adds per packet when 32 of them come at once: one doorbell and one batch for all. */
export async function measureBursts(context: Context): Promise<Row[]> {
	const burst = 32;
	const packetsPerSecond = 10_000;
	const packets = context.quick ? 5_000 : 20_000;
	const lanes = await openLanes({ plain: { mode: 'plain' }, filter: { mode: 'filter' } });

	try {
		let plainCpu = 0;
		const [, row] = await interleave(
			[
				{
					name: 'plain',
					unit: 'us',
					async measure() {
						const { cpu, lost } = await lanes.plain.measure((probe) => probe.bursts(packetsPerSecond, packets, burst));

						plainCpu = cpu.worker!;

						return { value: plainCpu, lost, cpu };
					},
				},
				{
					name: 'verdict/burst32-cpu',
					unit: 'us',
					async measure() {
						const { cpu, lost } = await lanes.filter.measure((probe) => probe.bursts(packetsPerSecond, packets, burst));

						return { value: cpu.worker! - plainCpu, lost, cpu };
					},
				},
			],
			context.quick ? 1 : 5,
		);

		return [withNote(row!, `worker CPU per packet that a filter adds, bursts of ${burst}, ${packetsPerSecond} packets/s of 1,200 bytes`)];
	} finally {
		await closeLanes(lanes);
	}
}
