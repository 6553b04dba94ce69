import assert from 'node:assert/strict';
import { bio_alloc_bioset, BioSet } from '../../../src/sim/block/bio.ts';
import { Disk, submit_bio } from '../../../src/sim/block/block.ts';
import type { Code } from '../../../src/sim/core/code.ts';
import type { Kernel } from '../../../src/sim/core/kernel.ts';
import { GFP_NOIO } from '../../../src/sim/mm/gfp.ts';
import { bareKernel, runBody } from '../../support/bare-kernel.ts';

const BIOS = 200;

/** Submits bios of a page each; called back when one is done. */
function* submitAll(k: Kernel, disk: Disk, done: (index: number) => void): Code {
  const set = new BioSet(k, { name: 'tested', poolSize: BIOS });
  for (let i = 0; i < BIOS; i++) {
    const plan = { device: disk, pages: 1, isWrite: true, end: () => done(i) };
    const bio = yield* bio_alloc_bioset(k, { set, gfp: GFP_NOIO, plan });
    assert.ok(bio !== undefined);
    yield* submit_bio(k, bio);
  }
}

describe('submit_bio', () => {
  it('does one request after the other, and makes who has too many wait', () => {
    const k = bareKernel();
    const disk = new Disk('sda', 1000);
    const done: number[] = [];
    let most = 0;
    let submittedAt = 0;
    runBody(k, function* () {
      yield* submitAll(k, disk, (index) => {
        most = Math.max(most, disk.inFlight + 1);
        done.push(index);
      });
      submittedAt = k.sched.now;
    });
    assert.deepEqual(
      done,
      Array.from({ length: BIOS }, (_, i) => i),
    );
    assert.equal(most, 128);
    // The last one could only be submitted when the 72nd was done.
    assert.ok(submittedAt >= (BIOS - 128) * 1000, `${submittedAt}`);
    assert.equal(disk.inFlight, 0);
  });

  it('says that the queue is congested while seven eighths of the requests are taken', () => {
    const k = bareKernel();
    const disk = new Disk('sda', 1000);
    const states = new Map<number, boolean>();
    runBody(k, () => submitAll(k, disk, () => states.set(disk.inFlight, disk.isCongested)));
    assert.equal(states.get(127), true);
    assert.equal(states.get(103), true);
    assert.equal(states.get(102), false);
    assert.deepEqual([disk.isCongested, k.congestion.queues], [false, 0]);
  });
});
