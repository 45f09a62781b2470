// What a thread prints goes to the process's descriptor at once. By way of Node's main thread, as Node would have it, it would be lost with a
// process that dies.

import { writeSync } from 'node:fs';
import type { Writable } from 'node:stream';

type Chunk = { readonly chunk: string | Uint8Array; readonly encoding: BufferEncoding };
type Writev = (chunks: Chunk[], callback: (error?: Error | null) => void) => void;

/** `stream`: a worker thread's own stdout or stderr. */
export function writeDirectly(stream: Writable, fd: number): void {
	const viaMainThread = stream._writev!.bind(stream);
	const writev: Writev = (chunks, callback) => {
		const bytes = Buffer.concat(chunks.map(({ chunk, encoding }) => (typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk)));
		const rest = bytes.subarray(writeWhatFits(fd, bytes));

		if (rest.length === 0) {
			callback();
		} else {
			viaMainThread([{ chunk: rest, encoding: 'buffer' as BufferEncoding }], callback);
		}
	};

	stream._writev = writev;
}

/** How many bytes are of no concern any more: the app that does not read must not hold up a plugin, one that is gone wants none. */
function writeWhatFits(fd: number, bytes: Uint8Array): number {
	let written = 0;

	try {
		while (written < bytes.length) {
			written += writeSync(fd, bytes, written);
		}
	} catch (error) {
		return (error as NodeJS.ErrnoException).code === 'EAGAIN' ? written : bytes.length;
	}

	return written;
}
