import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import t from 'tap';

import { parseAttachOptions } from '../../src/attach-options.ts';
import { defaults } from '../../src/defaults.ts';
import { parsePluginHostOptions, parsePluginOptions, parseRingSizes, parseUpgradeOptions } from '../../src/options.ts';
import { StandInRouter, standInMediasoup } from '../helpers/stand-in-worker.ts';

const mediasoup = standInMediasoup();
const router = new StandInRouter('router-1');

const unknownOption = (message: RegExp) => ({ name: 'InvalidOptionError', code: 'MPH_ERR_UNKNOWN_OPTION', message });
const wrongType = (message: RegExp) => ({ name: 'InvalidOptionError', code: 'MPH_ERR_OPTION_TYPE', message });
const wrongValue = (message: RegExp) => ({ name: 'InvalidOptionError', code: 'MPH_ERR_OPTION_VALUE', message });

t.test('bad options are TypeErrors', async (t) => {
	for (const options of [undefined, { router, bogus: 1 }, { router, deadlineMs: -1 }]) {
		try {
			parseAttachOptions(options);
			t.fail('it threw nothing');
		} catch (error) {
			t.ok(error instanceof TypeError);
		}
	}
});

t.test('an unknown option is named, and so are those that exist', async (t) => {
	t.throws(() => parseAttachOptions({ router, deadline: 5 }), unknownOption(/attach\(\): unknown option "deadline"; known are .*deadlineMs/));
	t.throws(() => parsePluginOptions({ file: 'a.so', warm: true }), unknownOption(/createPlugin\(\): unknown option "warm"/));
	t.throws(() => parsePluginHostOptions({ mediasoup, tmp: '/tmp' }), unknownOption(/createPluginHost\(\): unknown option "tmp"/));
	t.throws(() => parseRingSizes({ ringSize: 1 }), unknownOption(/configureRouter\(\): unknown option "ringSize"/));
});

t.test('options must be an object', async (t) => {
	for (const options of [undefined, null, 'x', 5, [], () => {}]) {
		t.throws(() => parsePluginHostOptions(options), wrongType(/options are .*must be an object/));
	}
});

t.test('an option of undefined counts as absent', async (t) => {
	t.match(parseAttachOptions({ router, mode: undefined, deadlineMs: undefined }), { mode: 'observe', deadlineMs: 10 });
});

t.test('what is left out is as the defaults say', async (t) => {
	t.match(parsePluginOptions({ file: 'a.so' }), { configJson: '{}', crashBudget: defaults.crashBudget, placement: defaults.placement, appData: {} });
	t.match(parsePluginOptions({ file: 'a.so' }), { standby: defaults.standby, hangMs: defaults.hangMs, memoryLimit: 0, limits: {} });
	t.match(parsePluginHostOptions({ mediasoup }), { timeoutMs: defaults.timeoutMs, dir: undefined, hostUser: undefined, crashDir: join(tmpdir(), 'mediasoup-plugin-host-crashes') });
	t.same(parseRingSizes({}), { packetRingSize: 0, verdictRingSize: 0 });
});

t.test('the mediasoup module is needed and recognised', async (t) => {
	t.throws(() => parsePluginHostOptions({}), wrongType(/option "mediasoup" is missing; it must be the mediasoup module/));
	t.throws(() => parsePluginHostOptions({ mediasoup: { version: '3' } }), wrongType(/"mediasoup"/));
	t.throws(() => parsePluginHostOptions({ mediasoup: 'mediasoup' }), wrongType(/"mediasoup" is 'mediasoup'/));
});

t.test('a logger may lack levels but not have wrong ones', async (t) => {
	const lines: string[] = [];
	const { logger } = parsePluginHostOptions({ mediasoup, logger: { warn: (line: string) => lines.push(line) } });

	logger.debug('nobody hears it');
	logger.warn('hot');
	t.same(lines, ['hot']);
	t.throws(() => parsePluginHostOptions({ mediasoup, logger: { warn: 'loud' } }), wrongType(/option "logger"/));
	parsePluginHostOptions({ mediasoup, logger: console });
});

t.test('a plugin file is a path or a file: URL', async (t) => {
	t.equal(parsePluginOptions({ file: '/a/b.so' }).file, '/a/b.so');
	t.equal(parsePluginOptions({ file: 'b.so' }).file, `${process.cwd()}/b.so`);
	t.equal(parsePluginOptions({ file: pathToFileURL('/a/b c.so') }).file, '/a/b c.so');
	t.throws(() => parsePluginOptions({}), wrongType(/option "file" is missing/));
	t.throws(() => parsePluginOptions({ file: 5 }), wrongType(/option "file" is 5/));
	t.throws(() => parsePluginOptions({ file: '' }), wrongValue(/option "file" is ''/));
	t.throws(() => parsePluginOptions({ file: new URL('http://host/b.so') }), wrongValue(/file: URL/));
});

