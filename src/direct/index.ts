// DirectTransport on rings: docs/direct-transport.md.

export { createDirectTransport } from './direct-transport.ts';
