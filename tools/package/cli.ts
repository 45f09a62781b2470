// npx mediasoup-plugin-host where the package is installed.

import { build } from '../cli/build.ts';
import { replay } from '../cli/replay.ts';
import { runCommand } from '../cli/run-command.ts';

// Its senders, plugins and observers are built with the tests.
const drill = async (): Promise<number> => {
	process.stderr.write('drill is not part of the installed package; run it in a checkout of the repository, with "--plugin" for a plugin of yours (docs/drill.md)\n');

	return 1;
};

process.exit(await runCommand({ build, drill, replay }, process.argv.slice(2)));