t.test('config and context must be expressible in JSON', async (t) => {
	const circle: Record<string, unknown> = {};

	circle['self'] = circle;
	t.throws(() => parsePluginOptions({ file: 'a.so', config: circle }), wrongType(/option "config" .*JSON/));
	t.throws(() => parsePluginOptions({ file: 'a.so', config: { big: 1n } }), wrongType(/option "config" .*JSON/));
	t.throws(() => parseAttachOptions({ router, context: () => {} }), wrongType(/option "context" .*JSON/));
	t.throws(() => parseAttachOptions({ router, context: 'x'.repeat(600_000) }), wrongValue(/at most 524288 bytes/));
	t.equal(parsePluginOptions({ file: 'a.so', config: [1, 'two', null] }).configJson, '[1,"two",null]');
});

t.test('a placement is one of three', async (t) => {
	for (const placement of ['auto', 'shared', 'isolated']) {
		t.equal(parsePluginOptions({ file: 'a.so', placement }).placement, placement);
	}
	for (const placement of ['', 'Shared', 'none']) {
		t.throws(
			() => parsePluginOptions({ file: 'a.so', placement }),
			wrongValue(/createPlugin\(\): option "placement" is '.*'; it must be "auto" or "shared" or "isolated"/),
		);
	}
	for (const placement of [0, true, ['shared']]) {
		t.throws(() => parsePluginOptions({ file: 'a.so', placement }), wrongType(/option "placement"/));
	}
});

t.test('a ring size is a power of two within the limits', async (t) => {
	t.same(parseRingSizes({ packetRingSize: 262_144, verdictRingSize: 2 ** 30 }), { packetRingSize: 262_144, verdictRingSize: 2 ** 30 });
	t.throws(() => parseRingSizes({ packetRingSize: 300_000 }), wrongValue(/option "packetRingSize" is 300000; .*262144 or 524288/));
	for (const size of [0, -262_144, 131_072, 2 ** 31, 262_144.5, NaN]) {
		t.throws(() => parseRingSizes({ verdictRingSize: size }), wrongValue(/option "verdictRingSize"/));
	}
	t.throws(() => parseRingSizes({ packetRingSize: '4 MiB' }), wrongType(/option "packetRingSize"/));
});

t.test('appData must be an object', async (t) => {
	t.throws(() => parseAttachOptions({ router, appData: 'mine' }), wrongType(/option "appData"/));
	t.throws(() => parsePluginOptions({ file: 'a.so', appData: [] }), wrongType(/option "appData"/));
});

t.test('a standby is wanted or not', async (t) => {
	t.ok(parsePluginOptions({ file: 'a.so', standby: true }).standby);
	t.throws(() => parsePluginOptions({ file: 'a.so', standby: 1 }), wrongType(/option "standby" is 1; it must be true or false/));
});

t.test('a hang takes from a tenth of a second to ten minutes', async (t) => {
	for (const hangMs of [100, 600_000]) {
		t.equal(parsePluginOptions({ file: 'a.so', hangMs }).hangMs, hangMs);
	}
	for (const hangMs of [0, 99, 100.5, 600_001, Infinity]) {
		t.throws(() => parsePluginOptions({ file: 'a.so', hangMs }), wrongValue(/option "hangMs" is .*a whole number of milliseconds from 100 to 600000/));
	}
});

t.test('a memory limit leaves room for the host itself', async (t) => {
	t.equal(parsePluginOptions({ file: 'a.so', memoryLimit: 2 ** 33 }).memoryLimit, 2 ** 33);
	for (const memoryLimit of [0, 2 ** 24 - 1, -1, 2 ** 24 + 0.5]) {
		t.throws(() => parsePluginOptions({ file: 'a.so', memoryLimit }), wrongValue(/option "memoryLimit" is .*bytes from 16777216/));
	}
});

t.test('a user for hosts is two numbers, and not root', async (t) => {
	t.same(parsePluginHostOptions({ mediasoup, hostUser: { uid: 65_534, gid: 65_534 } }).hostUser, { uid: 65_534, gid: 65_534 });
	t.throws(() => parsePluginHostOptions({ mediasoup, hostUser: 'nobody' }), wrongType(/option "hostUser" is 'nobody'/));
	for (const hostUser of [{}, { uid: 1 }, { gid: 1 }, { uid: 0, gid: 1 }, { uid: 1, gid: 0 }, { uid: 1, gid: -1 }, { uid: 2 ** 32 - 1, gid: 1 }, { uid: 1.5, gid: 1 }, { uid: 1, gid: 1, name: 'x' }]) {
		t.throws(() => parsePluginHostOptions({ mediasoup, hostUser }), wrongValue(/option "hostUser" is .*a user and of a group other than root/));
	}
});

