// How our schemas become C++ headers. The worker build hands these options to meson, `generate.ts` uses them for the host: both sides of a
// ring are compiled from the same text.

/** Upstream's own options, so that our generated code reads like the one next to it. */
export const flatcCppOptions: readonly string[] = [
	'--cpp',
	'--cpp-std',
	'c++17',
	'--cpp-field-case-style',
	'lower',
	'--reflect-names',
	'--scoped-enums',
	'--filename-suffix',
	'',
];
