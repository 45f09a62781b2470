// The library's front door. What it offers is described in README.md; what happens behind it in docs/architecture.md.

export * as errors from './errors.ts';
export { createPluginHost } from './plugin-host.ts';
export type * as types from './types.ts';
export type * from './types.ts';
