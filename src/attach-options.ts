// What the app may pass to attach(): which producers are meant, what is selected of them, and what happens to it.

import type { AppData, DataProducer, DirectTransport, Producer } from 'mediasoup/types';

import type { TargetFields } from './control/outgoing.ts';
import { defaults, maxDeadlineMs } from './defaults.ts';
import { InvalidOptionError } from './errors.ts';
import type { RouterRef } from './options.ts';
import { maxJsonBytes, readRouter } from './options.ts';
import { OptionReader } from './validate.ts';

export type AttachmentMode = 'observe' | 'filter' | 'divert';
export type MediaKind = 'audio' | 'video';
export type Policy = 'accept' | 'drop';
export type CopyAmount = 'full' | 'headers' | 'meta';

export type ProducerRef = Pick<Producer, 'id' | 'closed'>;
export type DataProducerRef = Pick<DataProducer, 'id' | 'closed'>;
export type DirectTransportRef = Pick<DirectTransport, 'id' | 'closed' | 'type'>;

export type AttachOptions<AttachmentAppData extends AppData = AppData> = AttachTarget & {
	/** Of a router: whose packets are meant. Default: both kinds. */
	readonly kinds?: readonly MediaKind[];
	/** Of a router: whether messages of data producers are meant. Default false. */
	readonly dataProducers?: boolean;
	/** Of a router: whether producers on pipe transports are meant, too. With `keepId` they are in two routers. Default false. */
	readonly pipe?: boolean;
	/**
	 * `observe` copies and never waits; `filter` holds each packet until the plugin's verdict; `divert` gives it to the plugin instead of
	 * routing it. Default `observe`; of a transport `divert`, and nothing else.
	 */
	readonly mode?: AttachmentMode;
	/** Lower ones come first in the chain. Default 0. */
	readonly order?: number;
	/** How long a packet may be held (`filter`). Default 10 ms, at most 10,000. */
	readonly deadlineMs?: number;
	/** What happens to a packet whose deadline passed. Default `accept`; data and `security` must choose. */
	readonly onTimeout?: Policy;
	/** What happens while no live host is there. Default `accept`; data, `divert` and `security` must choose. */
	readonly onAbsent?: Policy;
	/** What happens when the ring or the table of held packets is full. Default `accept`; data, `divert` and `security` must choose. */
	readonly onOverflow?: Policy;
	/** What happens to a packet of which the plugin says that it failed at it (`filter`). Default `accept`; data and `security` must choose. */
	readonly onError?: Policy;
	/** That calls are safer with the plugin than without: no policy has a default then. Default false. */
	readonly security?: boolean;
	/** How much of a packet the plugin gets: all, the RTP header, or what is known of it. Default `full`. */
	readonly copy?: CopyAmount;
	/** Of video: packets of key frames only. Default false. */
	readonly keyFramesOnly?: boolean;
	/** Of video: those layers only, 0 to 7; of simulcast the encodings. A packet whose layer is unknown is selected. Default: all. */
	readonly spatialLayers?: readonly number[];
	/** As `spatialLayers`. */
	readonly temporalLayers?: readonly number[];
	/** Every n-th packet of a stream. Default 1. */
	readonly every?: number;
	/** Of audio: packets that are at least that loud, 0 to -127 dBov. One without a level is selected. Default 0: all. */
	readonly audioLevel?: number;
	/** Nothing until the plugin asks for a producer. Default false. */
	readonly subscribe?: boolean;
	/** Of video: the rest of a frame goes with its first packet that is dropped. Default true for `filter`. */
	readonly wholeFrames?: boolean;
	/** Reaches the plugin as JSON. Default `{}`. */
	readonly context?: unknown;
	readonly appData?: AttachmentAppData;
};

type TargetIds = {
	readonly producerId: string;
	readonly dataProducerId: string;
	readonly producerIds: readonly string[];
	readonly dataProducerIds: readonly string[];
};

/**
 * A router (every producer of it, those to come included), or producers and data producers that are named: one, or lists of them. With lists
 * the attachment outlives the last of them. The router follows from what is named, unless that is piped with `keepId` or the lists are empty.
 * Or a DirectTransport: what it would send to the app for its consumers and data consumers goes to the plugin.
 */
