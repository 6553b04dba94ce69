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
      // GFP_NOWAIT is that bit and no other.
      const expected = name === 'KSWAPD_RECLAIM' ? 'GFP_NOWAIT' : `__GFP_${name}`;
      assert.equal(namesOf(2 ** bit), expected);
    }
  });

  // include/linux/gfp.h of 4.4.1; the first that fits of gfpflags.h goes first.
  const COMPOSITES: readonly (readonly [mask: number, names: string])[] = [
    [0x24200ca, 'GFP_HIGHUSER_MOVABLE'],
    [0x24280ca, 'GFP_HIGHUSER_MOVABLE|__GFP_ZERO'],
    [0x24200c2, 'GFP_HIGHUSER'],
    [0x24200c0, 'GFP_USER'],
    [0x24000d0, 'GFP_TEMPORARY'],
    [0x24000c0, 'GFP_KERNEL'],
    [0x25000c0, 'GFP_KERNEL|__GFP_NOACCOUNT'],
    [0x342004a, 'GFP_NOFS|__GFP_HIGHMEM|__GFP_MOVABLE|__GFP_WRITE|__GFP_HARDWALL'],
    [0x2400000, 'GFP_NOIO'],
    [0x2080020, 'GFP_ATOMIC'],
    [0x4352ca, 'GFP_TRANSHUGE'],
  ];
  for (const [mask, names] of COMPOSITES) {
    it(`names 0x${mask.toString(16)} of 4.4 as the kernel does, ${names}`, () => {
      assert.deepEqual(namesOf(mask)?.split('|').sort(), names.split('|').sort());
    });
  }

  it('leaves nothing of a mask of 4.4 without a name', () => {
    // seeds/000: GFP_HIGHUSER_MOVABLE|__GFP_COLD
    assert.equal(namesOf(0x24201ca), 'GFP_HIGHUSER_MOVABLE|__GFP_COLD');
  });

  it('writes a bit without a name in hex', () => {
    assert.equal(namesOf(0x80000000), '0x80000000');
  });
});
