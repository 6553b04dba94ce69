import assert from 'node:assert/strict';
import { findMatches } from '../../../src/format/compress/matches.ts';

/** 64 structs of 64 bytes, each with a list head that points to itself, as unused struct pages. */
function structs(): Uint8Array {
  const page = new Uint8Array(4096);
  const view = new DataView(page.buffer);
  for (let at = 0; at < page.length; at += 64) {
    view.setBigUint64(at, 0x1000n, true);
    view.setBigUint64(at + 8, 0xffffea0000400008n + BigInt(at), true);
    view.setBigUint64(at + 16, 0xffffea0000400008n + BigInt(at), true);
  }
  return page;
}

describe('findMatches', () => {
  it('gives matches that hold, in order, none on another', () => {
    const bytes = structs();
    let end = 0;
    for (const { start, length, distance } of findMatches(bytes, { distanceMax: 1000 })) {
      assert.ok(start >= end && distance <= Math.min(start, 1000));
      const copied = bytes.subarray(start - distance, start - distance + length);
      assert.deepEqual(copied, bytes.subarray(start, start + length));
      end = start + length;
    }
  });

  it('finds of structs in an array all but what differs', () => {
    const matches = findMatches(structs(), { distanceMax: 4096 });
    const matched = matches.reduce((sum, { length }) => sum + length, 0);
    assert.ok(4096 - matched < 64 * 3, `${4096 - matched} literals`);
    assert.ok(matches.length < 64 * 3, `${matches.length} matches`);
  });
});