export type AttachTarget =
	| ({ readonly router: RouterRef; readonly transport?: DirectTransportRef | undefined } & { readonly [Name in keyof TargetIds]?: TargetIds[Name] | undefined })
	| { readonly router?: undefined; readonly transport: DirectTransportRef }
	| ({ readonly router?: undefined; readonly transport?: undefined } & (
			| Pick<TargetIds, 'producerId'>
			| Pick<TargetIds, 'dataProducerId'>
			| (Pick<TargetIds, 'producerIds'> & Partial<Pick<TargetIds, 'dataProducerIds'>>)
			| (Pick<TargetIds, 'dataProducerIds'> & Partial<Pick<TargetIds, 'producerIds'>>)
	  ));

export type AttachSettings = {
	readonly router: RouterRef | undefined;
	/** Undefined: the router, or the transport. */
	readonly targets: TargetFields | undefined;
	/** The only target, if there is one. */
	readonly transport: DirectTransportRef | undefined;
	readonly kinds: readonly MediaKind[];
	readonly dataProducers: boolean;
	readonly pipe: boolean;
	readonly mode: AttachmentMode;
	readonly order: number;
	readonly deadlineMs: number;
	readonly onTimeout: Policy;
	readonly onAbsent: Policy;
	readonly onOverflow: Policy;
	readonly onError: Policy;
	readonly security: boolean;
	/** Policies without which it cannot mean data producers. */
	readonly notChosen: readonly PolicyName[];
	readonly copy: CopyAmount;
	readonly keyFramesOnly: boolean;
	/** Undefined: all. */
	readonly spatialLayers: readonly number[] | undefined;
	readonly temporalLayers: readonly number[] | undefined;
	readonly every: number;
	readonly audioLevel: number;
	readonly subscribe: boolean;
	readonly wholeFrames: boolean;
	readonly context: unknown;
	readonly contextJson: string;
	readonly appData: AppData;
};

export type PolicyName = 'onTimeout' | 'onAbsent' | 'onOverflow' | 'onError';

type MeantKinds = Pick<AttachSettings, 'kinds' | 'dataProducers'>;

const modes: readonly AttachmentMode[] = ['observe', 'filter', 'divert'];
const mediaKinds: readonly MediaKind[] = ['audio', 'video'];
const policies: readonly Policy[] = ['accept', 'drop'];
const copyAmounts: readonly CopyAmount[] = ['full', 'headers', 'meta'];
const policyNames: readonly PolicyName[] = ['onTimeout', 'onAbsent', 'onOverflow', 'onError'];
const singleTargets = ['producerId', 'dataProducerId'] as const;
const targetLists = ['producerIds', 'dataProducerIds'] as const;
/** What chooses among the producers of a router, or among their packets. */
const choices = ['kinds', 'dataProducers', 'pipe', 'keyFramesOnly', 'spatialLayers', 'temporalLayers', 'every', 'audioLevel', 'subscribe', 'wholeFrames'] as const;
const int32Range = { min: -(2 ** 31), max: 2 ** 31 - 1 };
const uint32Max = 2 ** 32 - 1;

export const maxLayer = 7;
export const quietestDbov = -127;

export function parseAttachOptions(options: unknown): AttachSettings {
	const reader = new OptionReader('attach()', options, [
		...['router', 'transport', ...singleTargets, ...targetLists, 'kinds', 'dataProducers', 'pipe', 'mode', 'order', 'deadlineMs', ...policyNames, 'security'],
		...['copy', 'keyFramesOnly', 'spatialLayers', 'temporalLayers', 'every', 'audioLevel', 'subscribe', 'wholeFrames', 'context', 'appData'],
	]);
	const transport = readTransport(reader);
	const mode = reader.oneOf('mode', modes, transport ? 'divert' : defaults.attach.mode);
	const security = reader.boolean('security', defaults.attach.security);
	const router = reader.has('router') ? readRouter('attach()', reader.value('router')) : undefined;
	const targets = transport ? undefined : readTargets(reader);
	const meant = transport ? kindsOfTransport(reader, mode) : targets ? kindsOfTargets(reader) : readKinds(reader);
	const notChosen = mustChoose(mode).filter((name) => !reader.has(name));
	const reason = reasonToChoose(mode, security, meant);

	if (reason !== undefined && notChosen.length > 0) {
		throw new InvalidOptionError('MPH_ERR_OPTION_TYPE', `attach(): ${whyToChoose(notChosen, reason)}`);
	}

	return {
		...{ router, targets, transport, ...meant, mode, security, notChosen },
		pipe: reader.boolean('pipe', defaults.attach.pipe),
		order: reader.number('order', { ...int32Range, integer: true, unit: 'places' }, defaults.attach.order),
		deadlineMs: reader.number(
			'deadlineMs',
			// The protocol counts microseconds: less than one would be none.
			{ min: 0.001, max: maxDeadlineMs, unit: 'milliseconds' },
			defaults.attach.deadlineMs,
		),
		onTimeout: readPolicy(reader, 'onTimeout', mode),
		onAbsent: readPolicy(reader, 'onAbsent', mode),
		onOverflow: readPolicy(reader, 'onOverflow', mode),
		onError: readPolicy(reader, 'onError', mode),
		...readSelection(reader, meant),
		wholeFrames: readWholeFrames(reader, mode, meant),
		context: reader.value('context') ?? {},
		contextJson: reader.json('context', maxJsonBytes),
		appData: reader.object('appData') ?? {},
	};
}

