// Judges the deaths of one unit's hosts: whether the next one starts at once, after a delay, or not at all.

import { EnhancedEventEmitter } from 'mediasoup/extras';

import { CrashBudget } from './crash-budget.ts';
import { describeEnd } from './crash-report.ts';
import { HostDiedError } from './errors.ts';
import type { HostRun, SupervisedWorker } from './host-run.ts';
import { HostWork } from './host-work.ts';
import type { LogLevel } from './logger.ts';
import type { SupervisorDelays, SupervisorOptions } from './supervisor-types.ts';

export type DeathsOptions = Pick<SupervisorOptions, 'unitId' | 'crashBudget'> & {
	/** What hosts run, in words. */
	readonly name: string;
	readonly delays: SupervisorDelays;
	readonly workers: Iterable<SupervisedWorker>;
	/** To judge a death takes a while; by then nobody may need another host. */
	readonly isHostMissing: () => boolean;
};

export type DeathsEvents = {
	/** What is missing is to be started now. */
	start: [];
	/** Nothing more is to be started. */
	crashloop: [CrashLoop];
	log: [LogLevel, string];
};

export type CrashLoop = {
	readonly deathsInRow: number;
	/** "the host of … died 5 times in a row …" */
	readonly words: string;
	/** What it means if there is no other host. 'died': the last one did not even come as far as having a process. */
	readonly end: 'quarantined' | 'died';
	readonly error: HostDiedError;
};

export class Deaths extends EnhancedEventEmitter<DeathsEvents> {
	readonly #options: DeathsOptions;
	readonly #work: HostWork;
	readonly #budget: CrashBudget;
	#name: string;
	#count = 0;
	#unjudged = 0;
	#timer: NodeJS.Timeout | undefined;

	constructor(options: DeathsOptions) {
		super();

		const { unitId, name, crashBudget, delays } = options;

		this.#options = options;
		this.#name = name;
		this.#work = new HostWork(unitId, delays.progressAfterMs);
		this.#budget = new CrashBudget({ deaths: crashBudget, delayMs: delays.restartDelayMs, maxDelayMs: delays.maxRestartDelayMs });
	}

	get count(): number {
		return this.#count;
	}

	/** To be called when the host is lost. Without `run` there was no process. `reason`: if there is more to it than that it ended. */
	add(run: HostRun | undefined, reason: string, wasStandby: boolean): void {
		const startsAtOnce = this.#budget.allowsRestartAtOnce && this.#unjudged === 0;
		const hadWorked = wasStandby ? this.#work.hadWaited(run) : this.#work.wasDoneBy(run, this.#options.workers);
		const judged = hadWorked.then((worked) => {
			this.#unjudged--;
			this.#budget.died(worked);
		});

		this.#unjudged++;
		this.#count++;

		if (startsAtOnce) {
			this.emit('start');
		} else {
			void judged.then(() => this.#decide(run, reason));
		}
	}

	/** Of what hosts run from now on; no earlier death counts against it. */
	startOver(name: string): void {
		this.#name = name;
		this.#budget.reset();
	}

	/** Something was started meanwhile, or nothing is to be. */
	cancelStart(): void {
		clearTimeout(this.#timer);
	}

	/** The worker is gone. */
	forget(worker: SupervisedWorker): void {
		this.#work.forget(worker);
	}

	#decide(run: HostRun | undefined, reason: string): void {
		const { deathsInRow, delayMs, exhausted } = this.#budget;

		if (!this.#options.isHostMissing()) {
			return;
		}
		if (exhausted) {
			this.emit('crashloop', this.#crashLoop(run, reason));
		} else if (delayMs === 0) {
			this.emit('start');
		} else {
			this.emit('log', 'warn', `the host died ${deathsInRow} times in a row without doing any work; the next one starts in ${delayMs} ms`);
			clearTimeout(this.#timer);
			this.#timer = setTimeout(() => this.emit('start'), delayMs).unref();
		}
	}

	#crashLoop(run: HostRun | undefined, reason: string): CrashLoop {
		const { deathsInRow } = this.#budget;
		const last = run ? describeEnd(run.host.exit, reason) : reason;
		const words = `the host of ${this.#name} died ${deathsInRow} times in a row without doing any work (last: ${last})`;

		if (run?.host.pid === undefined) {
			const what = 'the plugin is given up, and its attachments follow onAbsent until they are closed';

			return { deathsInRow, words, end: 'died', error: new HostDiedError('MPH_ERR_HOST_DIED', `${words}; ${what}`) };
		}

		const what = 'the plugin is quarantined, and its attachments follow onAbsent until release() is called';

		return { deathsInRow, words, end: 'quarantined', error: new HostDiedError('MPH_ERR_QUARANTINED', `${words}; ${what}`) };
	}
}
