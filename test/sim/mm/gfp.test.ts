import assert from 'node:assert/strict';
import { GFPFLAG_NAMES, gfpNames } from '../../../src/sim/mm/gfp.ts';
import { gfpFlagNames } from '../../../src/kernel/gfp.ts';
import { describeGfp } from '../../../src/types/gfp-flags.ts';
import { Prng } from '../../../src/util/prng.ts';
import { realDump, withVmcore } from '../../support/real-dumps.ts';

const MASKS = 200;
const BITS = 24;

describe('GFPFLAG_NAMES', () => {
  it('is the table of a real 6.1', async function () {
    await withVmcore(realDump(this, 'k61-quiet-d31-zstd.kdump'), (vmcore) => {
      const ours = GFPFLAG_NAMES.map(([name, mask]) => ({ mask, name }));
      assert.deepEqual(ours, gfpFlagNames(vmcore));
    });
  });
});

describe('gfpNames', () => {
  it('prints any mask as a real 6.1 does', async function () {
    const prng = new Prng(3);
    await withVmcore(realDump(this, 'k61-quiet-d31-zstd.kdump'), (vmcore) => {
      const names = gfpFlagNames(vmcore)!;
      for (let i = 0; i < MASKS; i++) {
        // Half of them a name and a few bits, as masks are; half of them any bits.
        const name = names[prng.below(names.length)]!.mask;
        const mask = i % 2 === 0 ? prng.below(2 ** BITS) : name | (1 << prng.below(BITS));
        assert.equal(gfpNames(mask), describeGfp(names, mask), `0x${mask.toString(16)}`);
      }
    });
  });

  it('names the composite with the most bits, then what is left', () => {
    assert.equal(gfpNames(0xcc0), 'GFP_KERNEL');
    assert.equal(gfpNames(0x100cca), 'GFP_HIGHUSER_MOVABLE');
    assert.equal(gfpNames(0x100cc0 | 0x400000), 'GFP_USER|__GFP_ACCOUNT');
    assert.equal(gfpNames(0x140cca), 'GFP_HIGHUSER_MOVABLE|__GFP_COMP');
    assert.equal(gfpNames(0xc40 | 0x1000000), 'GFP_NOFS|0x1000000');
  });

  it('has no word for a mask without bits', () => assert.equal(gfpNames(0), ''));
});
