// Whether two runs of the same tests came out alike. What is missing in one of them counts as much as what fails.

/** A line for each difference, with the names of the two. Nothing: they are alike. */
export function compareResults(
	one: { readonly name: string; readonly results: ReadonlyMap<string, boolean> },
	other: { readonly name: string; readonly results: ReadonlyMap<string, boolean> },
): string[] {
	const names = [...new Set([...one.results.keys(), ...other.results.keys()])].sort();

	return names
		.filter((name) => one.results.get(name) !== other.results.get(name))
		.map((name) => `"${name}": ${word(one.results.get(name))} in ${one.name}, ${word(other.results.get(name))} in ${other.name}`);
}

function word(passed: boolean | undefined): string {
	return passed === undefined ? 'is not there' : passed ? 'passes' : 'fails';
}