/** One sentence about policies that have to be chosen and were not. */
export function whyToChoose(notChosen: readonly PolicyName[], reason: string): string {
	const [names, are] = [notChosen.map((name) => `"${name}"`).join(', '), notChosen.length > 1 ? 'options' : 'option'];

	return `${are} ${names} must be chosen ("accept" or "drop"): ${reason} has no default, since nobody but the app can say whether what the plugin does not decide may pass`;
}

function readTargets(reader: OptionReader): TargetFields | undefined {
	const [given, ...more] = [...singleTargets, ...targetLists].filter((name) => reader.has(name));

	if (given === undefined) {
		return reader.has('router')
			? undefined
			: reader.wrongType('router', 'a mediasoup Router (or give a producerId, producerIds, dataProducerId or dataProducerIds)');
	}
	if (more[0] !== undefined && (given === 'producerId' || given === 'dataProducerId')) {
		return reader.wrongValue(more[0], `left out next to "${given}"; several targets are given by "producerIds" and "dataProducerIds"`);
	}

	const producerId = reader.text('producerId', "a producer's id");
	const dataProducerId = reader.text('dataProducerId', "a data producer's id");
	const targets = {
		producerIds: producerId !== undefined ? [producerId] : (readIds(reader, 'producerIds') ?? []),
		dataProducerIds: dataProducerId !== undefined ? [dataProducerId] : (readIds(reader, 'dataProducerIds') ?? []),
		keepWithoutTargets: given === 'producerIds' || given === 'dataProducerIds',
	};

	if (!reader.has('router') && targets.producerIds.length + targets.dataProducerIds.length === 0) {
		return reader.wrongType('router', `a mediasoup Router, as nothing in "${given}" says which one is meant`);
	}

	return targets;
}

function readTransport(reader: OptionReader): DirectTransportRef | undefined {
	if (!reader.has('transport')) {
		return undefined;
	}

	const value = reader.object('transport');

	if (typeof value?.['id'] !== 'string' || typeof value['closed'] !== 'boolean' || value['type'] !== 'direct') {
		return reader.wrongType('transport', 'a mediasoup DirectTransport; packets of others do not pass the app');
	}

	return value as DirectTransportRef;
}

/** All that it sends, whatever that is. */
function kindsOfTransport(reader: OptionReader, mode: AttachmentMode): MeantKinds {
	for (const name of [...singleTargets, ...targetLists, ...choices] as const) {
		if (reader.has(name)) {
			reader.wrongValue(name, 'left out next to "transport"; everything that the transport sends is meant');
		}
	}
	if (mode !== 'divert') {
		reader.wrongValue('mode', '"divert" next to "transport": what a DirectTransport sends goes to the plugin or to the app');
	}

	return { kinds: [], dataProducers: false };
}

function readIds(reader: OptionReader, name: (typeof targetLists)[number]): readonly string[] | undefined {
	return reader.list(name, 'an array of ids', (id): id is string => typeof id === 'string' && id !== '', true);
}

/** Targets that are named are meant whatever they are. */
function kindsOfTargets(reader: OptionReader): MeantKinds {
	for (const name of ['kinds', 'dataProducers']) {
		if (reader.has(name)) {
			reader.wrongValue(name, 'left out where targets are named; it selects among the producers of a router');
		}
	}

	return {
		kinds: reader.has('producerId') || reader.has('producerIds') ? mediaKinds : [],
		dataProducers: reader.has('dataProducerId') || reader.has('dataProducerIds'),
	};
}

