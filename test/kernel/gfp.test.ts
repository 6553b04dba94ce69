import assert from 'node:assert/strict';
import { simulatedTypes } from '../../src/cli/simulated-types.ts';
import { gfpNamer } from '../../src/kernel/gfp.ts';
import type { Vmcore } from '../../src/target/vmcore.ts';

/** A kernel without gfpflag_names, as 4.4 is. */
const LINUX_4_4 = {
  symbols: { lookup: () => undefined },
  types: simulatedTypes('v3', '4.4'),
} as unknown as Vmcore;

describe('gfpNamer', () => {
  const { describe: namesOf, source } = gfpNamer(LINUX_4_4, []);

  // include/linux/gfp.h of 4.4.1, in the order of its bits.
  const HEADER =
    'DMA HIGHMEM DMA32 MOVABLE RECLAIMABLE HIGH IO FS COLD NOWARN REPEAT NOFAIL NORETRY ' +
    'MEMALLOC COMP ZERO NOMEMALLOC HARDWALL THISNODE ATOMIC NOACCOUNT NOTRACK DIRECT_RECLAIM ' +
    'OTHER_NODE WRITE KSWAPD_RECLAIM';

  it('names every bit of 4.4 by a layout file', () => {
    assert.match(source, /^enum of ___GFP_\*_BIT/);
    for (const [bit, name] of HEADER.split(' ').entries()) {
      assert.equal(namesOf(2 ** bit), `__GFP_${name}`);
    }
  });

  it('leaves nothing of a mask of 4.4 without a name', () => {
    // seeds/000: GFP_HIGHUSER_MOVABLE|__GFP_COLD
    assert.doesNotMatch(namesOf(0x24201ca) ?? '', /0x/);
    assert.match(namesOf(0x24201ca) ?? '', /__GFP_COLD/);
  });

  it('writes a bit without a name in hex', () => {
    assert.equal(namesOf(0x80000000), '0x80000000');
  });
});
