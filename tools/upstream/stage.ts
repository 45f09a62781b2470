// Sets upstream's compiled tests up outside of node_modules, where jest neither looks for tests nor maps modules, and adds what the
// npm tarball lacks.

import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { repoRoot } from '../lib/paths.ts';

const packageDir = join(repoRoot, 'node_modules/mediasoup');

/** Returns the directory in which mediasoup stands as it does in node_modules; its dependencies are found further up. */
export function stageUpstream(): string {
	const stageDir = join(repoRoot, 'build/upstream/mediasoup');

	rmSync(stageDir, { recursive: true, force: true });
	for (const entry of ['package.json', 'node/lib']) {
		cpSync(join(packageDir, entry), join(stageDir, entry), { recursive: true });
	}
	makeCertificate(join(stageDir, 'node/lib/test/data'));

	return stageDir;
}

/** `createWorker()` is tried with a certificate of its own, which is in upstream's repository only. */
function makeCertificate(dataDir: string): void {
	const key = join(dataDir, 'dtls-key.pem');
	const certificate = join(dataDir, 'dtls-cert.pem');

	if (!existsSync(certificate)) {
		mkdirSync(dataDir, { recursive: true });
		execFileSync(
			'openssl',
			['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '30', '-subj', '/CN=test', '-keyout', key, '-out', certificate],
			{ stdio: ['ignore', 'ignore', 'pipe'] },
		);
	}
}
