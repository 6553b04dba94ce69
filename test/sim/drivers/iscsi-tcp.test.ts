import assert from 'node:assert/strict';
import { bio_alloc_bioset } from '../../../src/sim/block/bio.ts';
import { submit_bio } from '../../../src/sim/block/block.ts';
import type { Kernel } from '../../../src/sim/core/kernel.ts';
import { NetworkCard } from '../../../src/sim/drivers/e1000.ts';
import { IscsiDisk } from '../../../src/sim/drivers/iscsi-tcp.ts';
import { PF_MEMALLOC } from '../../../src/sim/kernel/task-bits.ts';
import { workqueue_init } from '../../../src/sim/kernel/workqueue.ts';
import { GFP_NOIO } from '../../../src/sim/mm/gfp.ts';
import type { Page } from '../../../src/sim/mm/mmzone.ts';
import { addThread, bareKernel } from '../../support/bare-kernel.ts';
import { SECOND_US, takeAllMemory } from '../../support/simulated-machine.ts';

const US_PER_PAGE = 100;
const ROUND_TRIP_US = 20_000;
const PAGES = 8;

function machine(): { k: Kernel; card: NetworkCard; disk: IscsiDisk } {
  const k = bareKernel();
  workqueue_init(k);
  const card = new NetworkCard(k);
  const disk = new IscsiDisk(k, card, { usPerPage: US_PER_PAGE, roundTripUs: ROUND_TRIP_US });
  k.sched.run(SECOND_US);
  return { k, card, disk };
}

/** Submits so many bios. @returns when each was done, in microseconds from now */
function submit(k: Kernel, disk: IscsiDisk, count: number): number[] {
  const from = k.sched.now;
  const done: number[] = [];
  addThread(k, 'submitter', 0, function* () {
    for (let i = 0; i < count; i++) {
      const end = (): number => (done[i] = k.sched.now - from);
      const plan = { device: disk, pages: PAGES, isWrite: true, end: () => void end() };
      const bio = yield* bio_alloc_bioset(k, { set: k.fsBioSet, gfp: GFP_NOIO, plan });
      assert.ok(bio !== undefined);
      yield* submit_bio(k, bio);
    }
  });
  return done;
}

/** Frees pages, for any CPU to take. */
function giveBack(k: Kernel, pages: readonly Page[]): void {
  for (const page of pages) page.zone.give(page);
  for (const { pcp } of k.node.zones) for (const lists of pcp) lists.drain();
}

describe('IscsiDisk', () => {
  it('ends each bio when the answer has come back, and frees the packets then', () => {
    const { k, disk } = machine();
    const done = submit(k, disk, 5);
    k.sched.run(k.sched.now + ROUND_TRIP_US / 2);
    assert.equal(disk.sentPages, 5 * PAGES);
    const packets = disk.sent.flatMap((sent) => sent.packets);
    for (const page of packets) assert.equal(page.zone.inUse.at(page.pfn), page);
    assert.equal(done.length, 0);
    k.sched.run(k.sched.now + SECOND_US);
    assert.equal(done.length, 5);
    for (const [i, us] of done.entries()) {
      assert.ok(us >= ROUND_TRIP_US + (i + 1) * PAGES * US_PER_PAGE, `bio ${i}: ${us} us`);
    }
    assert.deepEqual([disk.sentPages, disk.sent.length, disk.queue.length], [0, 0, 0]);
    for (const page of packets) assert.notEqual(page.zone.inUse.at(page.pfn), page);
  });

  it('may use all of the reserves for what it sends, and only for that', () => {
    const { k, disk } = machine();
    giveBack(k, takeAllMemory(k).slice(0, 4 * PAGES));
    const done = submit(k, disk, 1);
    k.sched.run(k.sched.now + ROUND_TRIP_US / 2);
    assert.equal(disk.sentPages, PAGES);
    for (const task of k.threads()) assert.equal(task.flags & PF_MEMALLOC, 0, task.comm);
    k.sched.run(k.sched.now + SECOND_US);
    assert.equal(done.length, 1);
  });

  it('gives back what it has where there is no page for all of a packet, and tries again', () => {
    const { k, disk } = machine();
    // The bio itself comes out of its reserve.
    const taken = takeAllMemory(k);
    const few = taken.splice(0, PAGES - 1);
    giveBack(k, few);
    const done = submit(k, disk, 1);
    k.sched.run(k.sched.now + SECOND_US);
    assert.deepEqual([disk.queue.length, disk.sentPages], [1, 0]);
    for (const page of few) assert.equal(page.zone.inUse.at(page.pfn), undefined);
    giveBack(k, taken);
    k.sched.run(k.sched.now + SECOND_US);
    assert.equal(done.length, 1);
  });

  it('hears an answer that was lost when the target sends it again, ever more rarely', () => {
    const { k, card, disk } = machine();
    const ring = card.ring.splice(0);
    giveBack(k, takeAllMemory(k).slice(0, 4 * PAGES));
    const done = submit(k, disk, 1);
    k.sched.run(k.sched.now + 2 * SECOND_US);
    // 0.2 s, then 0.4 s, 0.8 s and so on.
    assert.equal(card.missed, 4);
    assert.equal(disk.rtoUs, SECOND_US * 1.6);
    assert.equal(done.length, 0);
    card.ring.push(...ring);
    k.sched.run(k.sched.now + 2 * SECOND_US);
    assert.deepEqual([done.length, disk.rtoUs, disk.answers], [1, 0, 0]);
  });

  it('names the thread of the card as who has to run', () => {
    const { card, disk } = machine();
    assert.deepEqual(disk.workers(), [card.task]);
  });
});
