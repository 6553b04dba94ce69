import assert from 'node:assert/strict';
import { allocFlagBits, allocFlagReader, allocFlags } from '../../src/kernel/alloc-flags.ts';
import type { Task } from '../../src/kernel/task.ts';

const PF_KTHREAD = 0x200000;

function task(comm: string, flags: number): Task {
  return { address: '0x0', comm, flags, kthread: (flags & PF_KTHREAD) !== 0 };
}

/** A task in reclaim, in a scope of memalloc_nofs_save() since 4.12. */
const NOFS = task('write', 0x440840);
/** In a scope of memalloc_noio_save(). */
const NOIO = task('kworker/0:1', 0x4288060 | PF_KTHREAD);

describe('allocFlagBits', () => {
  it('reads the bits of 4.12 and later where kswapd has that of 4.12', () => {
    const bits = allocFlagBits([NOFS, task('kswapd0', 0x220840)]);
    const nofs = { memalloc: true, kswapd: false, nofs: true, noio: false };
    assert.deepEqual(allocFlags(NOFS, bits), nofs);
    assert.deepEqual(allocFlags(NOIO, bits), { ...nofs, memalloc: false, nofs: false, noio: true });
    assert.match(bits.source, /PF_KSWAPD is 0x20000, which all kswapds have/);
  });

  it('knows no scopes without __GFP_FS where the bit is PF_KSWAPD', () => {
    const bits = allocFlagBits([NOFS, task('kswapd0', 0xa40840)]);
    assert.deepEqual(allocFlags(NOFS, bits), { memalloc: true, kswapd: true, noio: false });
  });

  it('says neither where no kswapd tells', () => {
    for (const kswapds of [[], [task('kswapd0', 0xa60840)]]) {
      const { read, source } = allocFlagReader([NOFS, ...kswapds]);
      assert.deepEqual(read(NOFS), { memalloc: true, noio: false });
      assert.match(source, /could not be found out/);
    }
  });

  it('says nothing of a task whose flags could not be read', () => {
    assert.equal(allocFlags({ address: '0x0' }, allocFlagBits([])), undefined);
  });
});
