// Where the library's own words go: to whoever the app names, else nowhere. `console` and pino's loggers fit as they are.

export interface Logger {
	debug(message: string): void;
	info(message: string): void;
	warn(message: string): void;
	error(message: string): void;
}

export type LogLevel = keyof Logger;

export const logLevels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

/** Levels that the app left out are dropped. */
export function completeLogger(logger: Partial<Logger> = {}): Logger {
	return {
		debug: (message) => logger.debug?.(message),
		info: (message) => logger.info?.(message),
		warn: (message) => logger.warn?.(message),
		error: (message) => logger.error?.(message),
	};
}
