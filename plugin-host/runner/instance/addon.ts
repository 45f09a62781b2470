// The part of mph_host.node that an instance uses.

import type * as AddonModule from '../../addon/addon.d.ts';

export type { BatchArrays, DataOut, InstanceInfo, PluginEvent, ReceivedRtp, RtpOut } from '../../addon/addon.d.ts';

export type Addon = Omit<typeof AddonModule, 'startHost' | 'openHost' | 'abandonThread' | 'runThread' | 'takeTurn' | 'created' | 'createFailed'>;

/** mph_result, as far as it is looked at here. */
export const Result = { ok: 0, full: 1, unknown: 2, invalid: 3 } as const;

export const logLevels = { debug: 0, info: 1, warn: 2, error: 3 } as const;
