import assert from 'node:assert/strict';
import { Disk } from '../../../src/sim/block/block.ts';
import {
  __folio_lock,
  folio_end_writeback,
  folio_start_writeback,
  folio_unlock,
  folio_wait_locked,
  folio_wait_writeback,
} from '../../../src/sim/mm/filemap.ts';
import { schedule_timeout_uninterruptible } from '../../../src/sim/kernel/timer.ts';
import { addThread, bareKernel } from '../../support/bare-kernel.ts';

const MS = 1_000;

describe('folio_wait_writeback', () => {
  it('waits for that page and for no other', () => {
    const k = bareKernel();
    const disk = new Disk('sda', 100);
    const pages = [0, 1].map(() => k.node.zones[0]!.take(0)!);
    const woken: string[] = [];
    for (const [i, page] of pages.entries()) {
      folio_start_writeback(k, page, disk);
      for (const name of ['a', 'b']) {
        addThread(k, `${name}${i}`, 0, function* () {
          yield* folio_wait_writeback(k, page);
          woken.push(`${name}${i}`);
        });
      }
    }
    assert.equal(k.node.nrWriteback, 2);
    k.sched.run(10 * MS);
    const sleeper = [...k.threads()].find(({ comm }) => comm === 'a1');
    assert.equal(sleeper?.blockedOn?.kind, 'PG_writeback');
    assert.deepEqual(sleeper.blockedOn.holders(), []);
    k.sched.at(20 * MS, () => folio_end_writeback(k, pages[1]!));
    k.sched.run(40 * MS);
    assert.deepEqual(woken.toSorted(), ['a1', 'b1']);
    k.sched.at(50 * MS, () => folio_end_writeback(k, pages[0]!));
    k.sched.run(80 * MS);
    assert.deepEqual(woken.toSorted(), ['a0', 'a1', 'b0', 'b1']);
    assert.deepEqual([k.node.nrWriteback, k.pageWaits.queues.size], [0, 0]);
    assert.equal(k.writeback.inFlight.size, 0);
  });
});

describe('folio_end_writeback', () => {
  it('puts a page that reclaim wanted where reclaim looks next', () => {
    const k = bareKernel();
    const { inactive_file: inactive, active_file: active } = k.node.lru;
    const [page, other] = [0, 1].map(() => k.node.zones[0]!.take(0)!);
    active.add(page!);
    inactive.add(other!);
    folio_start_writeback(k, page!, new Disk('sda', 100));
    page!.reclaim = true;
    folio_end_writeback(k, page!);
    assert.deepEqual([inactive.tail, page!.reclaim, page!.writeback], [page, false, false]);
    assert.equal(active.length, 0);
  });
});

describe('__folio_lock', () => {
  it('is held by one task at a time, and who waits knows by whom', () => {
    const k = bareKernel();
    const page = k.node.zones[0]!.take(0)!;
    const got: string[] = [];
    const first = addThread(k, 'first', 0, function* () {
      yield* __folio_lock(k, page);
      got.push('first');
      yield* schedule_timeout_uninterruptible(k, 25);
      folio_unlock(k, page);
    });
    const second = addThread(k, 'second', 1, function* () {
      yield* __folio_lock(k, page);
      got.push('second');
      folio_unlock(k, page);
    });
    addThread(k, 'looker', 1, function* () {
      yield* folio_wait_locked(k, page);
      got.push('looker');
    });
    k.sched.run(20 * MS);
    assert.deepEqual(got, ['first']);
    assert.equal(second.blockedOn?.kind, 'PG_locked');
    assert.deepEqual(second.blockedOn.holders(), [first]);
    k.sched.run(500 * MS);
    assert.deepEqual(got.toSorted(), ['first', 'looker', 'second']);
    assert.equal(k.pageWaits.locked.size, 0);
  });
});
