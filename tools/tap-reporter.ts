// Turns a TAP stream into what a person wants to read: a line for each test file that passed, everything about what failed. It counts
// assertions; the line that TAP closes a subtest with repeats what was counted inside, so it counts only if it alone failed (a time-out,
// a crash, a missing plan).

import type { Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { inspect } from 'node:util';

import { Parser, type Result } from 'tap-parser';

export type Counts = { passed: number; failed: number };

/** Diagnostics that repeat what the reader sees anyway, or that no reader needs. */
const dullDiagnostics = new Set(['stack', 'tapCaller', 'externalID', 'args', 'command', 'cwd', 'stdio', 'compare', 'type']);

export async function reportTap(input: Readable, output: Writable): Promise<Counts> {
	const parser = new Parser();
	const counts: Counts = { passed: 0, failed: 0 };

	watch(parser, [], counts, output);
	input.on('data', (chunk: Buffer) => parser.write(chunk));
	await finished(input);
	await new Promise<void>((done) => {
		parser.once('complete', () => done());
		parser.end();
	});

	return counts;
}

function watch(parser: Parser, path: readonly string[], counts: Counts, output: Writable): void {
	let countsBeforeChild = { ...counts };
	let lastChild: Parser | undefined;

	parser.on('child', (child: Parser) => {
		countsBeforeChild = { ...counts };
		lastChild = child;
		watch(child, [...path, child.name], counts, output);
	});

	parser.on('assert', (result: Result) => {
		const name = [...path, result.name].filter((part) => part !== '').join(' › ');

		if (result.skip) {
			output.write(`skip ${name}${result.skip === true ? '' : ` (${result.skip})`}\n`);
		} else if (result.closingTestPoint) {
			const failedInside = counts.failed - countsBeforeChild.failed;

			if (!result.ok && !result.todo && failedInside === 0) {
				++counts.failed;
				writeFailure(output, [name, ...protocolErrorsOf(lastChild)].join(': '), result.diag);
			} else if (result.ok && path.length === 0) {
				const passedInside = counts.passed - countsBeforeChild.passed;

				output.write(`ok   ${name} (${passedInside} passed${result.time === null ? '' : `, ${(result.time / 1000).toFixed(1)} s`})\n`);
			}
		} else if (result.ok || result.todo) {
			++counts.passed;
		} else {
			++counts.failed;
			writeFailure(output, name, result.diag);
		}
	});

	if (path.length === 0) {
		parser.on('complete', () => {
			for (const error of protocolErrorsOf(parser)) {
				++counts.failed;
				writeFailure(output, error, undefined);
			}
		});
		parser.on('bailout', (reason: string) => {
			++counts.failed;
			writeFailure(output, `bail out: ${reason}`, undefined);
		});
	}

	// What a test prints is shown as it comes: without it a failure on another machine cannot be understood.
	parser.on('extra', (text: string) => output.write(text));
}

/** What makes a stream bad TAP although no assertion failed in it, for example that it ends before its plan does. */
function protocolErrorsOf(parser: Parser | undefined): string[] {
	return (parser?.failures ?? []).filter((failure) => !('ok' in failure)).map(({ tapError }) => String(tapError));
}

function writeFailure(output: Writable, name: string, diagnostics: unknown): void {
	output.write(`FAIL ${name}\n`);

	if (typeof diagnostics !== 'object' || diagnostics === null) {
		return;
	}

	const { stack } = diagnostics as { stack?: unknown };

	for (const [key, value] of Object.entries(diagnostics)) {
		if (!dullDiagnostics.has(key)) {
			writeIndented(output, key, value);
		}
	}
	if (stack !== undefined) {
		writeIndented(output, 'stack', stack);
	}
}

function writeIndented(output: Writable, key: string, value: unknown): void {
	const text = typeof value === 'string' ? value : inspect(value, { depth: 10, breakLength: 100 });
	const lines = text.trimEnd().split('\n');

	output.write(lines.length === 1 ? `     ${key}: ${lines[0]}\n` : `     ${key}:\n${lines.map((line) => `       ${line}\n`).join('')}`);
}
