// What the app asks plugins, on its way to their host: in order, no more at a time than a host takes, and to the host that serves. What no
// host has got waits for the next one; what a host has got is not sent again, since it may have acted.

import { performance } from 'node:perf_hooks';

import type { RawBody } from './control/incoming.ts';
import { NotFoundError, TimeoutError, isCodedError } from './errors.ts';
import type { HostRun, SupervisedWorker } from './host-run.ts';
import type { PluginCall, RequestSettings } from './plugin-protocol.ts';
import { failureOf } from './plugin-protocol.ts';
import type { ServingHosts } from './serving-hosts.ts';

/** By the workers' pids, the oldest worker first. */
export type PluginAnswers = ReadonlyMap<number, RawBody>;

export type PendingOptions = RequestSettings & { readonly pluginId: string; readonly isNotification: boolean };

/** What is asked once. It becomes one part for each instance that is asked. */
type Pending = PendingOptions & {
	readonly call: PluginCall;
	readonly answers: Map<number, RawBody>;
	readonly deadline: number;
	/** Parts that are not answered. Undefined: it is not known yet whom to ask. */
	open: number | undefined;
	/** Undefined: it waits for nothing more. */
	settle: ((error: Error | undefined) => void) | undefined;
};

type Part = { readonly pending: Pending; readonly worker: SupervisedWorker | undefined };

/** What a host has got and not dealt with. */
type Load = { requests: number; bytes: number };

const maxRequests = 64;
const maxBytes = 4 * 1024 * 1024;
/** A plugin that never answers blocks its host's places for so long at least, however little time the app gives it. */
const placeHeldMs = 5_000;

export class PluginRequests {
	readonly #hosts: ServingHosts;
	readonly #pending = new Set<Pending>();
	readonly #loads = new WeakMap<HostRun, Load>();
	/** Those that no host has got, in order. */
	#waiting: readonly Part[] = [];

	constructor(hosts: ServingHosts) {
		this.#hosts = hosts;
		hosts.on('change', () => this.#sendWaiting());
	}

	/** Resolves with all answers; of a notification, when its hosts have it. Rejects with the first that fails. */
	send(call: PluginCall, options: PendingOptions): Promise<PluginAnswers> {
		const { promise, resolve, reject } = Promise.withResolvers<PluginAnswers>();
		const { timeoutMs } = options;
		const answers = new Map<number, RawBody>();
		const pending: Pending = {
			...{ ...options, call, answers, deadline: performance.now() + timeoutMs, open: undefined },
			settle: (error) => {
				pending.settle = undefined;
				clearTimeout(timer);
				this.#pending.delete(pending);

				if (error) {
					reject(error);
				} else {
					resolve(answers);
				}
			},
		};
		const timer = setTimeout(() => pending.settle?.(lateError(pending)), timeoutMs);

		this.#pending.add(pending);
		this.#waiting = [...this.#waiting, { pending, worker: undefined }];
		this.#sendWaiting();

		return promise;
	}

	/** Whatever is pending, of all plugins or of one. */
	rejectAll(error: Error, pluginId?: string): void {
		for (const pending of [...this.#pending]) {
			if (pluginId === undefined || pending.pluginId === pluginId) {
				pending.settle?.(error);
			}
		}
	}

	#sendWaiting(): void {
		if (this.#waiting.length > 0) {
			const full = new Set<HostRun>();

			this.#waiting = this.#waiting.flatMap((part) => this.#advance(part, full));
		}
	}

	/** What still waits of it. Nothing overtakes what a full host has no room for. */
	#advance({ pending, worker }: Part, full: Set<HostRun>): readonly Part[] {
		if (!pending.settle) {
			return [];
		}
		if (!worker) {
			return this.#spread(pending, full);
		}

		const run = this.#hosts.of(worker);

		if (!this.#hosts.workers.includes(worker)) {
			pending.settle(noInstance(pending, `worker ${worker.pid} is gone`));

			return [];
		}
		if (!run || full.has(run) || !this.#hasRoom(run, pending)) {
			if (run) {
				full.add(run);
			}

			return [{ pending, worker }];
		}
		void this.#sendTo(run, worker, pending);

		return [];
	}

	#spread(pending: Pending, full: Set<HostRun>): readonly Part[] {
		const { workerPid } = pending;
		const isMeant = ({ pid }: SupervisedWorker): boolean => workerPid === undefined || pid === workerPid;

		if (!this.#hosts.workers.some(isMeant)) {
			pending.settle?.(noInstance(pending, workerPid === undefined ? 'there is no worker' : `there is no worker ${workerPid}`));

			return [];
		}

		const workers = this.#hosts.servedWorkers.filter(isMeant);

		if (workers.length === 0) {
			return [{ pending, worker: undefined }];
		}
		pending.open = workers.length;

		return workers.flatMap((worker) => this.#advance({ pending, worker }, full));
	}

	#hasRoom(run: HostRun, { call, isNotification }: Pending): boolean {
		const { requests, bytes } = this.#loads.get(run) ?? { requests: 0, bytes: 0 };

		return (isNotification || requests < maxRequests) && bytes + bytesOf(call) <= maxBytes;
	}

	async #sendTo(run: HostRun, worker: SupervisedWorker, pending: Pending): Promise<void> {
		const { call, pluginId, isNotification, deadline } = pending;
		const fields = { ...call, pluginId, workerPid: worker.pid, shard: 0 };
		const load = this.#loads.get(run) ?? { requests: 0, bytes: 0 };

		this.#loads.set(run, load);
		load.requests += isNotification ? 0 : 1;
		load.bytes += bytesOf(call);

		try {
			if (isNotification) {
				await run.host.notify(fields);
			} else {
				const reply = await run.host.ask(fields, Math.max(deadline - performance.now(), placeHeldMs));

				if (reply.failed) {
					throw failureOf(call.method, worker.pid, reply);
				}
				pending.answers.set(worker.pid, reply);
			}
			pending.open!--;

			if (pending.open === 0) {
				pending.settle?.(undefined);
			}
		} catch (error) {
			const isLate = isCodedError(error) && error.code === 'MPH_ERR_TIMEOUT';

			pending.settle?.(isLate ? lateError(pending) : (error as Error));
		} finally {
			load.requests -= isNotification ? 0 : 1;
			load.bytes -= bytesOf(call);
			this.#sendWaiting();
		}
	}
}

function bytesOf({ method, body }: PluginCall): number {
	return method.length + (body?.length ?? 0);
}

function lateError({ call, timeoutMs, isNotification, open }: Pending): TimeoutError {
	const what = isNotification ? `notification "${call.method}" could not be sent` : `request "${call.method}" was not answered`;

	return new TimeoutError('MPH_ERR_REQUEST_TIMEOUT', `${what} within ${timeoutMs} ms${open === undefined ? '; there was no host that it could be sent to' : ''}`);
}

function noInstance({ call }: Pending, why: string): NotFoundError {
	return new NotFoundError('MPH_ERR_NO_INSTANCE', `"${call.method}" cannot be sent: ${why}`);
}
