import assert from 'node:assert/strict';
import { describeGfp, GFP_ERAS, guessGfpEra } from '../../src/types/gfp-flags.ts';

function namesOf(releases: string): (typeof GFP_ERAS)[number]['names'] {
  const era = GFP_ERAS.find((candidate) => candidate.releases === releases);
  assert.ok(era, `no era ${releases}`);
  return era.names;
}

describe('describeGfp', () => {
  // What kernels themselves printed with %pGg, from archived logs, but for the names that a later
  // kernel gave to __GFP_REPEAT.
  const PRINTED: readonly (readonly [era: string, mask: number, text: string])[] = [
    ['4.4 to 4.9', 0x24201ca, 'GFP_HIGHUSER_MOVABLE|__GFP_COLD'],
    ['4.4 to 4.9', 0x2400240, 'GFP_NOFS|__GFP_NOWARN'],
    ['4.4 to 4.9', 0x26040c0, 'GFP_KERNEL|__GFP_COMP|__GFP_NOTRACK'],
    ['4.4 to 4.9', 0x2400000, 'GFP_NOIO'],
    ['3.10 to 4.3', 0xd0, 'GFP_KERNEL'],
    ['3.10 to 4.3', 0x4352da, 'GFP_TRANSHUGE'],
    ['4.10 to 4.14', 0x14000d0, 'GFP_TEMPORARY'],
    ['4.10 to 4.14', 0x14201ca, 'GFP_HIGHUSER_MOVABLE|__GFP_COLD'],
    ['4.10 to 4.14', 0x1400000, 'GFP_NOIO'],
    ['4.10 to 4.14', 0x14200ca, 'GFP_HIGHUSER_MOVABLE'],
    ['4.18 to 5.0', 0x6200ca, 'GFP_HIGHUSER_MOVABLE'],
    ['5.1 to 6.2', 0x140dca, 'GFP_HIGHUSER_MOVABLE|__GFP_ZERO|__GFP_COMP'],
    ['5.1 to 6.2', 0x400dc0, 'GFP_KERNEL_ACCOUNT|__GFP_ZERO'],
    ['5.1 to 6.2', 0xa20, 'GFP_ATOMIC'],
    ['6.3 and later', 0x820, 'GFP_ATOMIC'],
  ];
  for (const [era, mask, text] of PRINTED) {
    it(`writes 0x${mask.toString(16)} of ${era} as ${text}`, () => {
      assert.equal(describeGfp(namesOf(era), mask), text);
    });
  }

  it('leaves bits without a name in hex', () => {
    assert.equal(describeGfp(namesOf('5.1 to 6.2'), 0x80000cc0), 'GFP_KERNEL|0x80000000');
  });

  it('writes nothing for an empty mask, as format_flags() does', () => {
    assert.equal(describeGfp(namesOf('5.1 to 6.2'), 0), '');
  });
});

describe('guessGfpEra', () => {
  const SEEN: readonly (readonly [releases: string, masks: readonly number[]])[] = [
    ['4.4 to 4.9', [0x24201ca, 0x2400240, 0x24280ca]],
    ['4.18 to 5.0', [0x6200ca, 0x600040]],
    ['5.1 to 6.2', [0xcc0, 0x140dca, 0x8c40, 0xe20]],
  ];
  for (const [releases, masks] of SEEN) {
    it(`knows ${releases} by ${masks.length} masks`, () => {
      assert.equal(guessGfpEra(masks)?.releases, releases);
    });
  }

  it('chooses none where no era fits', () => {
    assert.equal(guessGfpEra([]), undefined);
    // A bit that no era has a name for.
    assert.equal(guessGfpEra([0x80000cc0]), undefined);
  });

  it('knows an era by a bit that the next one has no name for', () => {
    // GFP_ATOMIC with __GFP_ATOMIC, which went in v6.3; it may not reclaim directly.
    assert.equal(guessGfpEra([0xc40, 0xa20])?.releases, '5.1 to 6.2');
  });

  it('takes either of two eras that name the masks alike', () => {
    // GFP_KERNEL and GFP_NOFS have the same bits before and after v6.3.
    const era = guessGfpEra([0xcc0, 0xc40]);
    assert.ok(era);
    assert.equal(describeGfp(era.names, 0xc40), 'GFP_NOFS');
  });
});