function readKinds(reader: OptionReader): MeantKinds {
	const dataProducers = reader.boolean('dataProducers', defaults.attach.dataProducers);
	const isKind = (kind: unknown): kind is MediaKind => mediaKinds.includes(kind as MediaKind);
	const what = `an array of "audio", "video" or both${dataProducers ? ', or an empty one' : ''}`;
	const kinds = reader.list('kinds', what, isKind, dataProducers) ?? defaults.attach.kinds;

	return { dataProducers, kinds: mediaKinds.filter((kind) => kinds.includes(kind)) };
}

/** Only what is held has a deadline, and a verdict to fail at. */
function mustChoose(mode: AttachmentMode): readonly PolicyName[] {
	return mode === 'filter' ? policyNames : ['onAbsent', 'onOverflow'];
}

function reasonToChoose(mode: AttachmentMode, security: boolean, { dataProducers }: MeantKinds): string | undefined {
	if (security) {
		return 'an attachment for security';
	}

	return mode === 'divert' ? 'mode "divert"' : dataProducers ? 'an attachment to data producers' : undefined;
}

function readPolicy(reader: OptionReader, key: PolicyName, mode: AttachmentMode): Policy {
	const policy = reader.oneOf(key, policies, defaults.attach[key]);

	if (mode === 'observe' && policy === 'drop') {
		reader.wrongValue(key, '"accept" in mode "observe", which copies packets and never holds one back; mode "filter" can drop');
	}

	return policy;
}

function readSelection(
	reader: OptionReader,
	{ kinds }: MeantKinds,
): Pick<AttachSettings, 'copy' | 'keyFramesOnly' | 'spatialLayers' | 'temporalLayers' | 'every' | 'audioLevel' | 'subscribe'> {
	const keyFramesOnly = reader.boolean('keyFramesOnly', defaults.attach.keyFramesOnly);
	const audioLevel = reader.number(
		'audioLevel',
		{ min: quietestDbov, max: 0, integer: true, unit: 'dBov' },
		defaults.attach.audioLevel,
	);

	if (!kinds.includes('video')) {
		leftOut(reader, 'video', [keyFramesOnly && 'keyFramesOnly', 'spatialLayers', 'temporalLayers']);
	}
	if (!kinds.includes('audio')) {
		leftOut(reader, 'audio', [audioLevel !== 0 && 'audioLevel']);
	}

	return {
		...{ keyFramesOnly, audioLevel },
		copy: reader.oneOf('copy', copyAmounts, defaults.attach.copy),
		spatialLayers: readLayers(reader, 'spatialLayers'),
		temporalLayers: readLayers(reader, 'temporalLayers'),
		every: reader.number('every', { min: 1, max: uint32Max, integer: true, unit: 'packets' }, defaults.attach.every),
		subscribe: reader.boolean('subscribe', defaults.attach.subscribe),
	};
}

/** What selects nothing but packets of a kind that is not meant. */
function leftOut(reader: OptionReader, kind: MediaKind, names: readonly (string | false)[]): void {
	for (const name of names) {
		if (name !== false && reader.has(name)) {
			reader.wrongValue(name, `left out where no ${kind} is meant`);
		}
	}
}

function readLayers(reader: OptionReader, name: 'spatialLayers' | 'temporalLayers'): readonly number[] | undefined {
	const isLayer = (layer: unknown): layer is number => Number.isInteger(layer) && (layer as number) >= 0 && (layer as number) <= maxLayer;

	return reader.list(name, `an array of one or more whole numbers from 0 to ${maxLayer}`, isLayer)?.toSorted();
}

function readWholeFrames(reader: OptionReader, mode: AttachmentMode, { kinds }: MeantKinds): boolean {
	const wholeFrames = reader.boolean('wholeFrames', mode === 'filter');

	if (wholeFrames && mode === 'observe') {
		reader.wrongValue('wholeFrames', 'false in mode "observe", which drops nothing');
	}
	if (wholeFrames && !kinds.includes('video')) {
		leftOut(reader, 'video', ['wholeFrames']);
	}

	return wholeFrames;
}
