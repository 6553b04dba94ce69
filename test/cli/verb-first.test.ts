import assert from 'node:assert/strict';
import { verbFirst } from '../../src/cli/verb-first.ts';

const CASES: readonly (readonly [given: string, expected: string])[] = [
  ['--json bt DUMP', 'bt --json DUMP'],
  ['--timeout 5 --json triage DUMP', 'triage --timeout 5 --json DUMP'],
  ['--timeout=5 tasks DUMP', 'tasks --timeout=5 DUMP'],
  ['--layout bt tasks DUMP', 'tasks --layout bt DUMP'],
  ['bt --json DUMP', 'bt --json DUMP'],
  ['--json DUMP', '--json DUMP'],
  ['--json DUMP bt', '--json DUMP bt'],
  ['--layout bt', '--layout bt'],
  ['-- bt', '-- bt'],
  ['', ''],
];

describe('verbFirst', () => {
  for (const [given, expected] of CASES) {
    it(`makes '${expected}' of '${given}'`, () => {
      const words = given.split(' ').filter((word) => word !== '');
      const isVerb = (word: string): boolean => ['bt', 'tasks', 'triage'].includes(word);
      assert.equal(verbFirst(words, isVerb).join(' '), expected);
    });
  }
});
