import t from 'tap';

import type { AttachOptions } from '../../src/attach-options.ts';
import { parseAttachOptions } from '../../src/attach-options.ts';
import { defaults } from '../../src/defaults.ts';
import { StandInRouter } from '../helpers/stand-in-worker.ts';

const router = new StandInRouter('router-1');
const chosen = { onTimeout: 'accept', onAbsent: 'drop', onOverflow: 'drop', onError: 'drop' };

const wrongType = (message: RegExp) => ({ name: 'InvalidOptionError', code: 'MPH_ERR_OPTION_TYPE', message });
const wrongValue = (message: RegExp) => ({ name: 'InvalidOptionError', code: 'MPH_ERR_OPTION_VALUE', message });

t.test('what is left out is as the defaults say', async (t) => {
	const settings = parseAttachOptions({ router });

	t.match(settings, { ...defaults.attach, contextJson: '{}', appData: {} });
	t.same([settings.targets, settings.spatialLayers, settings.temporalLayers, settings.wholeFrames], [undefined, undefined, undefined, false]);
});

t.test('what is given arrives', async (t) => {
	const options = {
		...{ router, kinds: ['video'], dataProducers: true, pipe: true, mode: 'filter', order: -3, deadlineMs: 2.5, ...chosen, security: true },
		...{ copy: 'headers', keyFramesOnly: true, spatialLayers: [0, 7], temporalLayers: [1], every: 3, subscribe: true, wholeFrames: false },
		...{ context: { room: 42 }, appData: { a: 1 } },
	};

	t.match(parseAttachOptions(options), { ...options, contextJson: '{"room":42}' });
	t.equal(parseAttachOptions({ router, audioLevel: -127 }).audioLevel, -127);
});

t.test('a target is needed', async (t) => {
	t.throws(() => parseAttachOptions({}), wrongType(/option "router" is missing; it must be a mediasoup Router \(or give a producerId, producerIds, dataProducerId or dataProducerIds\)/));
	t.throws(() => parseAttachOptions({ router: 'router-1' }), wrongType(/"router" must be a mediasoup Router/));
	t.throws(() => parseAttachOptions({ router: {} }), wrongType(/"router"/));
	t.throws(() => parseAttachOptions({ producerId: '' }), wrongValue(/option "producerId"/));
	t.throws(() => parseAttachOptions({ dataProducerId: 5 }), wrongType(/option "dataProducerId" is 5/));
});

t.test('one producer ends its attachment, those of a list do not', async (t) => {
	const targetsOf = (options: object) => parseAttachOptions({ ...chosen, mode: 'filter', ...options }).targets;
	const targets = { producerIds: [], dataProducerIds: [], keepWithoutTargets: true };

	t.same(targetsOf({ producerId: 'p' }), { ...targets, producerIds: ['p'], keepWithoutTargets: false });
	t.same(targetsOf({ dataProducerId: 'd', router }), { ...targets, dataProducerIds: ['d'], keepWithoutTargets: false });
	t.same(targetsOf({ producerIds: ['p', 'q', 'p'] }), { ...targets, producerIds: ['p', 'q'] });
	t.same(targetsOf({ producerIds: ['p'], dataProducerIds: ['d'] }), { ...targets, producerIds: ['p'], dataProducerIds: ['d'] });
});

t.test('an empty list is one where the router is known', async (t) => {
	t.same(parseAttachOptions({ router, producerIds: [] }).targets, { producerIds: [], dataProducerIds: [], keepWithoutTargets: true });
	t.throws(() => parseAttachOptions({ producerIds: [] }), wrongType(/option "router" is missing; it must be a mediasoup Router, as nothing in "producerIds" says which/));
});

t.test('a single target stands alone', async (t) => {
	t.throws(() => parseAttachOptions({ producerId: 'p', dataProducerId: 'd', ...chosen }), wrongValue(/option "dataProducerId" is 'd'; it must be left out next to "producerId"/));
	t.throws(() => parseAttachOptions({ producerId: 'p', producerIds: ['q'] }), wrongValue(/option "producerIds" is \[ 'q' \]; it must be left out next to "producerId"/));
});

