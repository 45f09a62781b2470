// Requests, notifications and messages of a plugin in TypeScript are checked by the compiler; `npm run typecheck` is what fails here.

import t from 'tap';

import type { PluginHost } from '../../src/plugin-host.ts';
import { definePlugin, eventTypes } from '../../src/plugin/index.ts';
import type { StandardSchema } from '../../src/plugin/index.ts';
import type { Plugin } from '../../src/plugin.ts';

type Schema = StandardSchema<{ packetsPerSecond: number }, { packetsPerSecond: number }>;

const throttle = definePlugin({
	config: { '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value: value as { packetsPerSecond: number } }) } } as Schema,
	events: eventTypes<{ throttled: { room: string }; level: number }>(),
	setup() {
		return {
			requests: {
				setLimit: (body: { limit: number }) => ({ was: body.limit }),
				flush: async () => 5,
			},
		};
	},
});
const open = definePlugin({ setup: () => ({ onRequest: (method: string) => method }) });

const file = 'throttle.ts';

t.test('a plugin is what its definition says', async (t) => {
	const use = async (pluginHost: PluginHost): Promise<unknown[]> => {
		const plugin = await pluginHost.createPlugin<typeof throttle>({ file, config: { packetsPerSecond: 5 } });

		plugin.on('message', (message) => {
			if (message.name === 'throttled') {
				message.body.room satisfies string;
				// @ts-expect-error It has a room alone.
				message.body.level;
			}
			// @ts-expect-error There is none of that name.
			return message.name === 'silence';
		});

		return [
			plugin.request('setLimit', { limit: 5 }) satisfies Promise<{ was: number }>,
			plugin.request('flush') satisfies Promise<number>,
			plugin.notify('setLimit', { limit: 5 }),
			plugin.upgrade({ config: { packetsPerSecond: 6 } }),
			// @ts-expect-error A limit is a number.
			plugin.request('setLimit', { limit: '5' }),
			// @ts-expect-error There is none of that name.
			plugin.request('setLimits', { limit: 5 }),
			// @ts-expect-error Nor is there such a notification.
			plugin.notify('setLimits', { limit: 5 }),
			// @ts-expect-error The configuration has another field.
			plugin.upgrade({ config: { perSecond: 6 } }),
			// @ts-expect-error Likewise.
			pluginHost.createPlugin<typeof throttle>({ file, config: { packetsPerSecond: '5' } }),
			// @ts-expect-error Options are what they are for all plugins.
			pluginHost.createPlugin<typeof throttle>({ file, bogus: 1 }),
		];
	};

	t.type(use, 'function');
});

t.test('what a definition leaves open may be anything', async (t) => {
	const use = async (pluginHost: PluginHost): Promise<unknown[]> => {
		const plugin = await pluginHost.createPlugin<typeof open>({ file, config: { any: 'thing' } });

		plugin.on('message', ({ name, body }) => [name satisfies string, body satisfies unknown]);

		return [plugin.request('whatever', { n: 1 }) satisfies Promise<unknown>, plugin.notify('whatever', 5)];
	};

	t.type(use, 'function');
});

t.test('without a definition types are as they were', async (t) => {
	const use = async (pluginHost: PluginHost): Promise<unknown[]> => [
		(await pluginHost.createPlugin({ file, config: { n: 1 } })) satisfies Plugin<{ n: number }>,
		(await pluginHost.createPlugin<{ n: number }>({ file, config: { n: 1 } })) satisfies Plugin<{ n: number }>,
		(await pluginHost.createPlugin<{ n: number }, { mine: boolean }>({ file, appData: { mine: true } })).appData.mine satisfies boolean,
		// @ts-expect-error It is a number.
		pluginHost.createPlugin<{ n: number }>({ file, config: { n: '1' } }),
	];

	t.type(use, 'function');
});
