// Every page that a zone manages is somewhere, at boot and while a machine stalls.

import assert from 'node:assert/strict';
import { boot } from '../../../src/sim/boot.ts';
import type { Kernel } from '../../../src/sim/core/kernel.ts';
import { FEATURES_DEFAULT, REMEDIES_NONE } from '../../../src/sim/core/options.ts';
import { MAX_ORDER } from '../../../src/sim/mm/buddy.ts';
import type { Zone } from '../../../src/sim/mm/mmzone.ts';
import { cpusMax, free_area_init, idleTasksMax } from '../../../src/sim/mm/free-area-init.ts';
import { findScenario } from '../../../src/sim/scenarios/list.ts';
import { Prng } from '../../../src/util/prng.ts';
import { runKernel } from '../../support/run-kernel.ts';

/** Pages in free blocks of the zone itself. */
function freePages({ free }: Zone): number {
  let pages = 0;
  for (let order = 0; order < MAX_ORDER; order++) pages += free.count(order) * 2 ** order;
  return pages;
}

/** Pages that somebody has, by looking at each pfn. */
function pagesInUse({ inUse, startPfn, spannedPages }: Zone): number {
  let pages = 0;
  for (let pfn = startPfn; pfn < startPfn + spannedPages; pfn++) {
    const page = inUse.at(pfn);
    if (page !== undefined) pages += 2 ** page.order;
  }
  return pages;
}

/** Free, on the list of a CPU or in use: nothing is missing, nothing is twice. */
function checkPages({ node }: Kernel): void {
  for (const zone of node.zones) {
    const onCpus = zone.pcp.reduce((sum, { count }) => sum + count, 0);
    const all = freePages(zone) + onCpus + pagesInUse(zone);
    assert.equal(all, zone.managedPages, zone.name);
    assert.equal(freePages(zone), zone.nrFree.snapshot, `NR_FREE_PAGES of ${zone.name}`);
  }
}

describe('free_area_init', () => {
  const machine = { hz: 250, cpuCount: 2, ramBytes: 128 << 20, kmallocwd: 10 } as const;
  const booted = (): Kernel =>
    boot({ ...machine, ...FEATURES_DEFAULT, ...REMEDIES_NONE }, new Prng(1));

  it('leaves every managed page free, on the list of a CPU or in use', () => {
    const k = booted();
    checkPages(k);
    k.sched.run(1_000_000);
    checkPages(k);
  });

  it('keeps memory for idle tasks, in the zone that has most of it', () => {
    const memory = { ramBytes: 1 << 30, cpuCount: 2, zoneDma: true };
    const [few, many] = [0, 6_000].map((idleTasks) => free_area_init({ ...memory, idleTasks }));
    const lost = few!.zones.map(
      ({ managedPages }, i) => managedPages - many!.zones[i]!.managedPages,
    );
    // Four pages of stack each, and those of the structs: an image of 6.1 takes 8.4 in all. The
    // first 500 have theirs already.
    assert.ok(lost[0]! > 8.4 * 5_500 && lost[0]! < 9 * 6_000, `${lost[0]}`);
    assert.equal(lost[1], 0);
  });

  it('has memory for so many idle tasks, and not for one more', () => {
    const memory = { ramBytes: 1 << 30, cpuCount: 2, zoneDma: true };
    const idleTasks = idleTasksMax(memory);
    assert.ok(free_area_init({ ...memory, idleTasks }).managedPages > 0);
    assert.throws(() => free_area_init({ ...memory, idleTasks: idleTasks + 1 }), /memory for/);
  });

  it('has memory for so many CPUs, and not for one more', () => {
    const memory = { ramBytes: 64 << 20, zoneDma: true };
    const cpuCount = cpusMax(memory);
    assert.ok(free_area_init({ ...memory, cpuCount }).managedPages > 0);
    assert.throws(() => free_area_init({ ...memory, cpuCount: cpuCount + 1 }), /memory for/);
  });

  it('shows a count of free pages that lags behind by what CPUs have not folded in', () => {
    const k = booted();
    k.sched.run(500_000);
    const [zone] = k.node.zones;
    assert.ok(zone !== undefined);
    const { value, snapshot } = zone.nrFree;
    assert.equal(freePages(zone), snapshot);
    assert.notEqual(value, snapshot, 'all is folded in: the test shows nothing');
  });

  for (const name of ['oom-victim-mutex', 'bio-pool-empty', 'memcg-oom']) {
    it(`loses no page in ${name}`, () => {
      const scenario = findScenario(name);
      assert.ok(scenario !== undefined);
      checkPages(runKernel(scenario, { seed: 2, timeoutSeconds: 1 }).kernel);
    }).timeout(180_000);
  }
});
