// What goes wrong on a thread outside the calls that it serves: in timers, promises and streams of the plugin.

import type { ThreadInstances } from './thread-instances.ts';

export type FaultSink = Pick<ThreadInstances, 'report' | 'end' | 'endWith'>;

/** `stop`: what comes from now on is of no concern. */
export function watchFaults(sink: FaultSink, source: NodeJS.EventEmitter = process): { readonly stop: () => void } {
	let isOver = false;

	// After one of these nobody knows what state the plugin is in. The process and its other threads go on.
	source.on('uncaughtException', (error: unknown) => {
		if (!isOver) {
			sink.end('an exception that nobody caught,', error);
		}
	});
	// A promise that was forgotten leaves the plugin as it was.
	source.on('unhandledRejection', (reason: unknown) => {
		if (!isOver) {
			sink.report('a promise that nobody awaits', reason);
		}
	});
	source.on('exit', (code: number) => {
		if (!isOver) {
			sink.endWith(`the plugin called process.exit(${code}) on its thread`);
		}
	});

	return {
		stop: () => {
			isOver = true;
		},
	};
}
