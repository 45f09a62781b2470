#!/bin/sh
# The package's "bin": a checkout runs TypeScript, an installed package what was compiled of it.
tools=$(dirname "$(readlink -f "$0")")

if [ -f "$tools/cli.ts" ]; then
	exec "$tools/cli.ts" "$@"
fi
exec node "$tools/../dist/tools/package/cli.js" "$@"
