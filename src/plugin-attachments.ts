// One plugin's attachments: how they come about, and what becomes of all of them when the host goes or the plugin closes.

import type { AppData } from 'mediasoup/types';

import type { AttachOptions } from './attach-options.ts';
import { parseAttachOptions } from './attach-options.ts';
import { Attachment } from './attachment.ts';
import type { HostDiedError } from './errors.ts';
import { TimeoutError } from './errors.ts';
import type { HostUnit } from './host-unit.ts';
import type { Logger } from './logger.ts';
import type { Topology } from './topology.ts';

export type PluginAttachmentsOptions = {
	readonly pluginId: string;
	readonly unit: HostUnit;
	readonly topology: Topology;
	readonly logger: Logger;
	readonly timeoutMs: number;
	/** For messages. */
	readonly name: () => string;
	/** Throws when nothing can be attached now. */
	readonly assertUsable: (call: string) => void;
};

export class PluginAttachments {
	readonly #options: PluginAttachmentsOptions;
	readonly #all = new Map<string, Attachment>();
	/** Those that wait to become active for the first time. */
	readonly #starting = new Set<Attachment>();

	constructor(options: PluginAttachmentsOptions) {
		this.#options = options;
	}

	get ids(): readonly string[] {
		return [...this.#all.keys()];
	}

	/** Whether a host serves all of them; those that start wait for nothing. */
	get areServed(): boolean {
		return [...this.#all.values()].every((attachment) => attachment.active || this.#starting.has(attachment));
	}

	/** Resolves when it is active. */
	async attach<AttachmentAppData extends AppData>(options: AttachOptions<AttachmentAppData>): Promise<Attachment<AttachmentAppData>> {
		const { pluginId, unit, topology, logger, timeoutMs, name, assertUsable } = this.#options;
		const settings = parseAttachOptions(options);

		assertUsable('attach()');

		const place = topology.placeOfTargets(settings);

		await place.link.ready();
		assertUsable('attach()');
		await unit.introduced(place.link);
		assertUsable('attach()');

		// It may have closed while we waited.
		if (place.router.closed) {
			topology.placeOf(place.router);
		}

		const attachment = new Attachment<AttachmentAppData>({ id: pluginId, unitId: unit.id }, place, settings, logger);

		this.#all.set(attachment.id, attachment);
		this.#starting.add(attachment);
		attachment.on('@close', () => this.#onClosed(attachment));
		attachment.on('@active', () => unit.lookIfServed());

		try {
			await attachment.start(
				() =>
					new TimeoutError(
						'MPH_ERR_TIMEOUT',
						`attachment to router ${place.router.id} did not become active within ${timeoutMs} ms; the host of ${name()} is ${unit.state}`,
					),
				timeoutMs,
			);
		} finally {
			this.#starting.delete(attachment);
		}

		return attachment;
	}

	hostLost(): void {
		for (const attachment of [...this.#all.values()]) {
			attachment.hostLost();
		}
	}

	/** No host is on its way for those that wait for one. */
	hostEnded(error: HostDiedError): void {
		for (const attachment of [...this.#starting]) {
			attachment.fail(error);
		}
	}

	/** Resolves when the workers have let go of them; never rejects. */
	async pluginClosed(): Promise<void> {
		await Promise.all([...this.#all.values()].map((attachment) => attachment.pluginClosed()));
	}

	#onClosed(attachment: Attachment): void {
		this.#all.delete(attachment.id);
		// It may be the last one that was waited for.
		this.#options.unit.lookIfServed();
	}
}
