import assert from 'node:assert/strict';
import type { MemallocTask } from '../../src/kernel/memalloc-report.ts';
import { cannotInvokeOom } from '../../src/triage/request-mask.ts';

const PF_DUMPCORE = 0x200;

function answer(gfpNames: string, flags = 0): boolean | undefined {
  return cannotInvokeOom({ flags } as unknown as MemallocTask, { gfpNames, order: 0 }, false);
}

describe('cannotInvokeOom', () => {
  it('goes by __GFP_FS', () => {
    assert.deepEqual([answer('GFP_KERNEL'), answer('GFP_NOFS|__GFP_HIGHMEM')], [false, true]);
    assert.equal(answer('GFP_NOFS|__GFP_NOFAIL'), undefined);
  });

  it('knows that nobody is killed for the lower zones', () => {
    for (const zone of ['GFP_DMA', 'GFP_DMA32', '__GFP_DMA32']) {
      assert.equal(answer(`GFP_KERNEL|${zone}`), true, zone);
      assert.equal(answer(`${zone}|GFP_KERNEL|__GFP_NOFAIL`), undefined, zone);
    }
  });

  it('knows that nobody is killed for a core dump', () => {
    assert.equal(answer('GFP_HIGHUSER_MOVABLE', PF_DUMPCORE), true);
    assert.equal(answer('GFP_KERNEL|__GFP_NOFAIL', PF_DUMPCORE), undefined);
  });
});
