// What changes in a call while packets flow: streams, receivers, attachments and plugins come and go.

import type { Plugin } from '../../src/index.ts';
import { fixturePlugin } from '../helpers/binaries.ts';
import type { Call } from './call.ts';
import { type Part, attach } from './cast.ts';

export type Changes = {
	readonly call: Call;
	readonly createPlugin: (options: { readonly file: string }) => Promise<Plugin>;
	readonly diverter: Part;
	/** Its host may stand still, and nothing is attached by such a one. */
	readonly sleeper: Part;
	readonly pick: (below: number) => number;
};

/** Makes one change after the other, in random order. */
export async function change({ call, createPlugin, diverter, sleeper, pick }: Changes): Promise<void> {
	const stream = call.streams[pick(call.streams.length)]!;
	const parts = [...call.attachments.keys()];
	const part = parts[pick(parts.length)];
	const attachment = part && call.attachments.get(part);

	switch (pick(9)) {
		case 0:
			// Of one that is diverted the attachment's figures would go with it.
			if (!stream.wasDiverted) {
				await call.openStream();
				await call.cutStream(stream);
			}

			return;
		case 1:
			await call.settle();
			if (call.attachments.has(diverter)) {
				await call.detach(diverter);
			}
			call.closeStream(stream);
			await call.openStream();
			call.flow();

			return;
		case 2:
		case 3:
			await call.addVisitor(stream);

			return;
		case 4:
			call.removeVisitor();

			return;
		case 5:
			if (part && part !== diverter && part !== sleeper) {
				await replaceAttachment(call, part);
			}

			return;
		case 6:
			await attachment?.pause();
			await attachment?.resume();

			return;
		case 7:
			await receiveGuest(call, await createPlugin({ file: fixturePlugin('accept-all') }));

			return;
		default:
			if (call.attachments.has(diverter)) {
				await call.settle();
				await call.detach(diverter);
				call.flow();
			} else {
				await call.divert(diverter, stream);
			}
	}
}

/** Of one that drops nothing under traffic, of another one while nothing flows. One of the two comes back under traffic. */
async function replaceAttachment(call: Call, part: Part): Promise<void> {
	if (part.drops === undefined) {
		await call.detach(part);
	} else {
		await call.settle();
		await call.detach(part);
		call.flow();
	}
	await call.attach(part);
}

/** A plugin that comes, lets everything pass, and goes with packets in its hands. */
async function receiveGuest(call: Call, plugin: Plugin): Promise<void> {
	await attach({ name: 'guest', plugin, mode: 'filter', deadlineMs: 8_000, drops: undefined, takesData: true, attachments: new Set() }, call.router);
	plugin.close();
}
