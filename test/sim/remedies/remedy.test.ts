import assert from 'node:assert/strict';
import { FEATURES_DEFAULT, REMEDIES_NONE } from '../../../src/sim/core/options.ts';
import { parseRemedy, remediesOf, REMEDIES } from '../../../src/sim/remedies/remedy.ts';

const MACHINE = { hz: 250, cpuCount: 1, ramBytes: 128 << 20, kmallocwd: 0 } as const;

describe('REMEDIES', () => {
  it('has every remedy that a kernel can be booted with', () => {
    const options = REMEDIES.flatMap(({ remedies }) => Object.keys(remedies?.(1) ?? {}));
    assert.deepEqual(options.toSorted(), Object.keys(REMEDIES_NONE).toSorted());
  });
});

describe('parseRemedy', () => {
  it('takes a name, with seconds where the remedy has them', () => {
    assert.deepEqual(parseRemedy('oom_timeout=12')?.remedies, { oomTimeout: 12 });
    assert.deepEqual(parseRemedy('oom_timeout')?.remedies, { oomTimeout: 5 });
    assert.deepEqual(parseRemedy('oom_reaper')?.features, { oomReaper: true });
  });

  it('refuses what is none', () => {
    for (const text of ['', 'oom', 'oom_timeout=', 'oom_timeout=-1', 'oom_timeout=1=2']) {
      assert.equal(parseRemedy(text), undefined, text);
    }
  });
});

describe('remediesOf', () => {
  it('names those that are on', () => {
    const options = { ...MACHINE, ...FEATURES_DEFAULT, ...REMEDIES_NONE };
    assert.deepEqual(remediesOf(options), {});
    assert.deepEqual(remediesOf({ ...options, oomTimeout: 3 }), { oomTimeout: 3 });
  });
});
