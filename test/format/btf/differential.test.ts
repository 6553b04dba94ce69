import assert from 'node:assert/strict';
import { readBtf } from '../../../src/format/btf/read.ts';
import { bpftoolTypes, comparable, describeBtfType } from '../../support/bpftool.ts';
import { realBtf } from '../../support/btf-real.ts';

describe('readBtf on the BTF of real kernels', () => {
  for (const dump of ['k61-press-d31.kdump', 'k1-victim-wd10.kdump', 'k2-pair-a.kdump']) {
    it(`reads every type of ${dump} as bpftool does`, async function () {
      this.timeout(180_000);
      const bytes = await realBtf(this, dump);
      const theirs = bpftoolTypes(this, bytes);
      const table = readBtf(bytes);
      assert.equal(table.endId - 1, theirs.length);
      theirs.forEach((type, i) => {
        const ours = describeBtfType(table, i + 1);
        // Compared as text: deepEqual on 100,000 objects takes longer than reading them.
        if (JSON.stringify(comparable(ours)) === JSON.stringify(comparable(type))) return;
        assert.deepEqual(comparable(ours), comparable(type));
      });
    });
  }

  it('is fast enough to be done at every start', async function () {
    const bytes = await realBtf(this, 'k61-press-d31.kdump');
    readBtf(bytes);
    const times = Array.from({ length: 5 }, () => {
      const start = performance.now();
      readBtf(bytes).idsNamed('task_struct');
      return performance.now() - start;
    });
    const best = Math.min(...times);
    // 2 ms on a quiet machine; the limit only catches what is slower by an order of magnitude.
    assert.ok(best < 50, `took ${best.toFixed(1)} ms`);
  });
});
