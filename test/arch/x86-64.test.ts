import assert from 'node:assert/strict';

import { isCanonical, pageTableLevels } from '../../src/arch/x86-64.ts';

describe('isCanonical', () => {
  // The upper 32 bits of an address, and whether it is canonical with 4 and with 5 levels.
  const cases: [hi: number, with4: boolean, with5: boolean][] = [
    [0x00000000, true, true],
    [0x00007fff, true, true],
    [0x00008000, false, true],
    [0x00ffffff, false, true],
    [0x01000000, false, false],
    [0x80000000, false, false],
    [0xfeffffff, false, false],
    [0xff000000, false, true],
    [0xffff7fff, false, true],
    [0xffff8000, true, true],
    [0xffffffff, true, true],
  ];
  for (const [hi, with4, with5] of cases) {
    it(`says of 0x${hi.toString(16).padStart(8, '0')}… ${with4} and ${with5}`, () => {
      assert.equal(isCanonical(hi, 4), with4);
      assert.equal(isCanonical(hi, 5), with5);
      assert.equal(isCanonical(hi | 0, 5), with5, 'as a signed number');
    });
  }
});

describe('pageTableLevels', () => {
  for (const depth of [4, 5] as const) {
    it(`covers all bits of an address with ${depth} levels, nine a level`, () => {
      const shifts = pageTableLevels(depth).map(({ shift }) => shift);
      assert.equal(shifts.length, depth);
      assert.deepEqual(
        [...shifts].reverse(),
        Array.from({ length: depth }, (_, i) => 12 + 9 * i),
      );
    });
  }
});
