// Wait queues and mempools in the vmcore against who sleeps there in the simulation.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { simulatedTypes } from '../../../src/cli/simulated-types.ts';
import { addProgram, boot } from '../../../src/sim/boot.ts';
import type { Kernel } from '../../../src/sim/core/kernel.ts';
import { FEATURES_DEFAULT, REMEDIES_NONE } from '../../../src/sim/core/options.ts';
import { machineFacts } from '../../../src/sim/facts.ts';
import { FLAVOURS } from '../../../src/sim/flavour/flavours.ts';
import { writeElf } from '../../../src/sim/image/elf.ts';
import { buildMachine, type MachineImage } from '../../../src/sim/image/machine.ts';
import { systemMapText } from '../../../src/sim/image/system-map.ts';
import { MemCgroup } from '../../../src/sim/mm/memcontrol.ts';
import { eater } from '../../../src/sim/programs.ts';
import { patchFacts } from '../../../src/sim/watchdog/patch-facts.ts';
import { openVmcore } from '../../../src/target/open.ts';
import type { Vmcore } from '../../../src/target/vmcore.ts';
import { vaddr, vaddrAdd, type Vaddr } from '../../../src/util/address.ts';
import { USED_TYPES } from '../../../src/types/used-structs.ts';
import { BytesSink } from '../../../src/util/io.ts';
import { Prng } from '../../../src/util/prng.ts';
import { runScenario } from '../../support/simulated.ts';
import { listNodes } from '../../support/struct-list.ts';

const SECOND = 1_000_000;
/** struct wait_queue_entry and __wait_queue: flags, private, func, the list. */
const LIST_OFFSET = 24;
/** struct wait_queue_head: a lock, then the list. */
const HEAD_LIST_OFFSET = 8;
const HEAD_SIZE = 24;

describe('writeQueues', function () {
  this.timeout(180_000);
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'stallcore-queues-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  const open = async (image: MachineImage): Promise<Vmcore> => {
    const path = join(folder, 'vmcore');
    const sink = new BytesSink();
    writeElf(image, sink);
    writeFileSync(path, sink.bytes());
    const systemMap = `${path}.System.map`;
    writeFileSync(systemMap, systemMapText(image));
    return openVmcore([path], { systemMap });
  };

  for (const flavour of ['6.1-kmallocwd', '4.4'] as const) {
    const entryType = flavour === '4.4' ? '__wait_queue' : 'wait_queue_entry';
    /** Who sleeps on a queue, the first that came last, each with an entry on its own stack. */
    const sleepersOn = (vmcore: Vmcore, head: Vaddr, func: string): number[] =>
      listNodes(vmcore, vaddrAdd(head, HEAD_LIST_OFFSET)).map((node) => {
        const entry = vmcore.object(entryType, vaddrAdd(node, -LIST_OFFSET));
        assert.equal(entry.member('func').pointer(), vmcore.symbol(func));
        const task = vmcore.object('task_struct', entry.member('private').pointer());
        const stack = task.member('stack').pointer();
        assert.ok(node > stack && node < vaddrAdd(stack, 16 << 10), 'the entry is on the stack');
        return task.member('pid').number();
      });

    it(`leads from each mempool of ${flavour} to those who wait for an element`, async () => {
      const knobs = { ramMiB: 96, dumpSeconds: 5 };
      // What becomes of the machine after the dump is of no interest here.
      const options = { seed: 1, kmallocwd: 1, flavour, knobs, judgedBy: 0.1 };
      const { image, ledger } = runScenario('bio-pool-empty', options);
      const vmcore = await open(image);
      try {
        const [bios] = ledger.mempools;
        assert.ok(bios !== undefined);
        assert.equal(bios.currNr, 0);
        assert.ok(bios.waiterPids.length > 1);
        for (const { name, address, minNr, currNr, waiterPids } of ledger.mempools) {
          const pool = vmcore.object('mempool_s', vaddr(BigInt(address)));
          assert.equal(pool.member('min_nr').number(), minNr, name);
          assert.equal(pool.member('curr_nr').number(), currNr, name);
          const { address: wait } = pool.member('wait');
          const pids = sleepersOn(vmcore, wait, 'autoremove_wake_function');
          assert.deepEqual(pids, waiterPids.toReversed(), name);
        }
        const first = vmcore.object('mempool_s', vaddr(BigInt(bios.address)));
        assert.equal(first.member('alloc').pointer(), vmcore.symbol('mempool_alloc_slab'));
        if (flavour === '4.4') {
          const queues = image.facts.queues?.waitQueues ?? [];
          const congestion = queues.find(({ symbol }) => symbol === 'congestion_wqh');
          const [async = [], sync = []] = congestion?.waiterPids ?? [];
          assert.ok(async.length > 0 && sync.length === 0);
          const head = vmcore.symbol('congestion_wqh');
          const pids = [0, 1].map((i) => {
            return sleepersOn(vmcore, vaddrAdd(head, i * HEAD_SIZE), 'autoremove_wake_function');
          });
          assert.deepEqual(pids, [async.toReversed(), []]);
        } else {
          const set = vmcore.object('bio_set', vmcore.symbol('fs_bio_set'));
          assert.equal(set.member('bio_pool').address, BigInt(bios.address));
        }
      } finally {
        vmcore.close();
      }
    });

    it(`leads from memcg_oom_waitq of ${flavour} to those whose cgroup has no room`, async () => {
      const { kernel, image } = cgroupWithoutRoom(flavour);
      const pids = kernel.memcgs.oomWait.tasks.map(({ pid }) => pid);
      assert.equal(pids.length, 2);
      const vmcore = await open(image);
      try {
        const head = vmcore.symbol('memcg_oom_waitq');
        const found = sleepersOn(vmcore, head, 'memcg_oom_wake_function');
        assert.deepEqual(found, pids.reverse());
      } finally {
        vmcore.close();
      }
    });
  }
});

/** Two tasks wait for room in a cgroup that the OOM killer is to leave alone. */
function cgroupWithoutRoom(name: '6.1-kmallocwd' | '4.4'): { kernel: Kernel; image: MachineImage } {
  const { flavour, patch } = FLAVOURS[name];
  const types = simulatedTypes(patch, flavour.name);
  const kernel = boot(
    {
      ...{ hz: 250, cpuCount: 2, ramBytes: 96 << 20, kmallocwd: 1, patch, words: flavour.words },
      ...FEATURES_DEFAULT,
      ...REMEDIES_NONE,
      zoneDma: types.findEnumerator('ZONE_DMA') !== undefined,
    },
    new Prng(5),
  );
  const memcg = new MemCgroup(kernel, { name: 'app', max: 1_000, oomKillDisable: true });
  for (const comm of ['app', 'late']) {
    addProgram(kernel, { comm, memcg }, eater({ pages: 100_000, batch: 64, sleepUs: 1_000 }));
  }
  kernel.sched.run(SECOND);
  const image = buildMachine(machineFacts(kernel, { scenario: 'memcg', seed: 5, flavour }), {
    types,
    flavour: flavour.image,
    patch: patchFacts(kernel),
    btfNames: USED_TYPES,
  });
  return { kernel, image };
}
