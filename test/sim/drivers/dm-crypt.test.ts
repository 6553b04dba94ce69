import assert from 'node:assert/strict';
import { bio_alloc_bioset } from '../../../src/sim/block/bio.ts';
import { Disk, submit_bio } from '../../../src/sim/block/block.ts';
import { boot } from '../../../src/sim/boot.ts';
import type { Code } from '../../../src/sim/core/code.ts';
import type { Kernel } from '../../../src/sim/core/kernel.ts';
import { FEATURES_DEFAULT, REMEDIES_NONE } from '../../../src/sim/core/options.ts';
import { crypt_ctr, type DmCrypt } from '../../../src/sim/drivers/dm-crypt.ts';
import { GFP_NOIO } from '../../../src/sim/mm/gfp.ts';
import { Prng } from '../../../src/util/prng.ts';
import { runBody } from '../../support/bare-kernel.ts';

const SECOND = 1_000_000;
const BIOS = 40;
const PAGES = 4;

/** A disk that remembers the sizes of what it was given, and the pages that dm-crypt had then. */
class WatchedDisk extends Disk {
  crypt: DmCrypt | undefined;
  readonly seen: { pages: number; encrypted: number }[] = [];

  override schedule(now: number, pages: number): number {
    this.seen.push({ pages, encrypted: this.crypt?.pagePool.takenNr ?? 0 });
    return super.schedule(now, pages);
  }
}

function machine(cpuCount = 2): { k: Kernel; disk: WatchedDisk; crypt: DmCrypt } {
  const options = { hz: 250, cpuCount, ramBytes: 128 << 20, kmallocwd: 0 } as const;
  const k = boot({ ...options, ...FEATURES_DEFAULT, ...REMEDIES_NONE }, new Prng(1));
  const disk = new WatchedDisk('sdb', 100);
  const crypt = crypt_ctr(k, 'swap', disk);
  disk.crypt = crypt;
  return { k, disk, crypt };
}

function* submitAll(
  k: Kernel,
  crypt: DmCrypt,
  { isWrite, done }: { isWrite: boolean; done: (index: number) => void },
): Code {
  for (let i = 0; i < BIOS; i++) {
    const plan = { device: crypt, pages: PAGES, isWrite, end: () => done(i) };
    const bio = yield* bio_alloc_bioset(k, { set: k.fsBioSet, gfp: GFP_NOIO, plan });
    assert.ok(bio !== undefined);
    yield* submit_bio(k, bio);
  }
}

/** Nothing of the reserves is out. */
function checkReserves({ tioSet, cloneSet, pagePool }: DmCrypt): void {
  for (const pool of [tioSet.pool, cloneSet.pool, pagePool]) {
    assert.deepEqual([pool.currNr, pool.takenNr], [pool.minNr, 0], pool.name);
  }
}

describe('crypt_ctr', () => {
  for (const isWrite of [true, false]) {
    const what = isWrite ? 'written' : 'read';
    it(`sends what is ${what} through the disk once, and ends it once`, () => {
      const { k, disk, crypt } = machine();
      const done: number[] = [];
      runBody(k, () => submitAll(k, crypt, { isWrite, done: (index) => done.push(index) }));
      assert.deepEqual(
        done.toSorted((a, b) => a - b),
        Array.from({ length: BIOS }, (_, i) => i),
      );
      assert.equal(disk.seen.length, BIOS);
      for (const { pages, encrypted } of disk.seen) {
        assert.equal(pages, PAGES);
        // Only what is written has pages besides those that it came with.
        assert.ok(isWrite ? encrypted >= PAGES : encrypted === 0, `${encrypted}`);
      }
      checkReserves(crypt);
    });
  }

  it('keeps the order of what is written where one worker encrypts', () => {
    const { k, crypt } = machine(1);
    const done: number[] = [];
    runBody(k, () => submitAll(k, crypt, { isWrite: true, done: (index) => done.push(index) }));
    assert.deepEqual(
      done,
      Array.from({ length: BIOS }, (_, i) => i),
    );
  });

  it('books what its workers did, and that nobody throttled them', () => {
    const { k, crypt } = machine();
    runBody(k, () => submitAll(k, crypt, { isWrite: true, done: () => undefined }));
    const { works, throttled, total } = crypt.waits.between(k, 0, k.sched.now + SECOND);
    assert.equal(works, BIOS);
    assert.equal(throttled, 0);
    assert.ok(total >= 0);
  });
});
