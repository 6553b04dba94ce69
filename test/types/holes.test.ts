import assert from 'node:assert/strict';
import type { CType, Member, StructType } from '../../src/types/ctype.ts';
import { storedMembers, type Hole } from '../../src/types/holes.ts';

const int = (size: number): CType => ({ kind: 'int', name: `u${size * 8}`, size, signed: false });

/** A member at a bit offset, of so many bytes; a bit field if it has a width. */
function member(bitOffset: number, size: number, bitSize?: number): Member {
  return { name: 'm', bitOffset, bitSize, type: int(size) };
}

function struct(size: number, ...members: Member[]): StructType {
  return { kind: 'struct', name: 's', size, members };
}

/** Holes in words: `4B` is four bytes, `28b` as many bits. */
function words({ bytes, bits }: Hole): string {
  return `${bits === 0 ? '' : `${bits}b`}${bytes === 0 ? '' : `${bytes}B`}` || '-';
}

describe('storedMembers', () => {
  for (const [what, type, expected] of [
    ['nothing between neighbours', struct(8, member(0, 4), member(32, 4)), '- | - - | -'],
    ['bytes before an aligned member', struct(16, member(0, 4), member(64, 8)), '- | 4B - | -'],
    ['bytes before the first', struct(8, member(32, 4)), '4B | - | -'],
    ['padding', struct(16, member(0, 8), member(64, 4)), '- | - - | 4B'],
    ['bits left in a unit', struct(8, member(0, 4, 4), member(32, 4)), '- | 28b - | -'],
    ['bits, then bytes', struct(16, member(0, 4, 15), member(64, 8)), '- | 17b4B - | -'],
    ['bits before the next field', struct(4, member(0, 4, 3), member(8, 4, 8)), '- | 5b - | 16b'],
    ['a unit that begins anew', struct(8, member(0, 4, 4), member(32, 4, 1)), '- | 28b - | 31b'],
    ['bytes before a unit', struct(8, member(0, 1), member(32, 4, 8)), '- | 3B - | 24b'],
    ['what shares a unit with bits', struct(4, member(0, 4, 1), member(8, 1)), '- | 7b - | 2B'],
    ['all of a struct without members', struct(16), '- |  | 16B'],
  ] as const) {
    it(`finds ${what}`, () => {
      const { before, members, padding } = storedMembers(type);
      const holes = members.map(({ hole }) => words(hole)).join(' ');
      assert.equal([words(before), holes, words(padding)].join(' | '), expected);
    });
  }

  it('counts a bit field from the start of its storage unit', () => {
    const { members } = storedMembers(
      struct(8, member(0, 2, 8), member(12, 2, 1), member(42, 4, 2)),
    );
    assert.deepEqual(
      members.map(({ byte, bits }) => [byte, bits?.start, bits?.size]),
      [
        [0, 0, 8],
        [0, 12, 1],
        [4, 10, 2],
      ],
    );
  });

  it('has nothing between the members of a union', () => {
    const union: StructType = { ...struct(8, member(0, 4), member(0, 8)), kind: 'union' };
    const { members, padding } = storedMembers(union);
    assert.deepEqual([...members.map(({ hole }) => words(hole)), words(padding)], ['-', '-', '-']);
  });
});