t.test('the directory for crashes is absolute from then on', async (t) => {
	t.equal(parsePluginHostOptions({ mediasoup, crashDir: 'crashes' }).crashDir, `${process.cwd()}/crashes`);
	t.throws(() => parsePluginHostOptions({ mediasoup, crashDir: 5 }), wrongType(/option "crashDir" is 5/));
});

t.test('an upgrade changes what it names and nothing else', async (t) => {
	t.same(parseUpgradeOptions({}), {});
	t.same(parseUpgradeOptions({ file: '/a/b.so' }), { file: '/a/b.so' });
	t.same(parseUpgradeOptions({ config: { n: 1 } }), { config: { n: 1 }, configJson: '{"n":1}' });
	t.throws(() => parseUpgradeOptions({ standby: true }), unknownOption(/upgrade\(\): unknown option "standby"; known are file, config/));
	t.throws(() => parseUpgradeOptions(undefined), wrongType(/upgrade\(\): options are undefined/));
});

t.test('counts and times are within their ranges', async (t) => {
	t.throws(() => parsePluginOptions({ file: 'a.so', crashBudget: 0 }), wrongValue(/option "crashBudget"/));
	t.throws(() => parsePluginOptions({ file: 'a.so', crashBudget: 1.5 }), wrongValue(/option "crashBudget".*whole number/));
	t.throws(() => parsePluginHostOptions({ mediasoup, timeoutMs: 0 }), wrongValue(/option "timeoutMs".*above 0/));
});

t.test('limits are named by their whole path', async (t) => {
	const limited = (limits: unknown) => () => parsePluginOptions({ file: 'a.so', limits });

	t.same(limited({ packetsPerSecond: 1, bytesPerSecond: 2 ** 32 - 1 })().limits, { packetsPerSecond: 1, bytesPerSecond: 2 ** 32 - 1 });
	t.same(limited({ bytesPerSecond: 5 })().limits, { bytesPerSecond: 5 }, 'what is left out is left to the worker');
	t.throws(limited(5), wrongType(/option "limits" is 5; it must be an object/));
	t.throws(limited({ packets: 5 }), unknownOption(/unknown option "limits\.packets"; known are packetsPerSecond, bytesPerSecond/));
	t.throws(limited({ packetsPerSecond: '5' }), wrongType(/option "limits\.packetsPerSecond" is '5'/));
	for (const packetsPerSecond of [0, -1, 0.5, 2 ** 32, NaN]) {
		t.throws(limited({ packetsPerSecond }), wrongValue(/option "limits\.packetsPerSecond" is .*a whole number of packets from 1 to 4294967295/));
	}
});

t.test('options for scripts are checked', async (t) => {
	const parse = (options: object): unknown => parsePluginOptions({ file: '/a.ts', ...options });

	t.match(parse({}), { execArgv: [], threadLimits: {}, watch: false, dev: true });
	t.match(parse({ execArgv: ['--cpu-prof', '--inspect=0'], threadLimits: { stackSizeMb: 2 }, dev: false, watch: true }), {
		...{ execArgv: ['--cpu-prof', '--inspect=0'], threadLimits: { stackSizeMb: 2 }, dev: false, watch: true },
	});

	for (const [options, code, message] of [
		[{ execArgv: '--cpu-prof' }, 'MPH_ERR_OPTION_TYPE', /"execArgv" is '--cpu-prof'/],
		[{ execArgv: ['--require', './x.js'] }, 'MPH_ERR_OPTION_VALUE', /behind its "="/],
		[{ execArgv: ['--'] }, 'MPH_ERR_OPTION_VALUE', /"execArgv"/],
		[{ threadLimits: { heapMb: 1 } }, 'MPH_ERR_UNKNOWN_OPTION', /"threadLimits\.heapMb"; known are maxOldGenerationSizeMb/],
		[{ threadLimits: { stackSizeMb: 0 } }, 'MPH_ERR_OPTION_VALUE', /"threadLimits\.stackSizeMb" is 0/],
		[{ memoryLimit: 2 ** 30 }, 'MPH_ERR_OPTION_VALUE', /"memoryLimit" is 1073741824, and \/a\.ts is a script: .*threadLimits/],
		[{ watch: 1 }, 'MPH_ERR_OPTION_TYPE', /"watch" is 1/],
		[{ dev: 'yes' }, 'MPH_ERR_OPTION_TYPE', /"dev" is 'yes'/],
	] as const) {
		t.throws(() => parse(options), { code, message });
	}
});
