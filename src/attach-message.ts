// An attachment in the words of the control protocol.

import type { AttachSettings, AttachmentMode, CopyAmount, Policy } from './attach-options.ts';
import type { Outgoing, TargetFields } from './control/outgoing.ts';
import { Copy, Mode, Policy as PolicyCode } from './generated/control.js';

/** Workers know the plugin as a member of what one host runs. */
export type AttachmentOwner = { readonly id: string; readonly unitId: string };

const modeCodes: Readonly<Record<AttachmentMode, Mode>> = { observe: Mode.Observe, filter: Mode.Filter, divert: Mode.Divert };
const policyCodes: Readonly<Record<Policy, PolicyCode>> = { accept: PolicyCode.Accept, drop: PolicyCode.Drop };
const copyCodes: Readonly<Record<CopyAmount, Copy>> = { full: Copy.Full, headers: Copy.Headers, meta: Copy.Meta };

/** `targets` are those of now. */
export function attachMessage(
	{ id, owner, routerId, targets }: { readonly id: string; readonly owner: AttachmentOwner; readonly routerId: string; readonly targets: TargetFields | undefined },
	settings: AttachSettings,
): Outgoing['Attach'] {
	// What is named is meant whatever it is.
	const isTargeted = targets !== undefined || settings.transport !== undefined;

	return {
		attachmentId: id,
		pluginId: owner.unitId,
		member: owner.id,
		...{ routerId, targets, transportId: settings.transport?.id },
		audio: isTargeted || settings.kinds.includes('audio'),
		video: isTargeted || settings.kinds.includes('video'),
		data: isTargeted || settings.dataProducers,
		pipe: isTargeted || settings.pipe,
		mode: modeCodes[settings.mode],
		order: settings.order,
		deadlineUs: Math.round(settings.deadlineMs * 1000),
		onTimeout: policyCodes[settings.onTimeout],
		onAbsent: policyCodes[settings.onAbsent],
		onOverflow: policyCodes[settings.onOverflow],
		onError: policyCodes[settings.onError],
		context: settings.contextJson,
		copy: copyCodes[settings.copy],
		keyFramesOnly: settings.keyFramesOnly,
		spatialLayers: bitsOf(settings.spatialLayers),
		temporalLayers: bitsOf(settings.temporalLayers),
		everyNth: settings.every,
		audioLevel: -settings.audioLevel,
		subscribe: settings.subscribe,
		wholeFrames: settings.wholeFrames,
	};
}

/** Bit i: layer i; 0: all. */
function bitsOf(layers: readonly number[] = []): number {
	return layers.reduce((bits, layer) => bits | (1 << layer), 0);
}
