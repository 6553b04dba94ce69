import assert from 'node:assert/strict';
import { Kernel } from '../../../src/sim/core/kernel.ts';
import {
  FEATURES_DEFAULT,
  REMEDIES_NONE,
  type KernelOptions,
} from '../../../src/sim/core/options.ts';
import { Prng } from '../../../src/util/prng.ts';

const OPTIONS: KernelOptions = {
  hz: 250,
  cpuCount: 1,
  ramBytes: 64 << 20,
  kmallocwd: 10,
  ...FEATURES_DEFAULT,
  ...REMEDIES_NONE,
};

describe('Kernel', () => {
  const cases: readonly [kmallocwd: number, hz: KernelOptions['hz'], jiffies: bigint][] = [
    [10, 250, 2_500n],
    [0, 1000, 0n],
    // The product is an unsigned long, and what is above LONG_MAX is LONG_MAX.
    [2 ** 55, 300, 2n ** 63n - 1n],
    // 2^60 * 1000 is 1000 * 2^60 modulo 2^64: 2^60 * 8, above LONG_MAX again.
    [2 ** 60, 1000, 2n ** 63n - 1n],
    // A product of 2^64 is 0: the watchdog is off.
    [2 ** 61, 1000, 0n],
  ];
  for (const [kmallocwd, hz, jiffies] of cases) {
    it(`waits ${jiffies} jiffies with kmallocwd=${kmallocwd} at HZ=${hz}`, () => {
      const kernel = new Kernel({ ...OPTIONS, kmallocwd, hz }, new Prng(1));
      assert.equal(kernel.kmallocwdTimeout, jiffies);
    });
  }

  it('starts jiffies five minutes before 32 bits wrap', () => {
    const kernel = new Kernel(OPTIONS, new Prng(1));
    assert.equal(kernel.jiffies, 2 ** 32 - 300 * 250);
    kernel.sched.run(300_000_000);
    assert.equal(kernel.jiffies, 2 ** 32);
  });
});