t.test('a list of targets is one of ids', async (t) => {
	for (const producerIds of ['p', { 0: 'p' }, 5]) {
		t.throws(() => parseAttachOptions({ router, producerIds }), wrongType(/option "producerIds" is .*; it must be an array of ids/));
	}
	for (const producerIds of [[''], ['p', 5], [{ id: 'p' }], [,]]) {
		t.throws(() => parseAttachOptions({ router, producerIds }), wrongValue(/option "producerIds" is .*; it must be an array of ids/));
	}
});

t.test('what selects among the producers of a router has no use where targets are named', async (t) => {
	t.throws(() => parseAttachOptions({ producerId: 'p', kinds: ['video'] }), wrongValue(/option "kinds" .* left out where targets are named/));
	t.throws(() => parseAttachOptions({ producerId: 'p', dataProducers: false }), wrongValue(/option "dataProducers" is false; .* left out where targets are named/));
});

t.test('kinds are audio, video or both, in any order, and none only with data', async (t) => {
	t.same(parseAttachOptions({ router, kinds: ['video', 'audio'] }).kinds, ['audio', 'video']);
	t.throws(() => parseAttachOptions({ router, kinds: [] }), wrongValue(/option "kinds"/));
	t.throws(() => parseAttachOptions({ router, kinds: ['data'] }), wrongValue(/option "kinds"/));
	t.throws(() => parseAttachOptions({ router, kinds: 'audio' }), wrongType(/option "kinds"/));
	t.same(parseAttachOptions({ router, kinds: [], dataProducers: true, onAbsent: 'accept', onOverflow: 'accept' }).kinds, []);
});

t.test('modes and policies are of the known ones', async (t) => {
	t.throws(() => parseAttachOptions({ router, mode: 'mirror' }), wrongValue(/option "mode" is 'mirror'; it must be "observe" or "filter" or "divert"/));
	t.throws(() => parseAttachOptions({ router, mode: 1 }), wrongType(/option "mode"/));
	t.throws(() => parseAttachOptions({ router, mode: 'filter', onAbsent: 'hold' }), wrongValue(/option "onAbsent"/));
	t.throws(() => parseAttachOptions({ router, mode: 'filter', onError: 'throw' }), wrongValue(/option "onError" is 'throw'; it must be "accept" or "drop"/));
	t.throws(() => parseAttachOptions({ router, pipe: 'yes' }), wrongType(/option "pipe"/));
	t.throws(() => parseAttachOptions({ router, order: 1.5 }), wrongValue(/option "order"/));
	t.throws(() => parseAttachOptions({ router, order: 2 ** 31 }), wrongValue(/option "order"/));
});

t.test('a deadline is above 0 and at most ten seconds', async (t) => {
	for (const deadlineMs of [0, -1, -0.5, 10_001, Infinity, NaN, 0.0001]) {
		t.throws(() => parseAttachOptions({ router, deadlineMs }), wrongValue(/option "deadlineMs" is .*from 0\.001 to 10000/));
	}
	t.throws(() => parseAttachOptions({ router, deadlineMs: '10' }), wrongType(/option "deadlineMs" is '10'/));
	t.equal(parseAttachOptions({ router, deadlineMs: 10_000 }).deadlineMs, 10_000);
});

t.test('an observer cannot drop, and is told why', async (t) => {
	for (const policy of ['onTimeout', 'onAbsent', 'onOverflow', 'onError']) {
		t.throws(() => parseAttachOptions({ router, [policy]: 'drop' }), wrongValue(new RegExp(`option "${policy}".*never holds one back.*filter`)));
		t.match(parseAttachOptions({ router, [policy]: 'accept' }), { [policy]: 'accept' });
	}
});

