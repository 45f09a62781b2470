// The drill with Chromium in a call: what people see is the picture, so that is what is judged.

import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { type PictureReport, PictureWatch } from '../../test/browser/picture-watch.ts';
import { openCallPage } from '../../test/browser/browser.ts';
import { until } from '../lib/until.ts';
import { strikeAgainAndAgain, withPlugin } from './drill.ts';
import type { DrillOptions } from './options.ts';
import { type DrillEvent, type WorkerFigures, percentilesOf, wayMs } from './receipt.ts';

const chromium = '/usr/bin/chromium';
const maxFreezeMs = 200;
const wait = { everyMs: 20, withinMs: 20_000 };

/** The first keys are those of the receipt over RTP; null is what a browser does not tell. */
export type BrowserReceipt = {
	readonly kills: number;
	readonly sent: number;
	readonly lost: number;
	readonly late: number | null;
	readonly reordered: null;
	readonly duplicated: null;
	readonly unfiltered: null;
	readonly gapMs: { readonly p50: number; readonly p99: number; readonly max: number };
	readonly seconds: number;
	readonly framesDecoded: number;
	readonly secondsWithoutFrames: readonly number[];
	readonly freezes: number;
	readonly longestFreezeMs: number;
};

export type BrowserDrillResult = { readonly receipt: BrowserReceipt; readonly text: string; readonly broken: readonly string[] };

export async function runBrowserDrill(options: DrillOptions, note: (text: string) => void): Promise<BrowserDrillResult> {
	if (!existsSync(chromium)) {
		throw new Error(`${chromium} is not there; "bash tools/setup.sh test" installs it`);
	}

	const dir = mkdtempSync(join(tmpdir(), 'mph-drill-'));

	try {
		return await withPlugin(dir, options, async (stage, striker) => {
			const { page, close } = await openCallPage(stage.router);

			try {
				await page.call();
				await until('the first second of video', wait, async () => ((await page.received()).framesDecoded >= 30 ? true : undefined));

				const watch = new PictureWatch(page);
				const events = await strikeAgainAndAgain(options, stage, striker, note);
				const picture = await watch.end();

				return judge(options, picture, events, await stage.workerFigures());
			} finally {
				await close();
			}
		});
	} finally {
		rmSync(dir, { recursive: true });
	}
}

export function judge(options: DrillOptions, picture: PictureReport, events: readonly DrillEvent[], worker: WorkerFigures): BrowserDrillResult {
	const { seconds, framesDecoded, secondsWithoutFrames, freezes, packetsLost } = picture;
	const receipt: BrowserReceipt = {
		kills: events.length,
		sent: worker.accepted + worker.dropped + worker.policyAccepted + worker.policyDropped,
		lost: packetsLost,
		late: worker.holdMaxMs <= options.deadlineMs + wayMs ? 0 : null,
		...{ reordered: null, duplicated: null, unfiltered: null },
		gapMs: percentilesOf(events.map(({ atNs, servedAtNs }) => (servedAtNs - atNs) / 1e6).sort((a, b) => a - b)),
		seconds: Math.round(seconds),
		...{ framesDecoded, secondsWithoutFrames, freezes: freezes.length },
		longestFreezeMs: Math.round(1000 * Math.max(0, ...freezes)),
	};
	const broken = [
		...(secondsWithoutFrames.length > 0 ? [`no frame was decoded in the seconds ${secondsWithoutFrames.join(', ')}`] : []),
		...(receipt.longestFreezeMs > maxFreezeMs ? [`the picture froze for ${receipt.longestFreezeMs} ms; ${maxFreezeMs} ms are allowed`] : []),
		...(packetsLost > 0 ? [`${packetsLost} packets were lost`] : []),
		...(options.kills !== undefined && receipt.kills !== options.kills ? [`hosts were ended ${receipt.kills} times, not ${options.kills}`] : []),
		...(events.some(({ held }) => held < 1) ? ['a host was ended while nothing was held for it, which proves nothing'] : []),
	];
	const { gapMs } = receipt;

	return {
		receipt,
		text: [
			`kills ${receipt.kills} in ${receipt.seconds} s; verdicts again after ${gapMs.p50} ms (p50), ${gapMs.p99} ms (p99), ${gapMs.max} ms (max)`,
			`${framesDecoded} frames decoded, ${secondsWithoutFrames.length} seconds without one, ${freezes.length} freezes, the longest of ${receipt.longestFreezeMs} ms; lost ${packetsLost}`,
		].join('\n'),
		broken,
	};
}
