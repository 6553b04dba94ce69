import assert from 'node:assert/strict';
import { addProgram, addThread, boot } from '../../../src/sim/boot.ts';
import type { Kernel } from '../../../src/sim/core/kernel.ts';
import { FEATURES_DEFAULT, REMEDIES_NONE } from '../../../src/sim/core/options.ts';
import { __x64_sys_nanosleep } from '../../../src/sim/core/time.ts';
import { page_fault, syscall } from '../../../src/sim/kernel/entry.ts';
import { sendSigkill } from '../../../src/sim/kernel/signal.ts';
import { schedule_timeout_uninterruptible } from '../../../src/sim/kernel/timer.ts';
import { down_write, up_write } from '../../../src/sim/locking/rwsem.ts';
import {
  __x64_sys_brk,
  __x64_sys_mmap,
  __x64_sys_mremap,
  __x64_sys_munmap,
} from '../../../src/sim/mm/mmap.ts';
import type { Program } from '../../../src/sim/programs.ts';
import { Prng } from '../../../src/util/prng.ts';
import { addThread as addKthread } from '../../support/bare-kernel.ts';

const SECOND = 1_000_000;
const HOUR_US = 3_600 * SECOND;

function machine(): Kernel {
  const options = { hz: 250, cpuCount: 2, ramBytes: 128 << 20, kmallocwd: 0 } as const;
  return boot({ ...options, ...FEATURES_DEFAULT, ...REMEDIES_NONE }, new Prng(4));
}

/** A program that does one thing and sleeps. */
function once(body: Program): Program {
  return function* (k) {
    yield* body(k);
    yield* syscall(k, __x64_sys_nanosleep, HOUR_US);
  };
}

describe('__x64_sys_mmap', () => {
  it('adds a range, and munmap takes it and its pages away', () => {
    const k = machine();
    const sizes: number[][] = [];
    const { mm } = addProgram(
      k,
      { comm: 'mapper' },
      once(function* () {
        const look = (): void => {
          const { vmas = -1, totalPages = -1, anonPages } = k.current.mm ?? {};
          sizes.push([vmas, totalPages, anonPages?.size ?? -1]);
        };
        look();
        yield* syscall(k, __x64_sys_mmap, { pages: 100 });
        yield* syscall(k, __x64_sys_brk, { pages: 10 });
        for (let i = 0; i < 100; i++) yield* page_fault(k, 'anon');
        look();
        yield* syscall(k, __x64_sys_munmap, { pages: 100 });
        look();
      }),
    );
    k.sched.run(SECOND);
    const total = sizes[0]?.[1] ?? -1;
    assert.deepEqual(sizes, [
      [0, total, 0],
      [1, total + 110, 100],
      [0, total + 10, 0],
    ]);
    assert.equal(mm?.mmapLock.count, 0n);
  });

  it('waits for who holds the lock for writing, unless it is killed', () => {
    const k = machine();
    const process = addProgram(
      k,
      { comm: 'mapper' },
      once(function* () {
        yield* syscall(k, __x64_sys_nanosleep, SECOND / 10);
        yield* syscall(k, __x64_sys_mmap, { pages: 1 });
      }),
    );
    const { mm, leader } = process;
    assert.ok(mm !== undefined);
    addKthread(k, 'holder', 0, function* () {
      yield* down_write(k, mm.mmapLock);
      yield* schedule_timeout_uninterruptible(k, 500);
      up_write(k, mm.mmapLock);
    });
    k.sched.run(SECOND / 2);
    assert.equal(leader.blockedOn, mm.mmapLock);
    sendSigkill(k, process);
    k.sched.run(5 * SECOND);
    assert.equal(k.processes.includes(process), false);
    assert.equal(mm.vmas, 0);
  });
});

describe('__x64_sys_mremap', () => {
  it('takes page tables for the new place, and exit gives them back', () => {
    const k = machine();
    const process = addProgram(
      k,
      { comm: 'mover' },
      once((kernel) => syscall(kernel, __x64_sys_mremap, { pages: 1_025 })),
    );
    k.sched.run(SECOND);
    assert.equal(process.mm?.pageTables.length, 3);
    const pages = [...process.mm.pageTables];
    for (const page of pages) assert.equal(page.zone.inUse.at(page.pfn), page);
    sendSigkill(k, process);
    k.sched.run(2 * SECOND);
    for (const page of pages) assert.notEqual(page.zone.inUse.at(page.pfn), page);
  });
});

describe('addThread', () => {
  it('shares one address space, which ends with the last thread', () => {
    const k = machine();
    const touch = (pages: number): Program =>
      once(function* () {
        for (let i = 0; i < pages; i++) yield* page_fault(k, 'anon');
      });
    const process = addProgram(k, { comm: 'shared' }, touch(30));
    for (const pages of [20, 10]) addThread(k, process, { comm: 'shared' }, touch(pages));
    k.sched.run(SECOND);
    const { mm } = process;
    assert.deepEqual([mm?.users, mm?.anonPages.size, process.threads.length], [3, 60, 3]);
    for (const { mm: own } of process.threads) assert.equal(own, mm);
    sendSigkill(k, process);
    k.sched.run(2 * SECOND);
    assert.deepEqual([mm?.users, mm?.anonPages.size], [0, 0]);
    assert.equal(k.processes.includes(process), false);
  });
});
