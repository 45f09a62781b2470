import t from 'tap';

import { parseCatch2Report } from '../../tools/upstream-cpp/catch2-report.ts';
import { compareResults } from '../../tools/upstream-cpp/compare.ts';

const report = `<?xml version="1.0" encoding="UTF-8"?>
<Catch2TestRun name="test" rng-seed="1" catch2-version="3.7.1">
  <TestCase name="Scenario: a -> b &amp; &quot;c&quot;" tags="[x]" filename="a.cpp" line="1">
    <Section name="one &lt;1>" filename="a.cpp" line="2">
      <Section name="deep" filename="a.cpp" line="3">
        <OverallResults successes="2" failures="0" expectedFailures="0" skipped="false"/>
      </Section>
      <OverallResults successes="2" failures="0" expectedFailures="0" skipped="false"/>
    </Section>
    <OverallResult success="true" skips="0"/>
  </TestCase>
  <TestCase name="Scenario: bad" tags="" filename="b.cpp" line="1">
    <Section name="two" filename="b.cpp" line="2">
      <Expression success="false" type="REQUIRE" filename="b.cpp" line="7">
        <Original>
          x == 1
        </Original>
        <Expanded>
          2 == 1
        </Expanded>
      </Expression>
      <OverallResults successes="0" failures="1" expectedFailures="0" skipped="false"/>
    </Section>
    <Section name="two" filename="b.cpp" line="2">
      <OverallResults successes="1" failures="0" expectedFailures="0" skipped="false"/>
    </Section>
    <OverallResult success="false" skips="0"/>
  </TestCase>
  <OverallResults successes="3" failures="1" expectedFailures="0" skips="0"/>
  <OverallResultsCases successes="1" failures="1" expectedFailures="0" skips="0"/>
</Catch2TestRun>
`;

t.test('cases and sections have their names and results', async (t) => {
	const { cases, sections, assertions, failures } = parseCatch2Report(report);

	t.same([...cases], [['Scenario: a -> b & "c"', true], ['Scenario: bad', false]]);
	t.same([...sections], [
		['Scenario: a -> b & "c" › one <1> › deep', true],
		['Scenario: a -> b & "c" › one <1>', true],
		['Scenario: bad › two', false],
	]);
	t.equal(assertions, 4);
	t.same(failures, ['Scenario: bad: b.cpp:7: x == 1 2 == 1']);
});

t.test('a report that ends in the middle is refused, with the name of the case', async (t) => {
	t.throws(() => parseCatch2Report(report.slice(0, report.indexOf('<Expression'))), /in the middle of "Scenario: bad"/);
	t.throws(() => parseCatch2Report(''), /ends in the middle: /);
});

t.test('two runs are alike only if all that is there comes out alike', async (t) => {
	const stock = { name: 'stock', results: new Map([['a', true], ['b', false], ['c', true]]) };

	t.same(compareResults(stock, { name: 'patched', results: new Map(stock.results) }), []);
	t.same(compareResults(stock, { name: 'patched', results: new Map([['a', false], ['b', false], ['d', true]]) }), [
		'"a": passes in stock, fails in patched',
		'"c": passes in stock, is not there in patched',
		'"d": is not there in stock, passes in patched',
	]);
});
