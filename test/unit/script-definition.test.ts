import t from 'tap';
import { z } from 'zod';

import { isPluginDefinition } from '../../src/plugin/define-plugin.ts';
import type { PluginConfig, PluginRequests, PostedEvents } from '../../src/plugin/index.ts';
import { definePlugin, eventTypes } from '../../src/plugin/index.ts';
import type { StandardSchema } from '../../src/plugin/index.ts';

/** `limit` is text for the app and a number for the plugin. */
const schema: StandardSchema<{ limit: string }, { limit: number }> = {
	'~standard': { version: 1, vendor: 'test', validate: (value) => ({ value: { limit: Number((value as { limit: string }).limit) } }) },
};

const typed = definePlugin({
	config: schema,
	events: eventTypes<{ speech: { from: number } }>(),
	setup({ config, post }) {
		let limit: number = config.limit;

		return {
			requests: {
				setLimit(body: { limit: number }) {
					limit = body.limit;
					post('speech', { from: limit });

					return { was: limit };
				},
				async flush(): Promise<number> {
					return limit;
				},
			},
		};
	},
});

t.test('a definition carries the types of its configuration, requests and events', async (t) => {
	type Requests = PluginRequests<typeof typed>;

	const config: PluginConfig<typeof typed> = { limit: '5' };
	const body: Requests['setLimit']['body'] = { limit: 3 };
	const answer: Requests['setLimit']['answer'] = { was: 3 };
	const later: Requests['flush']['answer'] = 5;
	const event: PostedEvents<typeof typed>['speech'] = { from: 1 };

	// @ts-expect-error: it is text for the app.
	const wrongConfig: PluginConfig<typeof typed> = { limit: 5 };
	// @ts-expect-error: there is no such request.
	const unknown: Requests['setLimits'] = undefined;
	// @ts-expect-error: its limit is a number.
	const wrongBody: Requests['setLimit']['body'] = { limit: '3' };

	const untyped = definePlugin({ setup: () => ({ onRequest: () => 1 }) });
	const any: PluginRequests<typeof untyped>['whatever']['body'] = { of: 'any kind' };

	t.ok(any);
	t.ok([config, body, answer, later, event, wrongConfig, unknown ?? true, wrongBody].every(Boolean));
	t.ok(isPluginDefinition(typed));
	definePlugin({
		events: eventTypes<{ speech: number }>(),
		setup({ post }) {
			// @ts-expect-error: its body is a number.
			const wrong = (): unknown => post('speech', 'text');
			// @ts-expect-error: there is no such event.
			const none = (): unknown => post('silence', 1);

			t.equal([wrong, none].length, 2);

			return {};
		},
	});
});

t.test('settings have defaults, and are checked', async (t) => {
	const setup = (): object => ({});

	t.match(definePlugin({ setup }), { name: undefined, version: '0.0.0', maxPending: 1_024, errorBudget: 100, tickMs: 100, config: undefined });
	t.match(definePlugin({ setup, name: 'n', version: '1', maxPending: 1, errorBudget: 2, tickMs: 3 }), {
		...{ name: 'n', version: '1', maxPending: 1, errorBudget: 2, tickMs: 3 },
	});

	for (const [source, code, message] of [
		[{ setup, bogus: 1 }, 'MPH_ERR_UNKNOWN_OPTION', /^definePlugin\(\): unknown option "bogus"; known are name, version/],
		[{ setup: 5 }, 'MPH_ERR_OPTION_TYPE', /"setup" is 5; it must be a function/],
		[{}, 'MPH_ERR_OPTION_TYPE', /"setup" is missing/],
		[{ setup, config: {} }, 'MPH_ERR_OPTION_TYPE', /"config" is {}; it must be a Standard Schema/],
		[{ setup, maxPending: 0 }, 'MPH_ERR_OPTION_VALUE', /"maxPending" is 0/],
		[{ setup, tickMs: 1.5 }, 'MPH_ERR_OPTION_VALUE', /"tickMs" is 1.5/],
		[setup, 'MPH_ERR_OPTION_TYPE', /options are/],
	] as const) {
		t.throws(() => definePlugin(source as never), { code, message });
	}
});

t.test('a schema of zod is one', async (t) => {
	const config = z.object({ packetsPerSecond: z.number().positive(), burst: z.number().default(5) });
	const throttle = definePlugin({
		config,
		setup: ({ config: { packetsPerSecond, burst } }) => {
			const limit: number = packetsPerSecond + burst;

			return { onPacket: () => (limit > 0 ? 'accept' : 'drop') };
		},
	});
	const given: PluginConfig<typeof throttle> = { packetsPerSecond: 3 };

	t.same(await throttle.config!['~standard'].validate(given), { value: { packetsPerSecond: 3, burst: 5 } });
	t.match(await throttle.config!['~standard'].validate({ packetsPerSecond: -3 }), { issues: [{ path: ['packetsPerSecond'], message: String }] });
});