t.test('data, divert and security must choose what happens to what the plugin does not decide', async (t) => {
	const both = /options "onAbsent", "onOverflow" must be chosen \("accept" or "drop"\)/;
	const all = /options "onTimeout", "onAbsent", "onOverflow", "onError" must be chosen/;

	for (const [options, missing, reason] of [
		[{ router, dataProducers: true, mode: 'filter' }, all, /an attachment to data producers has no default/],
		[{ router, dataProducers: true }, both, /an attachment to data producers has no default/],
		[{ dataProducerId: 'd' }, both, /an attachment to data producers has no default/],
		[{ router, dataProducerIds: [], mode: 'filter' }, all, /an attachment to data producers has no default/],
		[{ router, mode: 'divert' }, both, /mode "divert" has no default/],
		[{ router, mode: 'filter', security: true }, all, /an attachment for security has no default/],
		[{ router, security: true }, both, /an attachment for security has no default/],
	] as const) {
		t.throws(() => parseAttachOptions(options), wrongType(missing));
		t.throws(() => parseAttachOptions(options), wrongType(reason));

		const three = { onAbsent: 'accept', onTimeout: 'accept', onError: 'accept' };

		t.throws(() => parseAttachOptions({ ...options, ...three }), wrongType(/option "onOverflow" must be chosen/));
		t.match(parseAttachOptions({ ...options, ...three, onOverflow: 'accept' }), { notChosen: [] });
	}
	t.match(parseAttachOptions({ router, mode: 'divert', onAbsent: 'drop', onOverflow: 'drop' }), { mode: 'divert', onAbsent: 'drop', onOverflow: 'drop' });
	t.throws(
		() => parseAttachOptions({ dataProducerId: 'd', mode: 'filter', onAbsent: 'drop', onTimeout: 'drop', onOverflow: 'drop' }),
		wrongType(/option "onError" must be chosen/),
	);
	t.same(parseAttachOptions({ router, mode: 'filter', onAbsent: 'drop' }).notChosen, ['onTimeout', 'onOverflow', 'onError'], 'others need not choose, and it is known');
});

t.test('how much is copied is one of three', async (t) => {
	for (const copy of ['full', 'headers', 'meta']) {
		t.equal(parseAttachOptions({ router, copy }).copy, copy);
	}
	t.throws(() => parseAttachOptions({ router, copy: 'none' }), wrongValue(/option "copy" is 'none'; it must be "full" or "headers" or "meta"/));
	t.throws(() => parseAttachOptions({ router, copy: true }), wrongType(/option "copy"/));
});

t.test('layers are from 0 to 7, each once and in order', async (t) => {
	t.match(parseAttachOptions({ router, spatialLayers: [7, 0, 7], temporalLayers: [2] }), { spatialLayers: [0, 7], temporalLayers: [2] });
	for (const name of ['spatialLayers', 'temporalLayers']) {
		for (const layers of [[], [-1], [8], [0.5], ['1'], [null], [,]]) {
			t.throws(() => parseAttachOptions({ router, [name]: layers }), wrongValue(new RegExp(`option "${name}" is .*one or more whole numbers from 0 to 7`)));
		}
		t.throws(() => parseAttachOptions({ router, [name]: 1 }), wrongType(new RegExp(`option "${name}" is 1`)));
	}
});

t.test('every n-th packet is at least every one', async (t) => {
	for (const every of [0, -1, 1.5, 2 ** 32, NaN]) {
		t.throws(() => parseAttachOptions({ router, every }), wrongValue(/option "every" is .*a whole number of packets from 1 to 4294967295/));
	}
	t.throws(() => parseAttachOptions({ router, every: '2' }), wrongType(/option "every"/));
});

t.test('an audio level is from 0 to -127 dBov', async (t) => {
	for (const audioLevel of [1, -128, -0.5, NaN, 30]) {
		t.throws(() => parseAttachOptions({ router, audioLevel }), wrongValue(/option "audioLevel" is .*a whole number of dBov from -127 to 0/));
	}
});

