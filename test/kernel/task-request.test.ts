// src/kernel/{capture-control,reclaim-state,delays,memcg-in-oom,sched-info}.ts: what a task's own
// members lead to, written over a task of a sample that does none of it.

import assert from 'node:assert/strict';
import { CaptureControlReader } from '../../src/kernel/capture-control.ts';
import { schedClocks } from '../../src/kernel/clocks.ts';
import { DelayReader } from '../../src/kernel/delays.ts';
import { memcgInOomReader } from '../../src/kernel/memcg-in-oom.ts';
import { ReclaimStateReader } from '../../src/kernel/reclaim-state.ts';
import { OffCpuReader } from '../../src/kernel/sched-info.ts';
import { readTasks, type Task } from '../../src/kernel/task.ts';
import type { Ref } from '../../src/target/ref.ts';
import type { Vmcore } from '../../src/target/vmcore.ts';
import { vaddr, vaddrAdd } from '../../src/util/address.ts';
import { realDump, withVmcore } from '../support/real-dumps.ts';
import { writeOver, type WriteOver } from '../support/write-over.ts';

const SAMPLE = 'samples/leak-then-recover.vmcore';
const STACK_SIZE = 16 << 10;
const GFP_KERNEL = 0xcc0;

/** A task that sleeps, and the means to change it. */
interface Changed {
  readonly vmcore: Vmcore;
  readonly task: Task;
  readonly struct: Ref;
  readonly write: WriteOver;
  /** A struct in the unused part of the task's stack. */
  readonly onStack: (name: string, at: number) => Ref;
}

