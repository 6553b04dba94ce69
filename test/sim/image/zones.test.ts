// Zones, free lists and counters in the vmcore against the state of the simulated memory.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CounterFacts, MemoryFacts, ZoneFacts } from '../../../src/sim/image/memory-facts.ts';
import type { MachineImage } from '../../../src/sim/image/machine.ts';
import { openVmcore } from '../../../src/target/open.ts';
import type { Ref } from '../../../src/target/ref.ts';
import type { Vmcore } from '../../../src/target/vmcore.ts';
import { vaddr, vaddrAdd, type Vaddr } from '../../../src/util/address.ts';
import { hasProgram, skipWithReason } from '../../support/bpftool.ts';
import { CONTAINERS, runScenario } from '../../support/simulated.ts';
import { listNodes } from '../../support/struct-list.ts';

const STRUCT_PAGE_SIZE = 64;
const LRU_OFFSET = 8;
const BUDDY_MAPCOUNT = -129;

describe('writeNode', function () {
  this.timeout(180_000);
  let folder: string;
  let image: MachineImage;
  let facts: MemoryFacts;
  let vmcore: Vmcore;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'stallcore-zones-'));
    ({ image } = runScenario('quiet', { seed: 1, kmallocwd: 4 }));
    assert.ok(image.facts.memory !== undefined);
    facts = image.facts.memory;
    const path = join(folder, 'vmcore');
    const kdump = CONTAINERS.find(({ name }) => name === 'kdump');
    assert.ok(kdump !== undefined);
    writeFileSync(path, kdump.bytes({ image } as Parameters<typeof kdump.bytes>[0]));
    vmcore = await openVmcore([path]);
  });
  after(() => {
    vmcore.close();
    rmSync(folder, { recursive: true });
  });

  const pgdat = (): Ref => {
    const node = vmcore.global('node_data').at(0).deref();
    return vmcore.object('pglist_data', node.address);
  };
  const enumerator = (name: string): number => Number(vmcore.types.findEnumerator(name));
  const zoneOf = ({ name }: ZoneFacts): Ref => {
    const type = { DMA: 'ZONE_DMA', DMA32: 'ZONE_DMA32', Normal: 'ZONE_NORMAL' }[name as 'DMA'];
    return pgdat().member(`node_zones[${enumerator(type)}]`);
  };
  const pfnOf = (lru: Vaddr): number =>
    Number(lru - BigInt(LRU_OFFSET) - image.facts.kaslr.vmemmapBase) / STRUCT_PAGE_SIZE;
  const pageAt = (pfn: number): Ref => {
    const base = vaddr(image.facts.kaslr.vmemmapBase);
    return vmcore.object('page', vaddrAdd(base, pfn * STRUCT_PAGE_SIZE));
  };
  /** A counter with what each CPU has not folded in yet. */
  const counter = (folded: Ref, stats: { pointer: Ref; struct: string; diff: string }): number => {
    let sum = Number(BigInt.asIntN(64, folded.integer()));
    for (let cpu = 0; cpu < image.facts.cpuCount; cpu++) {
      const at = vaddr(stats.pointer.integer() + vmcore.perCpuOffset(cpu));
      const diff = vmcore.object(stats.struct, at).member(stats.diff);
      sum += Number(BigInt.asIntN(8, diff.integer()));
    }
    return sum;
  };

  it('gives every zone its name, size and watermarks', () => {
    assert.ok(facts.zones.length > 0);
    for (const each of facts.zones) {
      const zone = zoneOf(each);
      const name = vmcore.readAvailable(zone.member('name').pointer(), 8);
      assert.equal(Buffer.from(name).toString('latin1').split('\0')[0], each.name);
      assert.equal(zone.member('zone_pgdat').pointer(), pgdat().address);
      assert.equal(zone.member('managed_pages.counter').number(), each.managedPages);
      assert.equal(zone.member('spanned_pages').number(), each.spannedPages);
      const { min, low, high } = each.watermark;
      const marks = [0, 1, 2].map((i) => zone.member(`_watermark[${i}]`).number());
      assert.deepEqual(marks, [min, low, high]);
    }
  });

  it('links as many free blocks of each order as the zone has, all of them free', () => {
    const movable = enumerator('MIGRATE_MOVABLE');
    for (const each of facts.zones) {
      const zone = zoneOf(each);
      let free = 0;
      each.free.forEach((blocks, order) => {
        const area = zone.member(`free_area[${order}]`);
        assert.equal(area.member('nr_free').number(), blocks.length);
        const pfns = listNodes(vmcore, area.member(`free_list[${movable}]`).address).map(pfnOf);
        assert.deepEqual(pfns, blocks);
        for (const pfn of pfns) {
          const page = pageAt(pfn);
          assert.equal(
            BigInt.asIntN(32, page.member('_mapcount.counter').integer()),
            BigInt(BUDDY_MAPCOUNT),
          );
          assert.equal(page.member('private').number(), order);
          free += 2 ** order;
        }
      });
      assert.equal(free, total(each.counters.NR_FREE_PAGES!));
    }
  });

  it('has the pages of each CPU on its lists', () => {
    const perOrder = enumerator('MIGRATE_PCPTYPES');
    const movable = enumerator('MIGRATE_MOVABLE');
    let total = 0;
    for (const each of facts.zones) {
      each.pcp.forEach(({ count, lists }, cpu) => {
        const offset = zoneOf(each).member('per_cpu_pageset').integer() + vmcore.perCpuOffset(cpu);
        const pcp = vmcore.object('per_cpu_pages', vaddr(offset));
        assert.equal(pcp.member('count').number(), count);
        lists.forEach((blocks, order) => {
          const head = pcp.member(`lists[${perOrder * order + movable}]`).address;
          assert.deepEqual(listNodes(vmcore, head).map(pfnOf), blocks);
          total += blocks.length;
        });
      });
    }
    assert.ok(total > 0, 'no CPU has a page: the test shows nothing');
  });

  it('has counters that are right once what each CPU has is added', () => {
    let unfolded = 0;
    for (const each of facts.zones) {
      const zone = zoneOf(each);
      const pointer = zone.member('per_cpu_zonestats');
      for (const [name, expected] of Object.entries(each.counters)) {
        const value = total(expected);
        const item = enumerator(name);
        const folded = zone.member(`vm_stat[${item}].counter`);
        const stats = { pointer, struct: 'per_cpu_zonestat', diff: `vm_stat_diff[${item}]` };
        assert.equal(counter(folded, stats), value, `${each.name} ${name}`);
        assert.equal(Number(BigInt.asIntN(64, folded.integer())), expected.folded);
        if (expected.folded !== value) unfolded++;
      }
    }
    const pointer = pgdat().member('per_cpu_nodestats');
    for (const [name, { folded: value }] of Object.entries(facts.node.counters)) {
      const item = enumerator(name);
      const folded = pgdat().member(`vm_stat[${item}].counter`);
      const stats = { pointer, struct: 'per_cpu_nodestat', diff: `vm_node_stat_diff[${item}]` };
      assert.equal(counter(folded, stats), value, name);
    }
    assert.ok(unfolded > 0, 'nothing is left with the CPUs: the test shows nothing');
  });

  it('adds the counters of all zones up in vm_zone_stat', () => {
    const item = enumerator('NR_FREE_PAGES');
    const sum = facts.zones.reduce((total, each) => {
      return total + BigInt.asIntN(64, zoneOf(each).member(`vm_stat[${item}].counter`).integer());
    }, 0n);
    const at = vaddrAdd(vmcore.symbol('vm_zone_stat'), item * 8);
    assert.equal(new DataView(vmcore.readBytes(at, 8).buffer).getBigInt64(0, true), sum);
  });

  it('links the pages of each LRU list, which are on it by their flags', () => {
    const [lru, active] = ['PG_lru', 'PG_active'].map((name) => 1n << BigInt(enumerator(name)));
    let total = 0;
    facts.node.lru.forEach((expected, index) => {
      const head = pgdat().member(`__lruvec.lists[${index}]`).address;
      const pfns = listNodes(vmcore, head).map(pfnOf);
      assert.deepEqual(pfns, expected);
      for (const pfn of pfns.slice(0, 100)) {
        const flags = pageAt(pfn).member('flags').integer();
        assert.equal((flags & lru!) !== 0n, true);
        assert.equal((flags & active!) !== 0n, index % 2 === 1);
      }
      total += pfns.length;
    });
    assert.ok(total > 1000);
  });

  it('leads from the zonelist to the zones, the highest first', () => {
    const names = facts.zones.map((each) => zoneOf(each).address).reverse();
    const refs = [...names, 0n].map((_, i) => {
      return pgdat().member(`node_zonelists[0]._zonerefs[${i}].zone`).pointer();
    });
    assert.deepEqual(refs, [...names, 0n]);
  });

  it('is filtered by makedumpfile by its struct pages', function () {
    if (!hasProgram('makedumpfile', '-v')) skipWithReason(this, 'makedumpfile is not installed');
    const [from, to] = ['vmcore', 'filtered'].map((name) => join(folder, name));
    execFileSync('makedumpfile', ['-d', '31', '-c', from!, to!], { stdio: 'pipe' });
  });
});

/** A counter with what the CPUs keep for themselves. */
function total({ folded, diffs = [] }: CounterFacts): number {
  return diffs.reduce((sum, diff) => sum + diff, folded);
}
