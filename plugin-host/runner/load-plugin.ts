// From a plugin's file and its configuration as JSON to a definition and a configuration that its schema has passed. Whatever is wrong is told
// with file, line and what to do: the app's createPlugin() rejects with these words.

import { realpath } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';

import { checkPluginDefinition, isPluginDefinition } from '../../src/plugin/define-plugin.ts';
import type { PluginDefinition } from '../../src/plugin/define-plugin.ts';
import type { SchemaIssue } from '../../src/plugin/standard-schema.ts';
import { describe, sourceLine } from './instance/script-errors.ts';

export type LoadedPlugin = { readonly definition: PluginDefinition; readonly config: unknown };

const example = 'write "export default definePlugin({ setup() { … } });"';

export async function loadPlugin(file: string, configJson: string): Promise<LoadedPlugin> {
	const definition = definitionOf(file, await importModule(file));

	return { definition, config: await readConfig(definition, JSON.parse(configJson)) };
}

/** "setup() threw at /a/b.ts:3:9: TypeError: …" */
export function describeThrow(what: string, error: unknown): string {
	const line = sourceLine(error);

	return `${what} threw${line ? ` at ${line}` : ''}: ${describe(error)}`;
}

async function importModule(file: string): Promise<Record<string, unknown>> {
	try {
		return (await import(pathToFileURL(file).href)) as Record<string, unknown>;
	} catch (error) {
		throw new Error(await whyNotImported(file, error), { cause: error });
	}
}

async function whyNotImported(file: string, error: unknown): Promise<string> {
	const { code, message } = error instanceof Error ? (error as NodeJS.ErrnoException) : { code: undefined, message: '' };

	switch (code) {
		case 'ERR_UNSUPPORTED_NODE_MODULES_TYPE_STRIPPING': {
			const culprit = /for "(.+)"$/.exec(message)?.[1] ?? (await realpath(file));

			return `${culprit} is TypeScript under node_modules, where Node does not run it: compile it to JavaScript and name that file, or keep it outside node_modules`;
		}
		case 'ERR_UNKNOWN_FILE_EXTENSION':
			return `${file} cannot be run by Node ${process.versions.node}: ${message}; TypeScript needs Node 22.18 or newer, or must be compiled to JavaScript`;
		case 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX':
			return `${placeOfSyntax(error) ?? file}: ${message}: Node removes types and generates no code, so that enums, namespaces and parameter properties have to be written otherwise, or the plugin be compiled to JavaScript (tsc's erasableSyntaxOnly finds them)`;
		case 'ERR_MODULE_NOT_FOUND':
			return `${file} cannot be imported: ${message}`;
		default:
			return error instanceof SyntaxError
				? `${placeOfSyntax(error) ?? file}: SyntaxError: ${message}`
				: describeThrow(`${file}, as it was imported,`, error);
	}
}

/** Node puts it before the stack: "/a/b.ts:3", then the line itself. */
function placeOfSyntax(error: unknown): string | undefined {
	return /^(?:file:\/\/)?(\/.*:\d+)$/m.exec((error as Error).stack ?? '')?.[1];
}

function definitionOf(file: string, module: Record<string, unknown>): PluginDefinition {
	const { default: exported } = module;

	if (isPluginDefinition(exported)) {
		return withFile(file, () => checkPluginDefinition(exported));
	}
	if ('module.exports' in module) {
		throw new Error(`${file} is CommonJS and its module.exports is not what definePlugin() returns; ${example} in an ES module (.mts or .mjs, or "type": "module" in package.json)`);
	}
	if (!('default' in module)) {
		const names = Object.keys(module);

		throw new Error(`${file} has no default export${names.length > 0 ? `, only ${names.join(', ')}` : ''}; ${example}`);
	}
	if (typeof exported === 'function') {
		const what = /^class\b/.test(Function.prototype.toString.call(exported)) ? 'a class' : 'a function';

		throw new Error(`${file} exports ${what} by default; it must be what definePlugin() returns: ${example}`);
	}

	return withFile(file, () => checkPluginDefinition(exported));
}

function withFile<T>(file: string, check: () => T): T {
	try {
		return check();
	} catch (error) {
		throw new Error(`${file}: ${(error as Error).message}`, { cause: error });
	}
}

async function readConfig({ config: schema }: PluginDefinition, value: unknown): Promise<unknown> {
	if (!schema) {
		return value;
	}

	let result: Awaited<ReturnType<(typeof schema)['~standard']['validate']>>;

	try {
		result = await schema['~standard'].validate(value);
	} catch (error) {
		throw new Error(describeThrow('the schema of its config', error), { cause: error });
	}
	if (result.issues) {
		throw new Error(`option "config" is refused: ${result.issues.map(describeIssue).join('; ')}`);
	}

	return result.value;
}

/** "limits.perSecond: expected number", "rooms[2]: …" */
function describeIssue({ message, path = [] }: SchemaIssue): string {
	const keys = path.map((segment) => (typeof segment === 'object' ? segment.key : segment));
	const name = keys.map((key, index) => (typeof key === 'number' ? `[${key}]` : `${index > 0 ? '.' : ''}${String(key)}`)).join('');

	return name ? `${name}: ${message}` : message;
}
