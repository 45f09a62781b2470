#!/usr/bin/env -S sh -c 'exec "$(dirname "$(readlink -f "$0")")/../node_modules/.bin/node" "$0" "$@"'
// npx mediasoup-plugin-host in a checkout. Its first line finds the Node that the repository's set-up has installed, whatever Node the machine has. Each
// command is a module of its own in tools/cli; tools/package/cli.ts is the same for an installed package.

import { build } from './cli/build.ts';
import { drill } from './cli/drill.ts';
import { replay } from './cli/replay.ts';
import { runCommand } from './cli/run-command.ts';

// Not by process.exitCode: after a failure there may be children that would keep us alive.
process.exit(await runCommand({ build, drill, replay }, process.argv.slice(2)));
