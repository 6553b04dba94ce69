// Zones of the 4.4 flavour in the vmcore against the state of the simulated memory.

import assert from 'node:assert/strict';
import type { MemoryFacts, ZoneFacts } from '../../../src/sim/image/memory-facts.ts';
import type { MachineImage } from '../../../src/sim/image/machine.ts';
import type { Ledger } from '../../../src/sim/ledger.ts';
import type { Ref } from '../../../src/target/ref.ts';
import type { Vmcore } from '../../../src/target/vmcore.ts';
import { vaddr, vaddrAdd, type Vaddr } from '../../../src/util/address.ts';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openVmcore } from '../../../src/target/open.ts';
import { runScenario, writeRun } from '../../support/simulated.ts';
import { listNodes } from '../../support/struct-list.ts';

const STRUCT_PAGE_SIZE = 64;
const LRU_OFFSET = 32;
const BUDDY_MAPCOUNT = -128n;
const ZONE_TYPES = { DMA: 'ZONE_DMA', DMA32: 'ZONE_DMA32', Normal: 'ZONE_NORMAL' };

describe('writeZones44', function () {
  this.timeout(180_000);
  let folder: string;
  let image: MachineImage;
  let facts: MemoryFacts;
  let ledger: Ledger;
  let vmcore: Vmcore;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'stallcore-zones-4.4-'));
    const knobs = { ramMiB: 96, dumpSeconds: 3 };
    const run = runScenario('overload', { seed: 1, kmallocwd: 1, flavour: '4.4', knobs });
    ({ image, ledger } = run);
    assert.ok(image.facts.memory !== undefined);
    facts = image.facts.memory;
    const { paths, systemMap } = writeRun(run, join(folder, 'vmcore'), { format: 'kdump' });
    vmcore = await openVmcore([...paths], { systemMap: systemMap! });
  });
  after(() => {
    vmcore.close();
    rmSync(folder, { recursive: true });
  });

  const enumerator = (name: string): number => Number(vmcore.types.findEnumerator(name));
  const pgdat = (): Ref => {
    const node = vmcore.global('node_data').at(0).deref();
    return vmcore.object('pglist_data', node.address);
  };
  const zoneOf = ({ name }: ZoneFacts): Ref =>
    pgdat().member(`node_zones[${enumerator(ZONE_TYPES[name as 'DMA'])}]`);
  const signed = (ref: Ref, bits = 64): number => Number(BigInt.asIntN(bits, ref.integer()));
  const pfnOf = (lru: Vaddr): number =>
    Number(lru - BigInt(LRU_OFFSET) - image.facts.kaslr.vmemmapBase) / STRUCT_PAGE_SIZE;
  const pageAt = (pfn: number): Ref =>
    vmcore.object('page', vaddrAdd(vaddr(image.facts.kaslr.vmemmapBase), pfn * STRUCT_PAGE_SIZE));
  const pageset = (each: ZoneFacts, cpu: number): Ref => {
    const at = zoneOf(each).member('pageset').integer() + vmcore.perCpuOffset(cpu);
    return vmcore.object('per_cpu_pageset', vaddr(at));
  };
  /** A counter of all zones, with what the CPUs keep for themselves. */
  const counted = (name: string): number => {
    const item = enumerator(name);
    const ofZone = (each: ZoneFacts): number =>
      each.pcp.reduce(
        (sum, _, cpu) => sum + signed(pageset(each, cpu).member(`vm_stat_diff[${item}]`), 8),
        signed(zoneOf(each).member(`vm_stat[${item}].counter`)),
      );
    return facts.zones.reduce((sum, each) => sum + ofZone(each), 0);
  };

  it('gives every zone its name, size and watermarks', () => {
    assert.deepEqual(
      facts.zones.map(({ name }) => name),
      ['DMA', 'DMA32'],
    );
    for (const each of facts.zones) {
      const zone = zoneOf(each);
      const name = vmcore.readAvailable(zone.member('name').pointer(), 8);
      assert.equal(Buffer.from(name).toString('latin1').split('\0')[0], each.name);
      assert.equal(zone.member('zone_pgdat').pointer(), pgdat().address);
      assert.equal(zone.member('managed_pages').number(), each.managedPages);
      const { min, low, high } = each.watermark;
      const marks = [0, 1, 2].map((i) => zone.member(`watermark[${i}]`).number());
      assert.deepEqual(marks, [min, low, high]);
    }
  });

  it('links as many free blocks of each order as the zone has, all of them free', () => {
    const movable = enumerator('MIGRATE_MOVABLE');
    let count = 0;
    for (const each of facts.zones) {
      each.free.forEach((blocks, order) => {
        const area = zoneOf(each).member(`free_area[${order}]`);
        assert.equal(area.member('nr_free').number(), blocks.length);
        const pfns = listNodes(vmcore, area.member(`free_list[${movable}]`).address).map(pfnOf);
        assert.deepEqual(pfns, blocks);
        for (const pfn of pfns) {
          const page = pageAt(pfn);
          const mapcount = page.member('_mapcount.counter').integer();
          assert.equal(BigInt.asIntN(32, mapcount), BUDDY_MAPCOUNT);
          assert.equal(page.member('private').number(), order);
          count++;
        }
      });
    }
    assert.ok(count > 0);
  });

  it('has as many single pages on the list of each CPU as it counts', () => {
    const movable = enumerator('MIGRATE_MOVABLE');
    let total = 0;
    for (const each of facts.zones) {
      each.pcp.forEach(({ count }, cpu) => {
        const pcp = pageset(each, cpu).member('pcp');
        assert.equal(pcp.member('count').number(), count);
        const pfns = listNodes(vmcore, pcp.member(`lists[${movable}]`).address).map(pfnOf);
        assert.equal(new Set(pfns).size, count);
        total += count;
      });
    }
    assert.ok(total > 0, 'no CPU has a page: the test shows nothing');
  });

  it('links the pages of its LRU lists, which lie in the zone and are on it by their flags', () => {
    const [lru, active] = ['PG_lru', 'PG_active'].map((name) => 1n << BigInt(enumerator(name)));
    let total = 0;
    for (const each of facts.zones) {
      const { startPfn, spannedPages } = each;
      facts.node.lru.forEach((all, index) => {
        const head = zoneOf(each).member(`lruvec.lists[${index}]`).address;
        const pfns = listNodes(vmcore, head).map(pfnOf);
        const isOwn = (pfn: number): boolean => pfn >= startPfn && pfn - startPfn < spannedPages;
        assert.deepEqual(pfns, all.filter(isOwn));
        for (const pfn of pfns.slice(0, 50)) {
          const flags = pageAt(pfn).member('flags').integer();
          assert.equal((flags & lru!) !== 0n, true);
          assert.equal((flags & active!) !== 0n, index % 2 === 1);
        }
        total += pfns.length;
      });
    }
    assert.ok(total > 1000);
  });

  it('counts in its zones what the simulation counts of the node', () => {
    const { memory } = ledger;
    assert.ok(memory.dirty! > 0 && memory.writeback! > 0);
    const expected = {
      NR_ISOLATED_ANON: memory.isolatedAnon,
      NR_ISOLATED_FILE: memory.isolatedFile,
      NR_FILE_DIRTY: memory.dirty,
      NR_WRITEBACK: memory.writeback,
      NR_INACTIVE_FILE: memory.inactive_file,
      NR_ACTIVE_ANON: memory.active_anon,
      NR_KERNEL_STACK: ledger.tasks.length,
    };
    const found = Object.keys(expected).map((name) => [name, counted(name)]);
    assert.deepEqual(Object.fromEntries(found), expected);
  });

  it('adds the counters of all zones up in vm_stat', () => {
    const item = enumerator('NR_FREE_PAGES');
    const sum = facts.zones.reduce((total, each) => {
      return total + signed(zoneOf(each).member(`vm_stat[${item}].counter`));
    }, 0);
    const at = vaddrAdd(vmcore.symbol('vm_stat'), item * 8);
    assert.equal(Number(new DataView(vmcore.readBytes(at, 8).buffer).getBigInt64(0, true)), sum);
  });

  it('leads from the zonelist to the zones, the highest first', () => {
    const zones = facts.zones.map((each) => zoneOf(each).address).reverse();
    const refs = [...zones, 0n].map((_, i) =>
      pgdat().member(`node_zonelists[0]._zonerefs[${i}].zone`).pointer(),
    );
    assert.deepEqual(refs, [...zones, 0n]);
  });

  it('leads from mem_section to the struct pages, whose pageblocks are movable', () => {
    const root = new DataView(vmcore.readBytes(vmcore.symbol('mem_section'), 8).buffer);
    const section = vmcore.object('mem_section', vaddr(root.getBigUint64(0, true)));
    const map = section.member('section_mem_map').integer();
    // SECTION_MARKED_PRESENT and SECTION_HAS_MEM_MAP.
    assert.equal(map, image.facts.kaslr.vmemmapBase + 3n);
    const bits = vmcore.readBytes(section.member('pageblock_flags').pointer(), 32);
    const word = new DataView(bits.buffer, bits.byteOffset).getBigUint64(0, true);
    // get_pfnblock_flags_mask() of the first pageblock: PB_migrate_end is 2.
    assert.equal(Number((word >> 61n) & 7n), enumerator('MIGRATE_MOVABLE'));
  });
});

