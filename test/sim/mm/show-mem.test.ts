import assert from 'node:assert/strict';
import { boot } from '../../../src/sim/boot.ts';
import type { Kernel } from '../../../src/sim/core/kernel.ts';
import { FEATURES_DEFAULT, REMEDIES_NONE } from '../../../src/sim/core/options.ts';
import type { LogRecord } from '../../../src/sim/kernel/printk.ts';
import { show_mem } from '../../../src/sim/mm/show-mem.ts';
import { Prng } from '../../../src/util/prng.ts';

/** The log of SysRq-m, by a thread that asks for it when the machine has run for a second. */
function showMem(): { k: Kernel; lines: string[] } {
  const machine = { hz: 250, cpuCount: 2, ramBytes: 128 << 20, kmallocwd: 0 } as const;
  const k = boot({ ...machine, ...FEATURES_DEFAULT, ...REMEDIES_NONE }, new Prng(1));
  k.sched.run(1_000_000);
  const before = k.log.records.length;
  k.kthread({ comm: 'sysrq' }, function* sysrq_showmem(kernel) {
    show_mem(kernel);
    kernel.current.state = 1;
    yield { kind: 'switch', preempted: false };
  });
  k.sched.run(1_100_000);
  const records = k.log.records.slice(before);
  return { k, lines: records.map(({ text }: LogRecord) => text) };
}

/** `name:123kB` and the like of a line. */
function numbersOf(line: string): Record<string, number> {
  const pairs = [...line.matchAll(/([\w()]+):(\d+)/g)];
  return Object.fromEntries(pairs.map(([, name, value]) => [name ?? '', Number(value)] as const));
}

describe('show_mem', () => {
  const { k, lines } = showMem();

  // The first words of each line of 6.1, in its order, for a machine of two zones.
  const order = [
    'Mem-Info:',
    'active_anon:',
    ' active_file:',
    ' unevictable:0 dirty:',
    ' slab_reclaimable:',
    ' mapped:',
    ' sec_pagetables:',
    ' kernel_misc_reclaimable:',
    ' free:',
    'Node 0 active_anon:',
    'Node 0 DMA free:',
    'lowmem_reserve[]: 0 ',
    'Node 0 DMA32 free:',
    'lowmem_reserve[]: 0 0 0 0',
    'Node 0 DMA: ',
    'Node 0 DMA32: ',
  ];
  it('prints the lines of 6.1 in their order', () => {
    order.forEach((start, i) => assert.ok(lines[i]?.startsWith(start), `${start} / ${lines[i]}`));
    const rest = lines.slice(order.length);
    assert.match(
      rest.join('\n'),
      /^\d+ total pagecache pages\n0 pages in swap cache\nFree swap {2}= /,
    );
    assert.match(
      rest.join('\n'),
      /\n\d+ pages RAM\n0 pages HighMem\/MovableOnly\n\d+ pages reserved$/,
    );
  });

  it('has zones that add up to the node', () => {
    const zones = lines.filter((line) => /^Node 0 DMA(32)? free/.test(line)).map(numbersOf);
    const sum = (name: string): number => zones.reduce((all, zone) => all + zone[name]!, 0) / 4;
    const total = numbersOf(lines[8]!);
    assert.deepEqual([sum('free'), sum('free_pcp')], [total.free, total.free_pcp]);
    const node = numbersOf(lines[9]!);
    for (const name of ['active_anon', 'inactive_anon', 'active_file', 'inactive_file']) {
      assert.equal(sum(name) * 4, node[name], name);
    }
    assert.ok(node.inactive_file! > 1_000);
  });

  it('has free blocks that add up to what is free', () => {
    const blocks = lines.filter((line) => /^Node 0 DMA(32)?: /.test(line));
    assert.equal(blocks.length, 2);
    for (const line of blocks) {
      const sizes = [...line.matchAll(/(\d+)\*(\d+)kB/g)].map(
        ([, n, kb]) => Number(n) * Number(kb),
      );
      const [, total] = /= (\d+)kB$/.exec(line)!;
      assert.equal(
        sizes.reduce((sum, size) => sum + size, 0),
        Number(total),
      );
    }
  });

  it('says what a zone keeps for itself', () => {
    const [dma32, dma] = k.node.zones;
    assert.ok(
      lines.includes(`lowmem_reserve[]: 0 ${[1, 2, 3].map(() => dma!.protection[0]).join(' ')}`),
    );
    assert.ok(dma!.protection[0]! > 0 && dma32!.protection[0] === 0);
  });
});