t.test('what selects among packets of one kind needs that kind', async (t) => {
	for (const [name, value] of [['keyFramesOnly', true], ['spatialLayers', [0]], ['temporalLayers', [0]], ['wholeFrames', true]] as const) {
		const noVideo = wrongValue(new RegExp(`option "${name}" is .*left out where no video is meant`));

		t.throws(() => parseAttachOptions({ router, mode: 'filter', kinds: ['audio'], [name]: value }), noVideo);
		t.throws(() => parseAttachOptions({ dataProducerId: 'd', mode: 'filter', ...chosen, [name]: value }), noVideo);
		t.match(parseAttachOptions({ router, mode: 'filter', producerIds: [], dataProducerIds: [], ...chosen, [name]: value }), { [name]: value });
	}
	t.throws(() => parseAttachOptions({ router, kinds: ['video'], audioLevel: -30 }), wrongValue(/option "audioLevel" is -30; it must be left out where no audio is meant/));
	t.match(parseAttachOptions({ router, kinds: ['audio'], keyFramesOnly: false, audioLevel: -30 }), { keyFramesOnly: false, audioLevel: -30 });
});

t.test('frames are kept whole by a filter unless it says otherwise, and by no observer', async (t) => {
	t.ok(parseAttachOptions({ router, mode: 'filter' }).wholeFrames);
	t.notOk(parseAttachOptions({ router, mode: 'filter', wholeFrames: false }).wholeFrames);
	t.notOk(parseAttachOptions({ router, mode: 'divert', onAbsent: 'drop', onOverflow: 'drop' }).wholeFrames);
	t.throws(() => parseAttachOptions({ router, wholeFrames: true }), wrongValue(/option "wholeFrames" is true; it must be false in mode "observe", which drops nothing/));
	t.throws(() => parseAttachOptions({ router, wholeFrames: 1 }), wrongType(/option "wholeFrames"/));
});

t.test('a DirectTransport is the only target, and all of it is meant', async (t) => {
	const transport = { id: 't', closed: false, type: 'direct' } as const;
	const policies = { onAbsent: 'accept', onOverflow: 'accept' } as const;

	t.match(parseAttachOptions({ transport, ...policies }), { transport, mode: 'divert', targets: undefined, dataProducers: false });
	t.throws(() => parseAttachOptions({ transport }), wrongType(/options "onAbsent", "onOverflow" must be chosen/));
	for (const other of [{ ...transport, type: 'webrtc' }, 't', { id: 't', type: 'direct' }]) {
		t.throws(() => parseAttachOptions({ transport: other, ...policies }), wrongType(/option "transport"/));
	}
	for (const mode of ['observe', 'filter']) {
		t.throws(() => parseAttachOptions({ transport, mode, ...policies }), wrongValue(/option "mode" is .*"divert" next to "transport"/));
	}
	for (const [name, value] of [['producerId', 'p'], ['dataProducerIds', ['d']], ['kinds', ['audio']], ['every', 2], ['subscribe', true], ['wholeFrames', true]] as const) {
		t.throws(() => parseAttachOptions({ transport, ...policies, [name]: value }), wrongValue(new RegExp(`option "${name}" is .*left out next to "transport"`)));
	}
});

t.test('the types allow what is allowed', async (t) => {
	const allowed: readonly AttachOptions[] = [
		{ router },
		{ router, producerId: 'p' },
		{ producerId: 'p' },
		{ producerIds: ['p'], dataProducerIds: ['d'], onAbsent: 'accept', onOverflow: 'accept' },
		{ router, producerIds: [], mode: 'divert', onAbsent: 'drop', onOverflow: 'drop' },
		{ dataProducerId: 'd', onAbsent: 'accept', onOverflow: 'accept' },
	];
	// @ts-expect-error A target is needed.
	const none: AttachOptions = { mode: 'filter' };

	for (const options of allowed) {
		t.doesNotThrow(() => parseAttachOptions(options));
	}
	t.throws(() => parseAttachOptions(none));
});
