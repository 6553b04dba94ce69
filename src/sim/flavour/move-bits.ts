// Masks from one kernel's bits to another's.

import { assert } from '../../util/assert.ts';

/**
 * The mask with each bit of `from` replaced by that of `to`.
 *
 * @throws AssertionError if the mask has a bit that is in no pair: it would be lost silently
 */
export function moveBits(
  mask: number,
  pairs: readonly (readonly [from: number, to: number])[],
): number {
  let left = mask;
  let moved = 0;
  for (const [from, to] of pairs) {
    if ((left & from) === 0) continue;
    left &= ~from;
    moved |= to;
  }
  assert(left === 0, `0x${(left >>> 0).toString(16)} of 0x${mask.toString(16)} has no counterpart`);
  return moved >>> 0;
}
