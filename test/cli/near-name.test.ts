import assert from 'node:assert/strict';
import { nearestName, oneOf } from '../../src/cli/near-name.ts';
import { UsageError } from '../../src/cli/usage.ts';

const NAMES = ['quiet', 'overload', 'oom-victim-mutex', 'v1', 'v2'] as const;

describe('nearestName', () => {
  const cases: readonly [word: string, name: string | undefined][] = [
    ['quiet', 'quiet'],
    ['quite', 'quiet'],
    ['quet', 'quiet'],
    ['quiett', 'quiet'],
    ['ovarloda', 'overload'],
    ['victim', 'oom-victim-mutex'],
    ['v3', undefined],
    ['oo', undefined],
    ['noisy', undefined],
    ['', undefined],
  ];
  for (const [word, name] of cases) {
    it(`takes "${word}" for ${name ?? 'nothing'}`, () => {
      assert.equal(nearestName(NAMES, word), name);
    });
  }
});

describe('oneOf', () => {
  it('is the name itself, where there is one', () => {
    assert.equal(oneOf(NAMES, { verb: 'simulate', what: 'scenario', given: 'v2' }), 'v2');
  });

  it('names the nearest and all others where there is none', () => {
    const find = (): string => oneOf(NAMES, { verb: 'simulate', what: 'scenario', given: 'quite' });
    assert.throws(find, (error: unknown) => {
      assert.ok(error instanceof UsageError);
      assert.match(
        error.message,
        /^simulate: no scenario quite; did you mean quiet\? \(there are: quiet, ov/,
      );
      return true;
    });
  });
});
