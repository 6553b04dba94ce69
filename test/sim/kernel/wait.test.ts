// Who sleeps on the wait queues of the node, walked from the queue's head to the task.

import assert from 'node:assert/strict';
import type { WaitQueue } from '../../../src/sim/kernel/wait.ts';
import type { Vmcore } from '../../../src/target/vmcore.ts';
import type { Ref } from '../../../src/target/ref.ts';
import { vaddrAdd } from '../../../src/util/address.ts';
import { DumpedMachine, withInstant } from '../../support/dump-instants.ts';
import { listNodes } from '../../support/struct-list.ts';

const OPTIONS = { scenario: 'overload', patch: 'v3', kmallocwd: 1, ramMiB: 96 } as const;
const FROM_SECONDS = 2.9;
const STEP_SECONDS = 1e-3;
const STEPS_MAX = 30_000;

/** struct wait_queue_entry: flags, private, func, entry. */
const ENTRY_OFFSET = 24;

/** pids on a queue, the newest first, as prepare_to_wait() adds them. */
function sleepersOn(vmcore: Vmcore, queue: Ref): number[] {
  return listNodes(vmcore, queue.member('head').address).map((node) => {
    const entry = vmcore.object('wait_queue_entry', vaddrAdd(node, -ENTRY_OFFSET));
    assert.equal(entry.member('entry').address, node);
    assert.equal(entry.member('func').pointer(), vmcore.symbol('autoremove_wake_function'));
    const task = vmcore.object('task_struct', entry.member('private').pointer());
    const stack = task.member('stack').pointer();
    assert.ok(node > stack && node < vaddrAdd(stack, 16 << 10), 'the entry is on the stack');
    return task.member('pid').number();
  });
}

describe('prepare_to_wait', function () {
  this.timeout(180_000);

  it('leaves an entry on the stack that the queue of the node leads to', async () => {
    const machine = new DumpedMachine(OPTIONS);
    const { reclaimWait, pfmemallocWait, kswapdWait } = machine.kernel;
    assert.ok(kswapdWait !== undefined);
    const { writeback, isolated, noprogress, congested } = reclaimWait;
    const reclaim = [writeback, isolated, noprogress, congested];
    let step = 0;
    do {
      assert.ok(step < STEPS_MAX, 'nobody was throttled');
      machine.run(FROM_SECONDS + step++ * STEP_SECONDS);
    } while (reclaim.every(({ tasks }) => tasks.length === 0));
    const pidsOf = ({ tasks }: WaitQueue): number[] => tasks.map(({ pid }) => pid).reverse();
    const expected = [kswapdWait, pfmemallocWait, ...reclaim].map(pidsOf);
    const instant = machine.dump();
    await withInstant(instant, (vmcore) => {
      const node = vmcore.global('node_data').at(0).deref();
      const pgdat = vmcore.object('pglist_data', node.address);
      const names = [
        'kswapd_wait',
        'pfmemalloc_wait',
        ...reclaim.map((_, i) => `reclaim_wait[${i}]`),
      ];
      assert.deepEqual(
        names.map((name) => sleepersOn(vmcore, pgdat.member(name))),
        expected,
      );
    });
  });

  it('is over with finish_wait(), which leaves nothing on the stack', () => {
    const { kernel } = new DumpedMachine(OPTIONS).run(FROM_SECONDS);
    let kept = 0;
    for (const task of kernel.threads()) {
      const entries = task.frames.flatMap(({ locals }) =>
        locals.filter(({ type }) => type === 'wait_queue_entry'),
      );
      // Nobody sleeps on two queues, and who has an entry is about to sleep or has just woken.
      assert.ok(entries.length <= 1, task.comm);
      kept += entries.length;
    }
    assert.ok(kept > 0);
  });
});
