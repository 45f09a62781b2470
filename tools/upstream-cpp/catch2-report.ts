// What Catch2's XML reporter says about a run: its cases and their sections by name, and which of them failed where. The reporter has no other
// content in attributes than text, and leaves out what passed, so that a few patterns are parser enough.

export type Catch2Report = {
	/** Whether it passed, by name. */
	readonly cases: ReadonlyMap<string, boolean>;
	/** Of each section as well, as `case › section › section`. */
	readonly sections: ReadonlyMap<string, boolean>;
	readonly assertions: number;
	/** A line for each failed assertion: where, and what. */
	readonly failures: readonly string[];
};

const attributes = String.raw`((?:\s+[\w-]+="[^"]*")*)\s*`;
const casePattern = new RegExp(String.raw`<TestCase${attributes}>([\s\S]*?)</TestCase>`, 'g');
const sectionPattern = new RegExp(String.raw`<Section${attributes}>|<OverallResults${attributes}/>|</Section>`, 'g');
const failurePattern = new RegExp(String.raw`<(Expression|Failure|Exception|FatalErrorCondition)${attributes}>([\s\S]*?)</\1>`, 'g');

/** Throws if the report ends before the run does: a program that died proves nothing. */
export function parseCatch2Report(xml: string): Catch2Report {
	const cases = new Map<string, boolean>();
	const sections = new Map<string, boolean>();
	const failures: string[] = [];

	for (const [, head = '', body = ''] of xml.matchAll(casePattern)) {
		const name = attribute(head, 'name');

		cases.set(name, /<OverallResult\s[^>]*success="true"/.test(body));
		for (const [path, passed] of sectionsOf(name, body)) {
			// A section is entered once for each one in it.
			sections.set(path, passed && (sections.get(path) ?? true));
		}
		failures.push(...failuresOf(name, body));
	}

	const totals = /<OverallResults successes="(\d+)" failures="(\d+)"[^>]*\/>\s*<OverallResultsCases\b/.exec(xml);

	if (!totals || !xml.includes('</Catch2TestRun>')) {
		const open = xml.lastIndexOf('<TestCase');

		throw new Error(`the report ends in the middle${open === -1 ? '' : ` of "${attribute(xml.slice(open), 'name')}"`}: the program died`);
	}

	return { cases, sections, failures, assertions: Number(totals[1]) + Number(totals[2]) };
}

function* sectionsOf(caseName: string, body: string): Iterable<[path: string, passed: boolean]> {
	const path = [caseName];

	for (const [tag, head, results] of body.matchAll(sectionPattern)) {
		if (tag === '</Section>') {
			path.pop();
		} else if (results !== undefined) {
			yield [path.join(' › '), attribute(results, 'failures') === '0'];
		} else {
			path.push(attribute(head!, 'name'));
		}
	}
}

function failuresOf(caseName: string, body: string): string[] {
	return [...body.matchAll(failurePattern)]
		.filter(([, , head = '']) => !head.includes('success="true"'))
		.map(([, , head = '', text = '']) => `${caseName}: ${attribute(head, 'filename')}:${attribute(head, 'line')}: ${plain(text)}`);
}

function attribute(head: string, name: string): string {
	const match = new RegExp(`\\s${name}="([^"]*)"`).exec(head);

	return unescape(match?.[1] ?? '');
}

function plain(text: string): string {
	return unescape(text.replaceAll(/<[^>]*>/g, ' ')).replaceAll(/\s+/g, ' ').trim();
}

function unescape(text: string): string {
	return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&apos;', "'").replaceAll('&amp;', '&');
}
