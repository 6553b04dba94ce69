// Slots of the swap device: each belongs to one page of one process, or is free.

import assert from 'node:assert/strict';
import { Disk } from '../../../src/sim/block/block.ts';
import { addProgram, addThread, boot } from '../../../src/sim/boot.ts';
import type { Kernel } from '../../../src/sim/core/kernel.ts';
import { FEATURES_DEFAULT, REMEDIES_NONE } from '../../../src/sim/core/options.ts';
import type { Mm } from '../../../src/sim/kernel/task.ts';
import { SwapDevice, swapon } from '../../../src/sim/mm/swap.ts';
import { eater, walker } from '../../../src/sim/programs.ts';
import { Prng } from '../../../src/util/prng.ts';

const SECOND = 1_000_000;
const MEMORY_PAGES = 22_000;

function machine(swapPages: number): Kernel {
  const options = { hz: 250, cpuCount: 2, ramBytes: 128 << 20, kmallocwd: 0 } as const;
  const k = boot({ ...options, ...FEATURES_DEFAULT, ...REMEDIES_NONE }, new Prng(4));
  swapon(k, new Disk('sdb', 50), swapPages);
  return k;
}

/** Every slot is free, or one process has it, or it waits in the cache for its page to be freed. */
function checkSlots(k: Kernel): void {
  const { swap } = k;
  assert.ok(swap !== undefined);
  const mms = new Set<Mm>();
  for (const { mm } of k.processes) if (mm !== undefined) mms.add(mm);
  const used = new Set<number>();
  const use = (slot: number): void => {
    assert.ok(!used.has(slot), `slot ${slot} is used twice`);
    used.add(slot);
  };
  for (const mm of mms) {
    for (const [slot, page] of mm.swapSlots) {
      use(slot);
      if (page === undefined) continue;
      assert.deepEqual(swap.cache.get(page), { slot, mm }, `page of slot ${slot}`);
      assert.ok(!mm.anonPages.has(page));
    }
  }
  for (const { slot, mm } of swap.cache.values()) if (mm === undefined) use(slot);
  assert.equal(used.size + swap.freePages, swap.pages);
  assert.equal(k.node.swapFreePages, swap.freePages);
}

describe('SwapDevice', () => {
  it('gives each slot out once, until it is given back', () => {
    const swap = new SwapDevice(new Disk('sdb', 1), 3);
    const slots = [0, 1, 2].map(() => swap.takeSlot());
    assert.deepEqual(new Set(slots).size, 3);
    assert.deepEqual([swap.takeSlot(), swap.freePages], [undefined, 0]);
    swap.giveSlot(1);
    assert.deepEqual([swap.freePages, swap.takeSlot(), swap.takeSlot()], [1, 1, undefined]);
  });
});

describe('add_to_swap', function () {
  this.timeout(180_000);

  it('makes room for a program larger than memory, and nobody is killed', () => {
    const k = machine(16_384);
    const pages = MEMORY_PAGES + 4_000;
    const { mm } = addProgram(k, { comm: 'big' }, eater({ pages, batch: 64, sleepUs: 1_000 }));
    for (let second = 1; second <= 8; second++) {
      k.sched.run(second * SECOND);
      checkSlots(k);
    }
    assert.equal(k.oomKills, 0);
    assert.ok(mm !== undefined && mm.anonPages.size + mm.swapSlots.size >= pages);
    assert.ok(mm.swapSlots.size > 2_000, `${mm.swapSlots.size}`);
  });

  it('fails where swap is full, and then the OOM killer comes; the slots come back', () => {
    const k = machine(2_000);
    addProgram(k, { comm: 'big' }, eater({ pages: 100_000, batch: 64, sleepUs: 1_000 }));
    let least = Infinity;
    for (let step = 1; k.oomKills === 0 && step <= 400; step++) {
      k.sched.run(step * (SECOND / 20));
      least = Math.min(least, k.node.swapFreePages);
    }
    assert.equal(k.oomKills, 1);
    assert.equal(least, 0);
    k.sched.run(k.sched.now + 5 * SECOND);
    checkSlots(k);
    assert.ok(!k.processes.some(({ leader }) => leader.comm === 'big'));
    assert.ok(k.node.swapFreePages > 1_500, `${k.node.swapFreePages}`);
  });
});

describe('do_swap_page', function () {
  this.timeout(180_000);

  it('brings pages back for a program that walks through its memory', () => {
    const k = machine(16_384);
    const pages = MEMORY_PAGES + 1_000;
    const program = walker({ pages, batch: 16, sleepUs: 500 });
    const { mm } = addProgram(k, { comm: 'walker' }, program);
    k.sched.run(6 * SECOND);
    checkSlots(k);
    assert.ok(mm !== undefined);
    const out = new Set(mm.swapSlots.keys());
    k.sched.run(9 * SECOND);
    checkSlots(k);
    assert.equal(mm.anonPages.size + mm.swapSlots.size, pages);
    const back = [...out].filter((slot) => !mm.swapSlots.has(slot));
    assert.ok(back.length > 0, 'nothing came back');
    assert.equal(k.oomKills, 0);
  });

  it('gives threads that share the memory each page once', () => {
    const k = machine(16_384);
    const plan = { batch: 16, sleepUs: 500 };
    const big = walker({ pages: MEMORY_PAGES + 1_500, ...plan });
    const process = addProgram(k, { comm: 'shared' }, big);
    for (let i = 0; i < 3; i++)
      addThread(k, process, { comm: 'shared' }, walker({ pages: 1, ...plan }));
    for (let step = 1; step <= 40; step++) {
      k.sched.run(4 * SECOND + step * (SECOND / 10));
      checkSlots(k);
    }
    assert.ok(process.mm !== undefined && process.mm.swapSlots.size > 500);
    const lists = Object.values(k.node.lru);
    const cached = k.swap!.cache;
    for (const list of lists) {
      for (let page = list.tail; page !== undefined; page = page.previous) {
        if (page.mm !== undefined || list.isFile) continue;
        assert.ok(cached.has(page), `pfn ${page.pfn} belongs to nobody`);
      }
    }
  });
});
