// What the fixture `witness` wrote down: events of the ring, packets and data messages, in the order in which the plugin heard of them.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { tempDir } from './temp-dir.ts';
import { until } from './until.ts';

export type Heard = {
	readonly event: string;
	readonly kind?: number;
	readonly paused?: boolean;
	readonly transport?: number;
	readonly producer?: number;
	readonly consumer?: number;
	readonly attachment?: number;
	readonly transportId?: string;
	readonly producerId?: string;
	readonly consumerId?: string;
	readonly attachmentId?: string;
	readonly mimeType?: string;
	readonly parameters?: Readonly<Record<string, unknown>>;
	readonly context?: unknown;
	readonly ppid?: number;
	readonly length?: number;
	readonly required?: number;
	readonly ignored?: number;
	readonly subchannels?: readonly number[];
	/** Hexadecimal. */
	readonly bytes?: string;
};

const dir = tempDir();
let count = 0;

export class Witness {
	/** For the plugin's config. */
	readonly file = join(dir, `heard-${++count}`);

	heard(event?: string): Heard[] {
		const lines = existsSync(this.file) ? readFileSync(this.file, 'utf8').split('\n').slice(0, -1) : [];
		const heard = lines.map((line) => JSON.parse(line) as Heard);

		return event === undefined ? heard : heard.filter((line) => line.event === event);
	}

	/** The first one that `matches`, once it was heard. */
	async until(what: string, matches: (heard: Heard) => boolean): Promise<Heard> {
		return until(what, () => this.heard().find(matches));
	}
}