describe('CaptureControlReader', () => {
  const compacting = ({ struct, write, onStack }: Changed): Ref => {
    const capture = onStack('capture_control', 512);
    const cc = onStack('compact_control', 1024);
    write(struct.member('capture_control'), capture.address);
    write(capture.member('cc'), cc.address);
    write(cc.member('gfp_mask'), GFP_KERNEL);
    write(cc.member('order'), 3);
    write(cc.member('mode'), 1);
    write(cc.member('total_migrate_scanned'), 7);
    write(cc.member('total_free_scanned'), 9);
    return cc;
  };

  it('says what a task compacts for', async () => {
    await change((changed) => {
      const cc = compacting(changed);
      const { vmcore, task } = changed;
      assert.deepEqual(new CaptureControlReader(vmcore, STACK_SIZE).read(task), {
        address: `0x${cc.address.toString(16)}`,
        gfpMask: '0xcc0',
        order: 3,
        mode: 'MIGRATE_SYNC_LIGHT',
        migrateScanned: 7,
        freeScanned: 9,
      });
      assert.equal(vmcore.problems.count, 0);
    });
  });

  it('says nothing of a task that does not compact', async () => {
    await change(({ vmcore, task }) => {
      assert.equal(new CaptureControlReader(vmcore, STACK_SIZE).read(task), undefined);
      assert.equal(vmcore.problems.count, 0);
    });
  });

  it('does not believe a pointer that leads off the stack, or to nonsense', async () => {
    await change((changed) => {
      const { vmcore, task, struct, write } = changed;
      write(struct.member('capture_control'), struct.address);
      assert.equal(new CaptureControlReader(vmcore, STACK_SIZE).read(task), undefined);
      assert.match(vmcore.problems.list[0]?.message ?? '', /is not on the task's own stack/);
      write(compacting(changed).member('order'), 99);
      assert.equal(new CaptureControlReader(vmcore, STACK_SIZE).read(task), undefined);
      assert.match(vmcore.problems.list[1]?.message ?? '', /make no sense/);
    });
  });
});

describe('ReclaimStateReader', () => {
  const reclaiming = ({ struct, write, onStack }: Changed): Ref => {
    const sc = onStack('scan_control', 512);
    write(struct.member('reclaim_state'), sc.member('reclaim_state').address);
    write(sc.member('gfp_mask'), GFP_KERNEL);
    write(sc.member('order'), 2);
    write(sc.member('priority'), 11);
    write(sc.member('reclaim_idx'), 2);
    write(sc.member('nr_to_reclaim'), 32);
    write(sc.member('nr_scanned'), 5000);
    write(sc.member('nr.writeback'), 12);
    return sc;
  };

  it('says how far a pass of reclaim has come', async () => {
    await change((changed) => {
      reclaiming(changed);
      const { vmcore, task } = changed;
      const found = new ReclaimStateReader(vmcore, STACK_SIZE).read(task, undefined);
      const { gfpMask, order, priority, nrScanned, nr, source } = found ?? {};
      assert.deepEqual([gfpMask, order, priority, nrScanned], ['0xcc0', 2, 11, 5000]);
      assert.equal(nr?.writeback, 12);
      assert.equal(source, 'reclaim_state');
    });
  });

  it('does not believe a pointer that leads off the stack, or to nonsense', async () => {
    await change((changed) => {
      const { vmcore, task, struct, write } = changed;
      write(struct.member('reclaim_state'), struct.address);
      assert.equal(new ReclaimStateReader(vmcore, STACK_SIZE).read(task, []), undefined);
      assert.match(vmcore.problems.list[0]?.message ?? '', /is not on the task's own stack/);
      write(reclaiming(changed).member('priority'), 13);
      assert.equal(new ReclaimStateReader(vmcore, STACK_SIZE).read(task, []), undefined);
      assert.match(vmcore.problems.list[1]?.message ?? '', /make no sense/);
    });
  });
});

describe('DelayReader', () => {
  it('says what is counted of a task, and nothing where nothing is', async () => {
    await change(({ vmcore, task, struct, write, onStack }) => {
      assert.equal(new DelayReader(vmcore).read(task), undefined);
      // Anywhere in memory will do.
      const delays = onStack('task_delay_info', 512);
      write(struct.member('delays'), delays.address);
      write(delays.member('freepages_count'), 4);
      write(delays.member('freepages_delay'), 2_500_000_000);
      const { totals } = new DelayReader(vmcore).read(task) ?? {};
      assert.deepEqual(totals?.freepages, { count: 4, seconds: 2.5 });
    });
  });
});

describe('DelayReader of a kernel whose code can be read', () => {
  it('tells for how long at least a pass of reclaim has gone on', async function () {
    await withVmcore(realDump(this, 'k2-pair-a.kdump'), (vmcore) => {
      const { task, struct, write, onStack } = changedTask(vmcore);
      const delays = onStack('task_delay_info', 512);
      write(struct.member('delays'), delays.address);
      const clock = schedClocks(vmcore)?.clock ?? 0;
      assert.ok(clock > 0);
      write(delays.member('freepages_start'), clock - 3e9);
      const found = new DelayReader(vmcore).read(task);
      const source = 'delays->freepages_start';
      assert.deepEqual(found?.passAge, { value: 3, source, kind: 'bound' });
    });
  });
});

describe('memcgInOomReader', () => {
  it('says what a task has failed to charge', async () => {
    await change(({ vmcore, task, struct, write }) => {
      assert.equal(memcgInOomReader(vmcore)(task), undefined);
      write(struct.member('memcg_in_oom'), 0xffff888000001000n);
      write(struct.member('memcg_oom_gfp_mask'), GFP_KERNEL);
      write(struct.member('memcg_oom_order'), 0);
      const expected = { memcg: '0xffff888000001000', gfpMask: '0xcc0', order: 0 };
      assert.deepEqual(memcgInOomReader(vmcore)(task), expected);
    });
  });
});

describe('OffCpuReader', () => {
  it('takes the longest of what the scheduler and khungtaskd say', async () => {
    await change(({ vmcore, task, struct, write }) => {
      const jiffies = 1_000_000n;
      const reader = (): OffCpuReader => new OffCpuReader(vmcore, { jiffies, hz: 250 });
      write(struct.member('se.exec_start'), 0);
      write(struct.member('sched_info.last_queued'), 0);
      const waiting = { ...task, stateBits: 2, nvcsw: 3, nivcsw: 1 };
      assert.equal(reader().read(waiting), undefined);
      write(struct.member('last_switch_count'), 4);
      write(struct.member('last_switch_time'), jiffies - 2500n);
      assert.deepEqual(reader().read(waiting), {
        value: 10,
        source: 'last_switch_time',
        kind: 'bound',
      });
      // It has been on a CPU since.
      assert.equal(reader().read({ ...waiting, nvcsw: 4 }), undefined);
      assert.equal(reader().read({ ...waiting, onCpu: true }), undefined);
    });
  });
});

/** Opens the sample, of which a task that sleeps and does nothing else is changed. */
async function change(test: (changed: Changed) => void): Promise<void> {
  await withVmcore(SAMPLE, (vmcore) => test(changedTask(vmcore)));
}

function changedTask(vmcore: Vmcore): Changed {
  const task = readTasks(vmcore).tasks.find(({ state }) => state === 'S');
  assert.ok(task?.stack !== undefined);
  const start = vaddr(BigInt(task.stack));
  const struct = vmcore.object('task_struct', vaddr(BigInt(task.address)));
  const onStack = (name: string, at: number): Ref => vmcore.object(name, vaddrAdd(start, at));
  return { vmcore, task, struct, write: writeOver(vmcore), onStack };
}
