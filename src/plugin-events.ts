// What a plugin tells of its hosts.

import type { EnhancedEventEmitter } from 'mediasoup/extras';

import type { Attachment } from './attachment.ts';
import type { HostCrash } from './crash-report.ts';
import type { HostDiedError } from './errors.ts';
import type { LogLevel } from './logger.ts';
import type { PluginMessage, PluginProtocol } from './plugin-protocol.ts';
import type { HostQuarantine, HostRecovery, HostRestart } from './supervisor-types.ts';

/** What both the plugin and its observer tell. Plugins of a group have their host in common: each tells all of it. */
export type PluginNews = {
	/** The host ended unasked. The next one is there or on its way, unless 'quarantine' or 'died' follows. */
	crash: [HostCrash];
	/** A new host serves all that is attached. */
	recovered: [HostRecovery];
	/** As planned: restart() or upgrade() has succeeded. */
	restarted: [HostRestart];
	/** What was saved does not run; what ran before serves on (option `watch`). */
	reloadfailed: [Error];
	/** A second host is ready to take over (option `standby`). */
	standby: [{ readonly pid: number }];
	/** No host is started any more until release(): `onAbsent` applies. */
	quarantine: [HostQuarantine];
	/** Two hosts died of the same packet: it is skipped from now on. */
	poison: [PoisonReport];
	/** Given up, because not even a process can be started: `onAbsent` applies to what is attached until it is closed. */
	died: [HostDiedError];
};

export type PluginEvents<Protocol extends PluginProtocol = PluginProtocol> = PluginNews & {
	/** What the plugin itself says, from a host that serves. */
	message: [PluginMessage<Protocol>];
	/** Internal. */
	'@close': [];
};

export type PluginObserver = EnhancedEventEmitter<PluginObserverEvents>;

export type PluginObserverEvents = PluginNews & {
	close: [];
	newattachment: [Attachment];
	/** What the plugin logs and its host prints. */
	log: [LogLevel, string];
};

export type PoisonReport = {
	/** The packet and up to 64 before it, as pcapng. Undefined: it could not be written, and the log says why. */
	readonly file: string | undefined;
	readonly routerId: string;
	/** Which died of it last. */
	readonly hostPid: number;
	readonly signal: NodeJS.Signals | null;
};
