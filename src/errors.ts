// Everything that this library throws carries a stable `code`; the message names the thing, its value and what to do. Bad options are
// TypeErrors, as mediasoup's own are; everything else descends from PluginHostError.

/** Every code with what it stands for. Tests iterate over it: a code without a case that triggers it fails. */
export const errorCodes = {
	MPH_ERR_UNKNOWN_OPTION: 'an option that does not exist was given',
	MPH_ERR_OPTION_TYPE: 'an option has the wrong type, or a required one is missing',
	MPH_ERR_OPTION_VALUE: 'an option has a value that makes no sense or is out of range',
	MPH_ERR_PLATFORM: 'this platform has no plugin host',
	MPH_ERR_DIR: 'the directory for the sockets cannot be made or written to',
	MPH_ERR_WORKER_BIN: 'the patched mediasoup worker binary is not there',
	MPH_ERR_HOST_BIN: 'what hosts are run by is not there or cannot be run: the native host, or the runner and addon for scripts',
	MPH_ERR_STOCK_WORKER: 'the worker does not support plugins',
	MPH_ERR_VERSION_MISMATCH: 'the worker and the mediasoup module are of different versions',
	MPH_ERR_PROTOCOL_VERSION: 'the worker or host speaks another version of the control protocol',
	MPH_ERR_PROTOCOL: 'the worker or host sent something that is not the control protocol',
	MPH_ERR_WORKER_REFUSED: 'the worker refused a request',
	MPH_ERR_WORKER_BUDGET: "the worker's budget of descriptors, bytes or connections is used up",
	MPH_ERR_WORKER_CLOSED: 'the worker closed or died',
	MPH_ERR_ROUTER_CLOSED: 'the router is closed',
	MPH_ERR_ROUTER_NOT_FOUND: 'the router belongs to no adopted worker',
	MPH_ERR_PRODUCER_NOT_FOUND: 'no router has a producer with that id',
	MPH_ERR_PRODUCER_CLOSED: 'the producer closed in the meantime',
	MPH_ERR_DATA_PRODUCER_NOT_FOUND: 'no router has a data producer with that id',
	MPH_ERR_DATA_PRODUCER_CLOSED: 'the data producer closed in the meantime',
	MPH_ERR_TRANSPORT_NOT_FOUND: 'no router has a DirectTransport with that id',
	MPH_ERR_TRANSPORT_CLOSED: 'the transport closed in the meantime',
	MPH_ERR_NOT_TARGETED: 'the attachment is to a whole router and has no targets to be added or removed',
	MPH_ERR_RING_SIZE: 'a message of a data producer can be too long for the packet ring',
	MPH_ERR_CLOSED: 'the plugin host, plugin or attachment is closed',
	MPH_ERR_ALREADY_OPEN: 'this process has an open plugin host already',
	MPH_ERR_PLUGIN_FILE: 'the plugin file is missing or cannot be loaded',
	MPH_ERR_PLUGIN_ABI: 'the plugin was built for another version of the plugin ABI',
	MPH_ERR_PLUGIN_CREATE: "the plugin's create function failed; of a script: it cannot be imported, its schema refuses the config, or setup() failed",
	MPH_ERR_PLUGIN_KIND: 'the host of the group runs shared objects alone, and the plugin is a script',
	MPH_ERR_HOST_DIED: 'the host process ended',
	MPH_ERR_QUARANTINED: 'the plugin is quarantined, because its hosts died again and again',
	MPH_ERR_BUSY: 'a restart or upgrade of the plugin is under way',
	MPH_ERR_HOST_USER: 'hosts cannot be run under another user',
	MPH_ERR_TIMEOUT: 'a worker or host did not answer in time',
	MPH_ERR_NO_INSTANCE: 'the plugin has no instance there that could be asked',
	MPH_ERR_REQUEST_TIMEOUT: 'the plugin did not answer a request in time',
	MPH_ERR_REQUEST_FAILED: 'the plugin answered that a request failed',
	MPH_ERR_VIEW_EXPIRED: 'a packet or message was used after the callback that it was given to',
	MPH_ERR_VERDICT: 'a plugin returned what is no verdict',
} as const satisfies Record<`MPH_ERR_${string}`, string>;

export type ErrorCode = keyof typeof errorCodes;

/** What all errors of this library have in common, InvalidOptionError included. */
export interface CodedError extends Error {
	readonly code: ErrorCode;
}

export class PluginHostError extends Error implements CodedError {
	override readonly name: string = 'PluginHostError';
	readonly code: ErrorCode;

	constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
		super(message, options);
		this.code = code;
	}
}

/** A bad option. It is a TypeError and hence no PluginHostError. */
export class InvalidOptionError extends TypeError implements CodedError {
	override readonly name: string = 'InvalidOptionError';
	readonly code: ErrorCode;

	constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
		super(message, options);
		this.code = code;
	}
}

/** This machine, this worker or this kind of plugin cannot do what was asked for. */
export class UnsupportedError extends PluginHostError {
	override readonly name = 'UnsupportedError';
}

export class NotFoundError extends PluginHostError {
	override readonly name = 'NotFoundError';
}

/** What was called is closed, or what it was called with. */
export class InvalidStateError extends PluginHostError {
	override readonly name = 'InvalidStateError';
}

/** A ring is too small for what it is to carry. */
export class RingSizeError extends PluginHostError {
	override readonly name = 'RingSizeError';
}

export class DirectoryError extends PluginHostError {
	override readonly name = 'DirectoryError';
}

export class ProtocolError extends PluginHostError {
	override readonly name = 'ProtocolError';
}

export class WorkerRefusedError extends PluginHostError {
	override readonly name = 'WorkerRefusedError';
}

export class PluginLoadError extends PluginHostError {
	override readonly name = 'PluginLoadError';
}

export class PluginCreateError extends PluginHostError {
	override readonly name = 'PluginCreateError';
}

export class HostDiedError extends PluginHostError {
	override readonly name = 'HostDiedError';
}

/** What was asked of a plugin came to nothing; its own words are in the message. */
export class RequestFailedError extends PluginHostError {
	override readonly name = 'RequestFailedError';
}

export class TimeoutError extends PluginHostError {
	override readonly name = 'TimeoutError';
}

/** Whether `error` comes from this library, so that its `code` can be switched upon. */
export function isCodedError(error: unknown): error is CodedError {
	return (error instanceof PluginHostError || error instanceof InvalidOptionError) && Object.hasOwn(errorCodes, error.code);
}
