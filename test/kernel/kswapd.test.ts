import assert from 'node:assert/strict';
import { kswapdTest } from '../../src/kernel/kswapd.ts';
import type { Task } from '../../src/kernel/task.ts';

const PF_KTHREAD = 0x200000;

function task(comm: string, flags: number): Task {
  return { address: '0x0', comm, flags, kthread: (flags & PF_KTHREAD) !== 0 };
}

const USER = task('write', 0x400040);
/** PF_FSTRANS until v4.11, PF_KSWAPD since. */
const BIT_17 = task('write', 0x420040);
/** PF_KSWAPD until v4.11, PF_MEMALLOC_NOFS since. */
const BIT_18 = task('write', 0x440040);

describe('kswapdTest', () => {
  const CASES: readonly (readonly [string, Task[], seen: { bit17: boolean; bit18: boolean }])[] = [
    ['of 4.12 and later', [task('kswapd0', 0x228840)], { bit17: true, bit18: false }],
    ['of 4.11 and earlier', [task('kswapd0', 0xa40840)], { bit17: false, bit18: true }],
    // As in a log of February 2016.
    ['in a transaction', [task('kswapd0', 0xa60840)], { bit17: false, bit18: false }],
    [
      'of two nodes, one in a transaction',
      [task('kswapd0', 0xa60840), task('kswapd1', 0xa40840)],
      { bit17: false, bit18: true },
    ],
  ];
  for (const [kernel, kswapds, seen] of CASES) {
    it(`finds kswapd ${kernel}, and by its bit who else has it`, () => {
      const isKswapd = kswapdTest([USER, BIT_17, BIT_18, ...kswapds]);
      assert.deepEqual(
        kswapds.map(isKswapd),
        kswapds.map(() => true),
      );
      assert.deepEqual({ bit17: isKswapd(BIT_17), bit18: isKswapd(BIT_18) }, seen);
      assert.equal(isKswapd(USER), false);
    });
  }

  it('finds nobody where there is no kswapd, or a process that is called so', () => {
    const impostor = task('kswapd0', 0x460040);
    const isKswapd = kswapdTest([impostor, BIT_17, BIT_18]);
    assert.deepEqual([impostor, BIT_17, BIT_18].map(isKswapd), [false, false, false]);
  });

  it('leaves out a kswapd that has given the flag back, and one whose flags are unread', () => {
    const gone = task('kswapd1', 0x208040);
    const unread: Task = { address: '0x0', comm: 'kswapd2', kthread: true };
    const isKswapd = kswapdTest([task('kswapd0', 0x228840), gone, unread]);
    assert.deepEqual([gone, unread].map(isKswapd), [false, false]);
  });
});
