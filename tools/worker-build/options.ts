// What can be chosen about a worker build, and how it is written on the command line.

import { parseArgs } from 'node:util';

/**
 * patched  the product: hooks and overlay
 * stock    upstream as it is, plus the fixes that it needs on this system; to compare with
 * no-tap   patched, with the tap compiled out (MPH_NO_TAP): a test that passes with it tests nothing
 * asan     patched, under AddressSanitizer and UndefinedBehaviorSanitizer
 */
export const variants = ['patched', 'stock', 'no-tap', 'asan'] as const;
export type Variant = (typeof variants)[number];

/**
 * worker           mediasoup-worker
 * upstream-tests   upstream's C++ tests (Catch2)
 * upstream-fuzzer  upstream's fuzzer (libFuzzer; built by clang, under AddressSanitizer and UndefinedBehaviorSanitizer)
 * overlay-tests    our tests of the overlay in upstream's style (test/overlay), linked with the very objects of the worker
 */
export const targets = ['worker', 'upstream-tests', 'upstream-fuzzer', 'overlay-tests'] as const;
export type Target = (typeof targets)[number];

/** system: the distribution's libraries. wrap: upstream's own downloads, which need internet access. */
export const depsModes = ['system', 'wrap'] as const;
export type DepsMode = (typeof depsModes)[number];

export type WorkerBuildOptions = {
	readonly variant: Variant;
	readonly deps: DepsMode;
	/** Further macros for the C++ compiler, `NAME` or `NAME=value`. */
	readonly defines: readonly string[];
	/** None: the worker. */
	readonly target?: Target;
};

export type CommandLine = WorkerBuildOptions & { readonly printPath: boolean };

export const usage = `usage: node tools/build-worker.ts [--variant ${variants.join('|')}] [--deps ${depsModes.join('|')}] [--target ${targets.join('|')}] [--define NAME[=VALUE]]... [--print-path]`;

export function parseCommandLine(args: string[]): CommandLine {
	const { values } = parseArgs({
		args,
		options: {
			variant: { type: 'string', default: 'patched' },
			deps: { type: 'string', default: 'system' },
			target: { type: 'string', default: 'worker' },
			define: { type: 'string', multiple: true, default: [] },
			'print-path': { type: 'boolean', default: false },
		},
	});

	for (const define of values.define) {
		if (!/^[A-Za-z_]\w*(=.*)?$/.test(define)) {
			throw new TypeError(`--define "${define}" is not NAME or NAME=VALUE`);
		}
	}

	const variant = oneOf('--variant', variants, values.variant);
	const target = oneOf('--target', targets, values.target);

	if (target === 'overlay-tests' && variant === 'stock') {
		throw new TypeError('--target overlay-tests: the stock worker has no overlay; choose another --variant');
	}

	return {
		variant,
		deps: oneOf('--deps', depsModes, values.deps),
		target,
		defines: values.define.toSorted(),
		printPath: values['print-path'],
	};
}

/** All macros of a build: the variant's own and those asked for. */
export function macrosOf(options: WorkerBuildOptions): string[] {
	return options.variant === 'no-tap' ? ['MPH_NO_TAP', ...options.defines] : [...options.defines];
}

function oneOf<T extends string>(option: string, choices: readonly T[], value: string): T {
	const choice = choices.find((candidate) => candidate === value);

	if (choice === undefined) {
		throw new TypeError(`${option} "${value}" is none of ${choices.join(', ')}`);
	}

	return choice;
}
