// The ways in which a host can go, and in which order a drill takes them.

export type Scenario = 'kill' | 'segv' | 'abort' | 'stop' | 'oom' | 'loop' | 'exit';

export const scenarioTexts: Readonly<Record<Scenario, string>> = {
	kill: 'SIGKILL',
	segv: 'SIGSEGV from outside',
	abort: 'SIGABRT from outside',
	stop: 'SIGSTOP',
	oom: 'out of memory',
	loop: 'a busy loop',
	exit: 'exit() in the middle of a batch',
};

export const allScenarios = Object.keys(scenarioTexts) as readonly Scenario[];

/** What is sent to a host from outside; the others only a plugin can do to itself. */
export const signals: Readonly<Partial<Record<Scenario, NodeJS.Signals>>> = { kill: 'SIGKILL', segv: 'SIGSEGV', abort: 'SIGABRT', stop: 'SIGSTOP' };

export function isScenario(text: string): text is Scenario {
	return Object.hasOwn(scenarioTexts, text);
}

/** Without end: all of them in random order, then all of them in another one. The same seed gives the same order. */
export function* inRandomOrder<T>(scenarios: readonly T[], seed: number): Generator<T, never> {
	const random = randomNumbers(seed);

	for (;;) {
		const deck = [...scenarios];

		while (deck.length > 0) {
			yield deck.splice(Math.floor(random() * deck.length), 1)[0]!;
		}
	}
}

/** From 0 up to 1 (mulberry32). */
function randomNumbers(seed: number): () => number {
	let state = seed >>> 0;

	return () => {
		state = (state + 0x6d2b79f5) >>> 0;

		let mixed = Math.imul(state ^ (state >>> 15), state | 1);

		mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);

		return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
	};
}
