// Makes src/generated from our schemas: one module per schema (`control.js`, `layout.js`) with everything that the schema declares.
//
// What flatc 2.0.8 writes cannot be used as it is: its enums are not erasable, so Node refuses them, and its imports name no file
// extension, so ES modules do not find them. The compiler makes JavaScript and declarations of it, which both Node and tsc take.
// Its readers of structs need an object per record, so what reads packets in place has the offsets of their fields instead.
// The C++ headers of the same schemas are made by the builds that include them.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

import { listFiles, writeIfChanged } from './lib/files.ts';
import { repoRoot } from './lib/paths.ts';

const schemaDir = join(repoRoot, 'shm/fbs');
const outputDir = join(repoRoot, 'src/generated');
const stampFile = join(outputDir, '.stamp');

/** Namespace of what is added for flatc's sake and left out of the result. */
const placeholder = 'Placeholder';

export function generate(): void {
	const schemas = listFiles(schemaDir).filter((file) => file.endsWith('.fbs'));
	const stamp = hashOf([...schemas.map((schema) => join(schemaDir, schema)), import.meta.filename, join(repoRoot, 'package-lock.json')]);

	if (readIfThere(stampFile) === stamp) {
		return;
	}

	mkdirSync(join(repoRoot, 'build'), { recursive: true });

	// Inside the checkout, where the compiler finds node_modules.
	const workDir = mkdtempSync(join(repoRoot, 'build/generate-'));

	try {
		for (const schema of schemas) {
			writeTypeScript(schema, workDir);
		}
		compileTo(join(workDir, 'out'), workDir);
		replaceOutput(join(workDir, 'out'));
		writeFileSync(stampFile, stamp);
	} finally {
		rmSync(workDir, { recursive: true });
	}

	process.stderr.write(`generated src/generated from ${schemas.map((schema) => `shm/fbs/${schema}`).join(', ')}\n`);
}

/** Puts `<name>.ts` and the modules that it exports into `workDir`. */
function writeTypeScript(schema: string, workDir: string): void {
	const name = basename(schema, '.fbs');
	const ownDir = join(workDir, `only-${name}`);

	const schemaCopy = join(workDir, schema);

	writeFileSync(schemaCopy, spareCompiler(readFileSync(join(schemaDir, schema), 'utf8')));
	run('flatc', ['--ts', '-I', schemaDir, '-o', ownDir, schemaCopy]);

	const modules = listFiles(ownDir).filter((file) => file.includes('/') && !file.startsWith(`${placeholder.toLowerCase()}/`));

	for (const file of modules) {
		const text = readFileSync(join(ownDir, file), 'utf8');

		writeIfChanged(join(workDir, 'src', file), text.replace(/ from '(\.[^']*)'/g, " from '$1.js'"));
	}

	const exports = modules.map((file) => `export * from './${file.replace(/\.ts$/, '.js')}';\n`);
	const offsets = modules.map((file) => offsetsIn(readFileSync(join(workDir, 'src', file), 'utf8')));

	writeIfChanged(join(workDir, 'src', `${name}.ts`), `${exports.join('')}${offsets.join('')}`);
}

/** Of a struct's module: a constant (`packetRecordOffsets`) with the offset of each field that is a number. */
function offsetsIn(module: string): string {
	const struct = /static sizeOf\(\)/.test(module) ? /^export class (\w+)/m.exec(module)?.[1] : undefined;

	if (struct === undefined) {
		return '';
	}

	const readers = [...module.matchAll(/^(\w+)\(\):\w+ \{\n\s*return this\.bb!\.read\w+\(this\.bb_pos(?: \+ (\d+))?\)/gm)];
	const fields = readers.map(([, field, offset]) => `\t${field}: ${offset ?? 0},\n`);

	return `export const ${struct[0]!.toLowerCase()}${struct.slice(1)}Offsets = {\n${fields.join('')}} as const;\n`;
}

/**
 * Rewrites what ends flatc 2.0.8's TypeScript generator in a segmentation fault: a schema without a root type, which one of
 * mere structs has no use for, and an enum in a struct that is nested in another (a number is as good to the reader).
 */
function spareCompiler(schema: string): string {
	const numberOfEnum = new Map([...schema.matchAll(/^enum (\w+) *: *(\w+)/gm)].map(([, name, number]) => [name, number]));
	const withoutEnums = schema.replace(/^struct [^}]*}/gm, (struct) =>
		struct.replace(/: *(\w+);/g, (field, type: string) => (numberOfEnum.has(type) ? `: ${numberOfEnum.get(type)};` : field)),
	);

	return /^root_type /m.test(schema) ? withoutEnums : `${withoutEnums}\nnamespace ${placeholder};\ntable Root {}\nroot_type Root;\n`;
}

function compileTo(outDir: string, workDir: string): void {
	const sources = listFiles(join(workDir, 'src')).map((file) => join(workDir, 'src', file));

	run(process.execPath, [
		join(repoRoot, 'node_modules/typescript/bin/tsc'),
		...['--ignoreConfig', '--target', 'es2022', '--module', 'nodenext', '--moduleDetection', 'force', '--declaration', '--skipLibCheck'],
		...['--rootDir', join(workDir, 'src'), '--outDir', outDir],
		...sources,
	]);
}

function replaceOutput(from: string): void {
	const files = listFiles(from);

	for (const file of listFiles(outputDir)) {
		if (!files.includes(file)) {
			rmSync(join(outputDir, file));
		}
	}
	for (const file of files) {
		writeIfChanged(join(outputDir, file), readFileSync(join(from, file)));
	}
}

function run(command: string, args: readonly string[]): void {
	try {
		execFileSync(command, args, { cwd: repoRoot, stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });
	} catch (error) {
		const { stdout, stderr, signal } = error as { stdout?: string; stderr?: string; signal?: string };

		throw new Error(`generating code from shm/fbs failed: ${command} ${args.join(' ')}${signal ? ` (${signal})` : ''}\n${stdout ?? ''}${stderr ?? ''}`, { cause: error });
	}
}

function hashOf(files: readonly string[]): string {
	const hash = createHash('sha256');

	for (const file of files) {
		hash.update(file).update('\0').update(readFileSync(file)).update('\0');
	}

	return hash.digest('hex');
}

function readIfThere(file: string): string | undefined {
	try {
		return readFileSync(file, 'utf8');
	} catch {
		return undefined;
	}
}

if (import.meta.main) {
	try {
		generate();
	} catch (error) {
		process.stderr.write(`${(error as Error).message}\n`);
		process.exit(1);
	}
}
