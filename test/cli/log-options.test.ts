import assert from 'node:assert/strict';
import { sinceOf } from '../../src/cli/log-options.ts';
import { UsageError } from '../../src/cli/usage.ts';

describe('sinceOf', () => {
  it('takes seconds, from boot or from the end', () => {
    assert.deepEqual(sinceOf('120.5'), { sinceUs: 120_500_000 });
    assert.deepEqual(sinceOf('-60'), { sinceUs: -60_000_000 });
  });

  it('takes a day, or a time of day, in UTC', () => {
    const us = (text: string): number => Date.parse(text) * 1000;
    assert.deepEqual(sinceOf('2026-11-21'), { sinceWallUs: us('2026-11-21T00:00:00Z') });
    for (const time of ['2026-11-21T03:31', '2026-11-21 03:31:00', '2026-11-21T03:31:00Z']) {
      assert.deepEqual(sinceOf(time), { sinceWallUs: us('2026-11-21T03:31:00Z') });
    }
  });

  it('takes nothing else', () => {
    for (const word of ['', 'yesterday', '2026-13-40', '1e3', '2026-11-21T03:31+02:00']) {
      assert.throws(() => sinceOf(word), UsageError, word);
    }
  });
});
