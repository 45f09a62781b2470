// Transport × RTP or data × mode × verdict, with real clients: each cell attaches a plugin of one verdict to a lane and looks at what it does, by
// the attachment's counters and by what arrives behind the router.

import * as mediasoup from 'mediasoup';

import type { AttachmentStats, Plugin } from '../../src/index.ts';
import { createPluginHost } from '../../src/index.ts';
import { fixturePlugin } from '../helpers/binaries.ts';
import { mediaCodecs } from '../helpers/call.ts';
import { until } from '../helpers/until.ts';
import type { Lane } from './lanes.ts';
import { openLanes } from './lanes.ts';

const wanted = 20;
/** "extend" is asked for halfway to an answer that comes behind the deadline. Otherwise no machine is so slow that one passes. */
const timesOf = (verdict: string) => (verdict === 'extend' ? { deadlineMs: 1_500, delayMs: 2_000 } : { deadlineMs: 5_000, delayMs: 20 });

type Column = {
	readonly mode: 'observe' | 'filter' | 'divert';
	readonly verdict: string;
	/** The counter that says that it happened. */
	readonly counter: keyof AttachmentStats;
	readonly arrives: 'all' | 'nothing' | 'replaced';
};

const columns: readonly Column[] = [
	{ mode: 'observe', verdict: 'accept', counter: 'observed', arrives: 'all' },
	{ mode: 'observe', verdict: 'bypass', counter: 'bypassed', arrives: 'all' },
	{ mode: 'filter', verdict: 'accept', counter: 'accepted', arrives: 'all' },
	{ mode: 'filter', verdict: 'drop', counter: 'dropped', arrives: 'nothing' },
	{ mode: 'filter', verdict: 'take', counter: 'taken', arrives: 'nothing' },
	{ mode: 'filter', verdict: 'replace', counter: 'replaced', arrives: 'replaced' },
	{ mode: 'filter', verdict: 'bypass', counter: 'bypassed', arrives: 'all' },
	{ mode: 'filter', verdict: 'pending', counter: 'accepted', arrives: 'all' },
	{ mode: 'filter', verdict: 'extend', counter: 'accepted', arrives: 'all' },
	{ mode: 'divert', verdict: 'accept', counter: 'diverted', arrives: 'nothing' },
];

export type Cell = { readonly lane: Lane; readonly column: Column; readonly result: string; readonly ok: boolean };

export async function runMatrix(report: (cell: Cell) => void): Promise<readonly Cell[]> {
	const pluginHost = await createPluginHost({ mediasoup });
	const worker = await mediasoup.createWorker({ workerBin: pluginHost.workerBin, logLevel: 'warn' });
	const closers: (() => Promise<void> | void)[] = [() => (pluginHost.close(), worker.close())];
	const cells: Cell[] = [];

	worker.on('died', (error) => console.error(`the worker died: ${error.message}`));
	try {
		const [router, beyond] = [await worker.createRouter({ mediaCodecs }), await worker.createRouter({ mediaCodecs })];
		const { lanes, close } = await openLanes(router, beyond);

		closers.push(close);
		for (const column of columns) {
			const { verdict } = column;
			const plugin = await pluginHost.createPlugin({ file: fixturePlugin('one-verdict'), config: { verdict, delayMs: timesOf(verdict).delayMs }, hangMs: 60_000 });

			for (const lane of lanes) {
				const cell = { lane, column, ...(await play(plugin, lane, column)) };

				cells.push(cell);
				report(cell);
			}
			plugin.close();
		}
	} finally {
		for (const closer of closers.reverse()) {
			await closer();
		}
	}

	return cells;
}

async function play(plugin: Plugin, lane: Lane, { mode, verdict, counter, arrives }: Column): Promise<{ result: string; ok: boolean }> {
	const attachment = await plugin.attach({
		...(lane.kind === 'RTP' ? { producerId: lane.id } : { dataProducerId: lane.id }),
		...{ router: lane.router, pipe: lane.pipe, mode, ...(mode === 'observe' ? { onAbsent: 'accept', onOverflow: 'accept' } : { onAbsent: 'drop', onOverflow: 'drop' }) },
		...(mode === 'filter' ? { deadlineMs: timesOf(verdict).deadlineMs, onTimeout: 'drop', onError: 'drop' } : {}),
	} as Parameters<Plugin['attach']>[0]);

	try {
		const before = lane.arrived();
		const seenBefore = await lane.seenByBrowser?.();
		const stats = await until(`${wanted} of ${counter}`, async () => {
			const now = await attachment.getStats();

			return (now[counter] as number) >= wanted && now;
		});

		if (arrives !== 'nothing') {
			await until(`${wanted} behind the router`, () => lane.arrived()[arrives] - before[arrives] >= wanted);
			if (arrives === 'all') {
				await until('some in the browser', async () => lane.seenByBrowser === undefined || (await lane.seenByBrowser()) > seenBefore!);
			}
		}

		const lost = stats.timeoutDropped + stats.absentDropped + stats.overflowDropped + stats.errorDropped;
		const leaked = arrives === 'nothing' ? lane.arrived().all - before.all : 0;
		// One may have been on its way as the attachment came.
		const ok = lost === 0 && leaked <= 1 && (arrives === 'replaced' || lane.arrived().replaced === before.replaced);

		return { result: `${counter} ${stats[counter]}${lost > 0 ? `, ${lost} by policy` : ''}${leaked > 1 ? `, ${leaked} arrived` : ''}`, ok };
	} catch (error) {
		return { result: (error as Error).message, ok: false };
	} finally {
		attachment.close();
	}
}

/** A line per lane and column. */
export function describe({ lane, column, result, ok }: Cell): string {
	const where = `${lane.transport.padEnd(7)}${lane.kind.padEnd(5)}${lane.client.padEnd(21)}`;

	return `${ok ? 'ok  ' : 'FAIL'} ${where}${column.mode.padEnd(8)}${column.verdict.padEnd(9)}${result}`;
}
