import assert from 'node:assert/strict';
import { triageJson, withPacked } from '../support/packed.ts';
import { realDump } from '../support/real-dumps.ts';

const REAL: readonly (readonly [name: string, sizeMax: number])[] = [
  ['k61-press-d31.kdump', 1_500_000],
  ['k61-quiet-d31-zstd.kdump', 1_500_000],
  ['k1-victim-wd10.kdump', 1_000_000],
  ['k2-pair-a.kdump', 1_000_000],
];

describe('packVmcore', () => {
  for (const [name, sizeMax] of REAL) {
    it(`makes of ${name} a small dump that gives the same triage`, async function () {
      const path = realDump(this, name);
      const expected = await triageJson([path]);
      await withPacked([path], {}, async (packed) => {
        assert.ok(packed.bytes.length < sizeMax, `${packed.bytes.length} bytes`);
        assert.deepEqual(await triageJson([packed.path]), expected);
      });
    });
  }
});