describe('writeNode44', function () {
  this.timeout(180_000);

  it('leads from kswapd_wait to the entry on the stack of kswapd', async () => {
    const knobs = { ramMiB: 96, dumpSeconds: 1 };
    const run = runScenario('quiet', { seed: 1, kmallocwd: 1, flavour: '4.4', knobs });
    const folder = mkdtempSync(join(tmpdir(), 'stallcore-node-4.4-'));
    const { paths, systemMap } = writeRun(run, join(folder, 'vmcore'), { format: 'kdump' });
    const vmcore = await openVmcore([...paths], { systemMap: systemMap! });
    try {
      const node = vmcore.global('node_data').at(0).deref().address;
      const pgdat = vmcore.object('pglist_data', node);
      const head = pgdat.member('kswapd_wait.task_list').address;
      const [list, ...others] = listNodes(vmcore, head);
      assert.ok(list !== undefined && others.length === 0);
      // struct __wait_queue: flags, private, func, task_list.
      const entry = vmcore.object('__wait_queue', vaddrAdd(list, -24));
      assert.equal(entry.member('task_list').address, list);
      assert.equal(entry.member('func').pointer(), vmcore.symbol('autoremove_wake_function'));
      const kswapd = entry.member('private').pointer();
      assert.equal(kswapd, pgdat.member('kswapd').pointer());
      const task = vmcore.object('task_struct', kswapd);
      assert.equal(Buffer.from(task.member('comm').cString()).toString(), 'kswapd0');
      const stack = task.member('stack').pointer();
      assert.ok(list > stack && list < vaddrAdd(stack, 16 << 10), 'the entry is on the stack');
    } finally {
      vmcore.close();
      rmSync(folder, { recursive: true });
    }
  });
});
